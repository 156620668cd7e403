"""`runwatch rules`, and rules that other packages bring."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .command import runwatch
from .test_plugins import install

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


def plug(place, source, name="broken", point="Good"):
    install(place, name, {"aaa": f"{name}:{point}"}, {f"{name}.py": source}, group="runwatch.rules")


def test_they_are_listed_as_configured(place):
    (place.parent / "runwatch.toml").write_text(
        '[rules.plateau]\nenabled = false\n[rules.slow]\nmetric = "dt"\nabove = 3\n'
        '[[runs]]\nmatch = "exp-*"\nrules.hang = { least = 60 }\n'
    )
    listed = {}
    for name in ("", "exp-1"):
        lines = run(place, "rules", "--run", name).stdout.splitlines()
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
    text = run(place, "rules", "hang").stdout
    assert "It is on, retuned in runwatch.toml; it takes about " in text
    assert "least = 60 " in text
    assert "Default: 300." in text


def test_the_rule_of_the_documentation_judges(place):
    source = (EXAMPLE / "runwatch_entropy.py").read_text()
    plug(place, source, "runwatch_entropy", "EntropyCollapse")
    rows = [{"step": n, "loss": 2.0, "policy/entropy": 2.0 if n < 150 else 0.01} for n in range(300)]
    (place.parent / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = run(place, "check", "m.jsonl")
    assert "the entropy fell to 0.01 at step 191, from 2 [entropy_collapse]" in found.stdout
    (place.parent / "runwatch.toml").write_text("[rules.entropy_collapse]\npart = 0.001\n")
    assert "entropy_collapse" not in run(place, "check", "m.jsonl").stdout
    assert "explores nothing" in run(place, "rules", "entropy_collapse").stdout


def test_the_test_of_the_example_passes(tmp_path):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:asyncio", "-q"]
    done = subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", tmp_path, EXAMPLE / "tests"],
        env={"PYTHONPATH": f"{EXAMPLE}:{root}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


BROKEN = {
    "raises": ("raise OSError('no licence\\nfound')\n", "OSError: no licence found"),
    "is no rule": ("Good = 'hang'\n", "it is no rule"),
    "has a name of ours": (GOOD.replace("'good'", "'hang'"), "already a rule 'hang'"),
    "has an odd name": (GOOD.replace("'good'", "'Good Rule'"), "a rule's name is made of"),
    "has no summary": (GOOD.replace("'Says so.'", "''"), "needs a summary"),
    "cannot be made": (GOOD + "    more: int\n", "TypeError"),
    "has no methods": (GOOD.replace("(RunRule)", ""), "has no observe and tick"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_one_is_told_and_left_out(place, case):
    source, said = BROKEN[case]
    plug(place, source)
    done = run(place, "check", "x.log")
    (error,) = done.stderr.splitlines()
    assert error.startswith("runwatch: rule plugin aaa of broken is left out: ")
    assert said in error
    assert done.returncode == 0


@pytest.mark.parametrize("body", ["return 1 / 0", "return ['not a finding']"])
def test_one_that_raises_is_switched_off(place, body):
    plug(place, GOOD + f"    def judge(self, block):\n        {body}\n")
    done = run(place, "check", "x.log")
    (error,) = done.stderr.splitlines()
    assert error.startswith("runwatch: rule good failed and is off for x: ")
