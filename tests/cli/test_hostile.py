"""Hostile logs in real terminals: nothing of them gets out of its cell, in any view."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time

import pytest
from wcwidth import wcwidth

from runwatch.cli.headless import Printer, follow
from runwatch.core.errors import EngineError
from runwatch.core.text import plain
from runwatch.watcher import protocol

from . import hostile
from .command import called
from .live import WAIT
from .test_screen import Terminal


def whole(picture, columns):
    """Whether no row is wider than the screen, and both sides of every frame go straight down to its end."""
    rows = [_cells(line) for line in picture.splitlines()]
    if not picture.splitlines()[-1].startswith(("q Quit", "esc Close")) or any(
        len(row) > columns for row in rows
    ):
        return False
    for top, row in enumerate(rows):
        for column, sign in enumerate(row):
            end = {"╭": "╰", "╮": "╯"}.get(sign)
            side = [below[column] if column < len(below) else " " for below in rows[top + 1 :]]
            if end is not None and (end not in side or set(side[: side.index(end)]) - {"│", "█"}):
                return False
    return True


def _cells(line):
    """The cells of a row; the second one of a wide character is empty."""
    return [cell for char in line for cell in ([char, ""] if wcwidth(char) == 2 else [char])]


@pytest.fixture
def logs(tmp_path):
    return [str(path) for path in hostile.lay_out(tmp_path)]


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), pytest.param(200, 50, marks=pytest.mark.deep)])
@pytest.mark.deep
def test_every_view_stays_whole(logs, columns, rows):
    with Terminal("tail", *logs, columns=columns, rows=rows) as terminal:
        terminal.until(lambda p: "loss" in p)
        for _ in range(2):
            # Of two runs the engine shows the newest at first; then the screen stays with it.
            picture = terminal.until(lambda p: "reading history" not in p and "step 59" in p.splitlines()[0])
            for digit in "01234567":
                terminal.keys(digit)
                # A run without ranks has no view of them.
                terminal.until(lambda p, d=digit: f"[{d}]" in p or "no ranks" in p)
                picture = terminal.until(lambda p: whole(p, columns))
                assert "cannot show this" not in picture
            first = "59/400" in picture.splitlines()[0]
            terminal.keys("]")
            terminal.until(lambda p, was=first: ("59/400" in p.splitlines()[0]) != was)
        terminal.keys("4")
        terminal.until(lambda p: "[4]" in p and "loss" in p)
        if first:  # so that now it is the other
            terminal.keys("]")
        terminal.until(lambda p: "| loss: " in p)
        terminal.until(lambda p: "xxxxxx" in p and whole(p, columns))
        terminal.keys("w")
        terminal.until(lambda p: "x" * (columns - 9) + "\u2502" in p and whole(p, columns))
        terminal.keys("?")
        terminal.until(lambda p: "─ help ─" in p and whole(p, columns))
        assert hostile.got_out(terminal.seen) == []


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["check", "--json"],
        ["report"],
        ["report", "--html"],
        ["report", "--json"],
        ["compare"],
        ["export"],
        ["export", "--as", "jsonl"],
    ],
    ids=" ".join,
)
def test_no_command_prints_what_a_terminal_obeys_or_does_not_show(logs, words, tmp_path):
    crashed = tmp_path / "crashed.log"
    steps = "".join(f"step {i}/400 | loss: {4 - i / 50:.4f}\n" for i in range(40))
    crashed.write_text(
        f"{steps}Traceback (most recent call last):\n  File x\nValueError: {hostile.EVERYTHING}\n"
    )
    done = called(*words, crashed, *logs)
    assert done.returncode in (0, 1), done.stderr
    assert "loss" in done.stdout
    assert not {char for char in done.stdout + done.stderr if char != "\n" and plain(f"a{char}b") == "ab"}


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux")
def test_tmux_is_not_taken_over(logs, tmp_path):
    socket = str(tmp_path / "tmux")

    def tmux(*words):
        done = subprocess.run(
            ["tmux", "-S", socket, "-f", "/dev/null", *words], capture_output=True, text=True, check=False
        )
        return done.stdout.rstrip("\n")

    def shown(wanted):
        deadline = time.monotonic() + WAIT
        while not wanted(picture := tmux("capture-pane", "-p")):
            assert time.monotonic() < deadline, picture
            time.sleep(0.05)
        return picture

    command = [sys.executable, "-m", "runwatch", "tail", *logs]
    tmux("new-session", "-d", "-x", "100", "-y", "30", *command)
    try:
        tmux("set", "-s", "set-clipboard", "on")
        title, before = tmux("display", "-p", "#{pane_title}"), tmux("list-buffers")
        shown(lambda p: "loss" in p)
        for digit in "0234567":
            tmux("send-keys", digit)
            shown(lambda p, d=digit: (f"[{d}]" in p or "no ranks" in p) and whole(p, 100))
            state = tmux("display", "-p", "#{pane_title}|#{window_bell_flag}|#{alternate_on}|#{cursor_flag}")
            assert state == f"{title}|0|1|0"
        assert tmux("list-buffers") == before
    finally:
        tmux("kill-server")


def test_what_a_daemon_sends_that_cannot_be_read_is_one_error():
    body = {"type": "progress", "id": "a#1", "run": "a", "phase": "running", "step": 10**400, "total": None}
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(protocol.encode(protocol.Line(body)))
        with pytest.raises(EngineError, match="cannot be read"):
            follow(ours, Printer(as_json=False), interval=1.0)
