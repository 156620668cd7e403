"""What the commands about runs at rest say of what cannot be read: one line, and never a traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .command import called, runwatch
from .unprivileged import obey_permissions

RECORD = "step {step:05d}/00200 (1.00%) | loss: {loss:.6f} | lrm: 1.00 | dt: 500.00ms | tok/sec: 1,000\n"
GOOD = "".join(RECORD.format(step=step, loss=5 / (1 + step / 20)) for step in range(60))
COMMANDS = {
    "report": ("report", "{path}"),
    "compare": ("compare", "good.log", "{path}"),
    "export": ("export", "{path}"),
    "replay": ("replay", "--headless", "--speed", "max", "{path}"),
    "check": ("check", "{path}"),
}
LOGS = {
    "empty.log": (b"", "nothing to read: empty.log: the file is empty"),
    "words.log": (b"hello\nworld\n", "no training run recognized: words.log"),
    "binary.log": (random.Random(1).randbytes(60_000), "a binary file, not a log: binary.log"),
    "/dev/null": (None, "not a regular file: /dev/null"),
    "folder": (None, "folder"),
    "none.log": (None, "no such file or directory: none.log"),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "good.log").write_text(GOOD)
    (tmp_path / "folder").mkdir()
    for name, (content, _) in LOGS.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("path", LOGS)
@pytest.mark.parametrize("command", COMMANDS)
def test_it_says_in_one_line_what_is_wrong_and_where(place: Path, command: str, path: str) -> None:
    done = called(*(word.format(path=path) for word in COMMANDS[command]), cwd=place)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert LOGS[path][1] in done.stderr
    assert "--wait" not in done.stderr  # no option of these commands


@pytest.mark.few(2)
@pytest.mark.parametrize("command", COMMANDS)
def test_it_says_that_it_may_not_read(place: Path, command: str) -> None:
    (place / "mine.log").write_text(GOOD)
    (place / "mine.log").chmod(0)
    words = (word.format(path="mine.log") for word in COMMANDS[command])
    done = runwatch(*words, cwd=place, preexec_fn=obey_permissions)
    assert done.returncode == 3, done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert "mine.log: Permission denied" in done.stderr


ODD = {
    "one record": (RECORD.format(step=1, loss=2.5), "is 2.500 in the only record"),
    "no loss": (
        "".join(f"step {step} lr 1e-3 grad_norm 0.5\n" for step in range(40)),
        "No training loss, reward or validation was recognized. Other metrics are",
    ),
    "still going": (GOOD, "is still running at step 59 of 200"),
    "mixed steps": (
        GOOD + GOOD[: len(GOOD) // 2] + GOOD[: len(GOOD) // 3],
        "is still running at step 19 of 200",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_a_report_says_what_is_odd_about_a_log(place: Path, name: str) -> None:
    content, says = ODD[name]
    (place / "odd.log").write_text(content)
    done = called("report", "odd.log", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("command", ["compare", "export", "replay"])
def test_the_other_commands_take_it_or_say_why_not(place: Path, name: str, command: str) -> None:
    (place / "odd.log").write_text(ODD[name][0])
    done = called(*(word.format(path="odd.log") for word in COMMANDS[command]), cwd=place)
    assert done.returncode in (0, 1, 3)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stdout
    if done.returncode == 3:
        assert "not comparable" in done.stdout or "cannot be compared" in done.stdout
