"""`runwatch run` watches its command: findings, the last line, and what happens when the engine dies."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import psutil
import pytest

from runwatch.wrap.watch import MAX_STARTS

from ..alerts.slack_server import SlackServer
from ..wrap.command import QUIET, SPEAKS, WAIT, close, part, python, run, until, wait_for

STEPS = (
    "for s in range({first}, {last}): print(f'step {{s:05d}}/10000 (0.10%) | loss: {loss} | dt: 10.00ms')\n"
)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "it.log"


def test_findings_and_the_last_step_are_told(log, start):
    code = (
        STEPS.format(first=0, last=50, loss="2.5") + "input()\n" + STEPS.format(first=50, last=52, loss="nan")
    )
    process = start("--say", "--log", log, "--", *python(code + "input()\n"))
    until(process, b"step 00049/")
    process.stdin.write(b"\n")
    until(process, b"CRITICAL nonfinite: loss is NaN since step 50", "stderr")
    process.stdin.write(b"\n")
    _, err = close(process)
    assert err.splitlines()[-1].startswith("runwatch: exit code 0 after ")
    assert f"; step 51/10,000; 1 critical (loss is NaN since step 50); log: {log}" in err


def test_what_follows_from_a_finding_is_not_counted_as_another(log, start):
    rows = STEPS.replace(" | dt", " | grad norm: {norm} | dt") + "input()\n"
    code = rows.format(first=0, last=50, loss="2.5", norm="1.5")
    code += rows.format(first=50, last=52, loss="nan", norm="1.5")
    process = start(
        "--say", "--log", log, "--", *python(code + rows.format(first=52, last=54, loss="nan", norm="nan"))
    )
    until(process, b"step 00049/")
    process.stdin.write(b"\n")
    until(process, b"CRITICAL nonfinite: loss is NaN since step 50", "stderr")
    process.stdin.write(b"\n")
    until(process, b"WITH IT nonfinite: grad norm is NaN since step 52", "stderr")
    process.stdin.write(b"\n")
    assert "; step 53/10,000; 1 critical (loss is NaN since step 50); log: " in close(process)[1]


def test_nothing_is_said_between_where_nobody_looks(log, start):
    code = (
        STEPS.format(first=0, last=50, loss="2.5") + STEPS.format(first=50, last=52, loss="nan") + "input()\n"
    )
    process = start("--log", log, "--", *python(code))
    part(process, "runwatch.watcher.ingest.worker")
    process.stdin.write(b"\n")
    assert len(close(process)[1].splitlines()) == 1


def test_an_engine_that_was_killed_is_replaced(log, start):
    code = (
        STEPS.format(first=0, last=50, loss="2.5") + "input()\n" + STEPS.format(first=50, last=52, loss="nan")
    )
    process = start("--say", "--log", log, "--", *python(code + "input()\n"))
    part(process, "runwatch.watcher.ingest.worker")
    part(process, "runwatch.watcher.service.private").kill()
    until(process, b"runwatch: the engine ended; started again\n", "stderr")
    part(process, "runwatch.watcher.ingest.worker")
    process.stdin.write(b"\n")
    assert b"CRITICAL nonfinite" in until(process, b"NaN since step 50", "stderr")
    process.stdin.write(b"\n")
    close(process)


@pytest.mark.deep
def test_an_engine_that_always_dies_is_given_up(log, start):
    process = start("--log", log, "--", *python(SPEAKS))
    for _ in range(MAX_STARTS - 1):
        part(process, "runwatch.watcher.service.private").kill()
        until(process, b"started again\n", "stderr")
    part(process, "runwatch.watcher.service.private").kill()
    until(process, b"again and again: the command keeps running unwatched\n", "stderr")
    process.stdin.close()
    process.wait(WAIT)


def test_the_processes_of_the_command_are_watched_and_not_ours(log, start):
    process = start("--log", log, "--", *python(STEPS.format(first=0, last=50, loss="2.5") + "input()\n"))
    command = wait_for(lambda: next(filter(_runs_code, psutil.Process(process.pid).children()), None))
    sampler = part(process, "runwatch.watcher.samplers.sampler")
    wait_for(lambda: command.pid in _whose_end(sampler))
    assert _whose_end(sampler) <= {process.pid, command.pid}


def _runs_code(process):
    """Whether this is the command, and not a child of ours that was forked and still has our arguments."""
    return process.cmdline()[1:3] == ["-u", "-c"]


def _whose_end(sampler):
    """The processes a sampler holds a pidfd of."""
    reported = []
    for path in Path(f"/proc/{sampler.pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            reported.append(path.read_text())
    return {int(found[1]) for text in reported if (found := re.search(r"^Pid:\s+(\d+)", text, re.M))}


def test_a_kill_is_sent_to_the_channel(log, start):
    with SlackServer() as slack:
        code = STEPS.format(first=0, last=50, loss="2.5") + "import os; input(); os.kill(os.getpid(), 9)"
        process = start("--log", log, "--", *python(code), env={**QUIET, "RUNWATCH_SLACK_WEBHOOK": slack.url})
        part(process, "runwatch.watcher.ingest.worker")
        process.stdin.write(b"\n")
        close(process)
        assert process.returncode == 137
        assert any("crash" in str(post).lower() for post in slack.shown)


def test_the_last_line_says_what_a_command_died_of_at_once(log):
    """Before anything could begin to watch it."""
    done = run("--log", log, "--", *python("raise ValueError('bad data')"))
    last = done.stderr.splitlines()[-1].decode()
    assert last.startswith("runwatch: exit code 1 after ")
    assert "; crashed: ValueError: bad data (line 3)" in last


def test_a_command_that_ends_well_at_once_is_read_to_its_end(log):
    rows = STEPS.format(first=0, last=50, loss="2.5") + STEPS.format(first=50, last=52, loss="nan")
    done = run("--say", "--log", log, "--", *python(rows))
    *_, found, last = done.stderr.decode().splitlines()
    assert found.startswith("runwatch: CRITICAL nonfinite: loss is NaN since step 50")
    assert "; step 51/10,000; 1 critical (loss is NaN since step 50); log: " in last


def test_the_last_line_calls_an_interrupt_one(log):
    last = run("--log", log, "--", *python("raise KeyboardInterrupt")).stderr.splitlines()[-1].decode()
    assert "; interrupted: KeyboardInterrupt (line 3)" in last


def test_the_last_line_says_what_the_command_died_of(log, start):
    code = STEPS.format(first=0, last=50, loss="nan") + "input()\nraise RuntimeError('out of luck')\n"
    process = start("--say", "--log", log, "--", *python(code))
    until(process, b"CRITICAL nonfinite", "stderr")
    process.stdin.write(b"\n")
    _, err = close(process)
    last = err.splitlines()[-1]
    assert last.startswith("runwatch: exit code 1 after ")
    assert "; crashed: RuntimeError: out of luck (line 5" in last
    assert "; step 49/10,000; " in last
    assert last.endswith(f"; log: {log}")
