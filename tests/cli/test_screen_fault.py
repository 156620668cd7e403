"""An internal error of the screen in a real terminal: one line, a traceback in a file, the run untouched."""

from __future__ import annotations

import psutil
import pytest

from runwatch.core.errors import ExitCode

from .live import WAIT, Log
from .test_screen import Terminal

LEFT = b"\x1b[?1049l"
"""What switches a terminal back from the full screen."""
RUN = "\nfrom runwatch.cli.main import main; main()"
IN_A_LAYOUT = """
from textual.screen import Screen
arrange = Screen.arrange
def arranged(self, *args, **options):
    if self.__class__.__name__ == "Logs":
        token = "s3cret"
        raise KeyError("no\\nsuch \x1b[31mpanel")
    return arrange(self, *args, **options)
Screen.arrange = arranged
"""
AT_A_KEY = """
from runwatch.tui.navigation import NavigationApp
def opened(self, name):
    token = "s3cret"
    raise KeyError("no\\nsuch \x1b[31mpanel")
open_view = NavigationApp.open_view
NavigationApp.open_view = lambda self, name: (opened if name == "logs" else open_view)(self, name)
"""
IN_THE_READER_OF_KEYS = """
from textual._xterm_parser import XTermParser
feed = XTermParser.feed
def fed(self, data):
    if "4" in data:
        raise KeyError("no\\nsuch \x1b[31mpanel")
    return feed(self, data)
XTermParser.feed = fed
"""
IN_THE_LINK = """
from runwatch.watcher.service.client import Client
show, replies = Client.show, Client.replies
def shown(self, view):
    self.fails = view.log_lines > 20
    show(self, view)
async def replied(self):
    async for reply in replies(self):
        if self.fails:
            token = "s3cret"
            raise KeyError("no\\nsuch \x1b[31mpanel")
        yield reply
Client.fails, Client.show, Client.replies = False, shown, replied
"""
FAULTS = {"layout": IN_A_LAYOUT, "key": AT_A_KEY, "reader": IN_THE_READER_OF_KEYS, "link": IN_THE_LINK}
"""Programs before `RUN` in which the key 4, or what follows from it, raises."""


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path / "speedrun.log")
    made.steps(400, total=1000)
    return made


def failed(terminal, state, effect="the run is not affected"):
    """Check what is left of a screen that fails at the key 4."""
    terminal.until(lambda p: "399" in p and "q Quit" in p)
    children = psutil.Process(terminal.pid).children(recursive=True)
    terminal.keys("4")
    terminal.until(lambda p: b"screen-error.txt" in terminal.seen[terminal.seen.find(LEFT) :])
    assert terminal.end() == ExitCode.INTERNAL
    assert psutil.wait_procs(children, WAIT)[1] == []
    said = (terminal.seen[terminal.seen.index(LEFT) :] + terminal.tail).decode()
    assert said.count("runwatch: ") == 1
    assert "internal error in the screen: KeyError: 'no\\nsuch" in said
    assert f"{effect}; report what is in {state}/screen-error.txt\r\n" in said
    for words in ("Traceback", "s3cret", "locals", "\x1b[31m"):
        assert words not in said
    report = (state / "screen-error.txt").read_text()
    assert "Traceback (most recent call last)" in report
    assert "KeyError" in report
    assert "locals" not in report


def terminal(state, fault, *words):
    env = {"RUNWATCH_STATE": str(state), "RUNWATCH_DEBUG": ""}
    return Terminal(*words, columns=120, rows=40, program=("-c", fault + RUN), env=env)


@pytest.mark.deep
@pytest.mark.parametrize("fault", FAULTS)
def test_an_internal_error_is_one_line_and_the_terminal_is_as_before(log, tmp_path, fault):
    with terminal(tmp_path / "state", FAULTS[fault], "tail", str(log.path)) as screen:
        failed(screen, tmp_path / "state")


@pytest.mark.deep
def test_the_same_of_a_replay(log, tmp_path):
    with terminal(tmp_path / "state", IN_A_LAYOUT, "replay", "--speed", "max", str(log.path)) as screen:
        failed(screen, tmp_path / "state")


@pytest.mark.deep
def test_the_writer_of_a_pipe_is_not_called_safe(log, tmp_path):
    piped = (
        "import os, subprocess\n"
        f"log = subprocess.Popen(['cat', {str(log.path)!r}], stdout=subprocess.PIPE)\n"
        "os.dup2(log.stdout.fileno(), 0)\n"
    )
    with terminal(tmp_path / "state", piped + IN_A_LAYOUT, "tail", "-") as screen:
        failed(screen, tmp_path / "state", "nothing reads the pipe now, which may end the run")
