"""Names that look alike are told apart, and what comes from elsewhere reaches no terminal raw."""

import json
import os
import subprocess
import sys

import pytest

from runwatch.cli.headless import Printer
from runwatch.watcher.protocol import VERSION

from .command import called

GOOD = [f"step {step}/1000 | loss {2 + 1 / (step + 1):.4f} | lr 1e-3\n" for step in range(40)]
BAD = [*GOOD, "step 40/1000 | loss nan | lr 1e-3\n"]


def runs(*paths) -> dict[str, list[str]]:
    """Return name -> metrics of the findings, of the runs that `check` finds."""
    found = json.loads(called("check", "--json", *paths).stdout)["runs"]
    assert len({run["name"] for run in found}) == len(found)
    return {run["name"]: [row["metric"] for row in run["incidents"]] for run in found}


@pytest.mark.parametrize("alike", ["a\u200b.log", "a\u00ad.log", "a.log ", "a\U000e0041.log", "a\x1b[0m.log"])
@pytest.mark.parametrize("worse", [0, 1])
def test_files_whose_names_look_alike_are_two_runs(tmp_path, alike, worse):
    for number, name in enumerate(("a.log", alike)):
        (tmp_path / name).write_text("".join(BAD if number == worse else GOOD))
    found = runs(tmp_path / "a.log", tmp_path / alike)
    (marked,) = found.keys() - {"a"}
    assert marked.isprintable()
    assert found == {"a": [] if worse else ["train/loss"], marked: ["train/loss"] if worse else []}


def test_directories_whose_names_look_alike_are_two_runs(tmp_path):
    for name, lines in (("x", GOOD), ("x\u200b", BAD)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.log").write_text("".join(lines))
    found = runs(tmp_path)
    assert found.pop("x") == []
    assert list(found.values()) == [["train/loss"]]


@pytest.mark.parametrize("name", ["a\u200bc", "ac\u00ad", "a\u001b[0mc", "ac\ufe0f"])
@pytest.mark.parametrize("worse", ["ac", "other"])
def test_metrics_whose_names_look_alike_are_two_series(tmp_path, name, worse):
    lines = []
    for step in range(40):
        odd = float("nan") if step == 39 else 1.5
        row = {"step": step, "loss": 2.5, "ac": 1.0, name: 1.0}
        lines.append(json.dumps({**row, "ac" if worse == "ac" else name: odd}) + "\n")
    (tmp_path / "m.jsonl").write_text("".join(lines))
    ((run, metrics),) = runs(tmp_path / "m.jsonl").items()
    assert run == "m.jsonl"
    assert len(metrics) == 1
    assert (metrics == ["ac"]) == (worse == "ac")
    assert metrics[0].startswith("ac")
    assert metrics[0].isprintable()


EVIL = "\x1b]0;evil\x07\x1b[2J\u202eevil\x9b31m\nforged"


def test_lines_of_a_daemon_elsewhere_are_made_safe():
    body = {
        "type": "run", "run": EVIL, "format": EVIL, "sources": [EVIL],
    }  # fmt: skip
    line = Printer(False).text(body)
    assert line.isprintable()
    assert "evil" in line
    assert Printer(False).text({**body, "type": "text"}) == ""
    document = Printer(True).text(body)
    assert json.loads(document) == body
    assert document.isprintable()


DAEMON = """
import json, sys
def say(**reply): print(json.dumps(reply), flush=True)
evil = {evil!r}
print(evil, file=sys.stderr)
sys.stdin.readline()
if "old" in sys.argv: say(type="hello", version=99, software=evil, host=evil, pid=0); sys.exit(evil)
say(type="hello", version={version}, software=evil, host=evil, pid=1)
if "endless" in sys.argv: print("x" * (5 << 20), end="", flush=True); sys.stdin.read()
say(type="notice", message=evil)
say(type="line", body=dict(type="run", run=evil, format=evil, sources=[evil]))
say(type="failure", message=evil, exit_code=3)
"""


def attached(tmp_path, *words: str) -> subprocess.Popen[str]:
    """Attach to a daemon that says what it likes."""
    daemon = tmp_path / "daemon.py"
    daemon.write_text(DAEMON.format(evil=EVIL, version=VERSION))
    command = [sys.executable, "-m", "runwatch", "attach", "--headless"]
    return subprocess.Popen(
        [*command, f"--ssh={sys.executable} {daemon} {' '.join(words)}", "elsewhere"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_attach_prints_nothing_raw(tmp_path):
    with attached(tmp_path) as process:
        said: list[str] = []
        while not (said and "cannot be reached" in said[-1]):
            said.append(process.stdout.readline())
            assert said[-1], said
        process.terminate()
    with attached(tmp_path, "old") as process:
        said += process.stdout.readlines()
    assert any(": evil" in line for line in said)
    assert all(line.removesuffix("\n").isprintable() for line in said)
    assert not any(line.startswith("forged") for line in said)


def test_an_endless_message_of_a_daemon_elsewhere_ends_the_link(tmp_path):
    with attached(tmp_path, "endless") as process:
        said = ""
        while "cannot be reached" not in said:
            said = process.stdout.readline()
            assert said
        process.terminate()
    assert "elsewhere cannot be reached (it sent a message of more than 4 MiB)" in said


def test_a_host_cannot_be_an_option_of_ssh(tmp_path, capsys):
    done = called("attach", "--", f"-oProxyCommand=touch {tmp_path / 'ran'}")
    assert (done.returncode, done.stderr.count("not a host")) == (2, 1)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("given", "meant"), [("exp7", "add run=exp7"), ("rule=~loss.*", "add rule=~loss.*"), ("lits", "list")]
)
def test_a_silence_without_its_command_says_what_is_meant(given, meant):
    done = called("silence", given, "--for", "1h")
    assert done.returncode == 2
    assert done.stderr == f"runwatch: no such command: {given}: did you mean runwatch silence {meant}?\n"
