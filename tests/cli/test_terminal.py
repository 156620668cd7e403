"""What headless mode tells a terminal beside its lines."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys

import pytest

from runwatch.cli.terminal import Terminal, has_progress

from .live import WAIT, Log

GHOSTTY = {"TERM": "xterm-ghostty"}


def progress(share=0.5, phase="training", run="r"):
    return {"type": "progress", "run": run, "phase": phase, "progress": share}


def incident(change="firing", severity="critical", time=1.0):
    row = {"severity": severity, "title": "loss is NaN", "time": time}
    return {"type": "incident", "run": "r", "change": change, "incident": row}


def shown(*bodies, environ=GHOSTTY, clock=lambda: 0.0):
    out = io.StringIO()
    terminal = Terminal(out, environ, clock)
    for body in bodies:
        terminal.take(body)
    terminal.close()
    return out.getvalue()


def test_title_and_progress():
    said = shown(progress())
    assert "\x1b]2;r: 50% training\x1b\\" in said
    assert "\x1b]9;4;1;50\x1b\\" in said
    assert said.endswith("\x1b]9;4;0;0\x1b\\\x1b[23;2t")
    assert "\x1b]9;4;3;0\x1b\\" in shown(progress(None))
    assert "\x1b]2;r: 50%" in shown(progress(run="r\x1b]0;x\x07"))


def test_a_bell_for_what_is_critical_and_happens_now():
    assert shown(incident()).count("\a") == 1
    assert shown(incident(), incident()).count("\a") == 1
    times = iter([0.0, 0.0, 60.0, 60.0])
    assert shown(incident(), incident(), clock=lambda: next(times)).count("\a") == 2
    for quiet in (incident(severity="warning"), incident(time=None), incident("resolved"), progress()):
        assert "\a" not in shown(quiet)


def test_a_critical_incident_holds_the_title():
    said = shown(incident(), incident(severity="warning"), progress())
    assert "loss is NaN" in said
    assert "50% training" not in said
    assert "\x1b]9;4;2;50" in said
    assert "50% training" in shown(incident(), incident("resolved"), progress())


@pytest.mark.parametrize(
    ("environ", "understood"),
    [
        (GHOSTTY, True),
        ({"TERM": "xterm-256color", "WT_SESSION": "x"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "8000"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "6800"}, False),
        ({"TERM": "xterm-kitty"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, False),
        ({"TERM": "tmux-256color", "WT_SESSION": "x"}, False),
        ({}, False),
    ],
)
def test_only_terminals_that_understand_progress_are_told(environ, understood):
    assert has_progress(environ) == understood
    assert ("\x1b]9;4" in shown(progress(), environ=environ)) == understood


@pytest.mark.deep
def test_in_a_real_terminal(tmp_path):
    log = Log(tmp_path / "train.log")
    log.steps(30, total=30)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "runwatch", "tail", str(log.path), "--headless", "--exit"]
    environ = {**os.environ, "TERM": "xterm-ghostty"}
    environ.pop("TMUX", None)
    with subprocess.Popen(command, stdout=theirs, env=environ) as client:
        os.close(theirs)
        said = b""
        try:
            while data := os.read(ours, 4096):
                said += data
        except OSError:  # how a terminal says that its last writer is gone
            pass
        client.wait(WAIT)
    os.close(ours)
    assert re.search(rb"\x1b\]2;[\w-]+: (?:100%|finished)", said)
    assert said.endswith(b"\x1b]9;4;0;0\x1b\\\x1b[23;2t")
