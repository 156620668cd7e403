"""`runwatch rules`, and rules that other packages bring."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .command import called, runwatch
from .test_plugins import install, run_tests

EXAMPLE = Path(__file__).parents[2] / "examples" / "rule-plugin"
LOG = "".join(f"iter {n}: loss {9 / (n + 1):.4f}, time 250.00ms, mfu 40.00%\n" for n in range(40))
HEAD = "from dataclasses import dataclass\nfrom runwatch.alerts.rules.base import RunRule, threshold\n"
GOOD = HEAD + (
    "@dataclass\nclass Good(RunRule):\n    name = 'good'\n    summary = 'Says so.'\n"
    "    limit: float = threshold(3.0, 'a limit')\n"
)


@pytest.fixture
def place(tmp_path):
    """Return a directory that is searched for packages; the one above it is worked in."""
    (tmp_path / "site").mkdir()
    (tmp_path / "x.log").write_text(LOG)
    return tmp_path / "site"


def run(place, *arguments):
    root = Path(__file__).parents[2]
    return runwatch(*arguments, env={"PYTHONPATH": f"{place}:{root}"}, cwd=place.parent)


def plug(place, source, name, point):
    install(place, name, {"aaa": f"{name}:{point}"}, {f"{name}.py": source}, group="runwatch.rules")


def test_they_are_listed_as_configured(place):
    (place.parent / "runwatch.toml").write_text(
        '[rules.plateau]\nenabled = false\n[rules.slow]\nmetric = "dt"\nabove = 3\n'
        '[[runs]]\nmatch = "exp-*"\nrules.hang = { least = 60 }\n'
    )
    listed = {}
    for name in ("", "exp-1"):
        lines = called("rules", "--run", name, cwd=place.parent).stdout.splitlines()
        listed[name] = {
            one.split()[0]: (one.split()[1], two) for one, two in zip(lines[1::2], lines[2::2], strict=False)
        }
        assert "ms for a million rows" in lines[-1]
    assert listed[""]["plateau"][0] == "off"
    assert listed[""]["hang"][0] == listed[""]["slow"][0] == "on"
    assert listed["exp-1"]["hang"][0] == "retuned"
    assert "least = 60 (default 300)" in listed["exp-1"]["hang"][1]
    assert "above = 3, window = 1" in listed[""]["slow"][1]


def test_one_is_explained_as_configured(place):
    (place.parent / "runwatch.toml").write_text("[rules.hang]\nleast = 60\n")
    text = called("rules", "hang", cwd=place.parent).stdout
    assert "It is on, retuned in runwatch.toml; it takes about " in text
    assert "least = 60 " in text
    assert "Default: 300." in text


def test_the_rule_of_the_documentation_judges(place):
    source = (EXAMPLE / "runwatch_entropy.py").read_text()
    plug(place, source, "runwatch_entropy", "EntropyCollapse")
    rows = [{"step": n, "loss": 2.0, "policy/entropy": 2.0 if n < 150 else 0.01} for n in range(300)]
    for name in ("m", "calm"):
        (place.parent / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place.parent / "runwatch.toml").write_text(
        '[[runs]]\nmatch = "calm*"\nrules.entropy_collapse = { part = 0.001 }\n'
    )
    found = run(place, "check", "m.jsonl", "calm.jsonl").stdout
    assert found.count("the entropy fell to 0.01 at step 191, from 2 [entropy_collapse]") == 1
    assert found.index("m.jsonl: ") < found.index("[entropy_collapse]") < found.index("calm.jsonl: ")
    assert "explores nothing" in run(place, "rules", "entropy_collapse").stdout


def test_the_test_of_the_example_passes(monkeypatch):
    run_tests(EXAMPLE, monkeypatch)


BROKEN = {
    "raises": ("raise OSError('no licence\\nfound')\n", "OSError: no licence found"),
    "is no rule": ("Good = 'hang'\n", "it is no rule"),
    "has a name of ours": (GOOD.replace("'good'", "'hang'"), "already a rule 'hang'"),
    "has an odd name": (GOOD.replace("'good'", "'Good Rule'"), "a rule's name is made of"),
    "has no summary": (GOOD.replace("'Says so.'", "''"), "needs a summary"),
    "cannot be made": (GOOD + "    more: int\n", "TypeError"),
    "has no methods": (GOOD.replace("(RunRule)", ""), "has no observe and tick"),
}


def plug_all(place, sources):
    """Install one package whose rules are of these sources, one module each."""
    points = {f"point{n}": f"broken{n}:Good" for n in range(len(sources))}
    modules = {f"broken{n}.py": source for n, source in enumerate(sources)}
    install(place, "broken", points, modules, group="runwatch.rules")
    return points


def test_broken_ones_are_told_and_left_out(place):
    points = plug_all(place, [source for source, _ in BROKEN.values()])
    done = run(place, "check", "x.log")
    assert done.returncode == 0
    errors = done.stderr.splitlines()
    for case, (_, said), point, error in zip(BROKEN, BROKEN.values(), points, errors, strict=True):
        assert error.startswith(f"runwatch: rule plugin {point} of broken is left out: "), case
        assert said in error, case


@pytest.mark.deep
def test_one_that_raises_is_switched_off(place):
    bodies = {"good": "return 1 / 0", "fine": "return ['not a finding']"}
    judge = "    def judge(self, block):\n        {}\n"
    plug_all(
        place, [GOOD.replace("'good'", f"'{name}'") + judge.format(body) for name, body in bodies.items()]
    )
    done = run(place, "check", "x.log")
    for name, error in zip(sorted(bodies), sorted(done.stderr.splitlines()), strict=True):
        assert error.startswith(f"runwatch: rule {name} failed and is off for x: ")
