"""The whole thing in a real terminal: engine, reader, screen, keys."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from multiprocessing.connection import wait  # takes any descriptor, where select() ends at 1,024

import psutil
import pyte
import pytest

from .live import WAIT, Log

ALTERNATE = b"\x1b[?1049h"
"""What switches a terminal to the full screen."""
PATIENT = (
    "from runwatch.tui import deferred as held; held.HOLD = 60.0; from runwatch.cli.main import main; main()"
)
"""Runs `runwatch` with time for a slow machine's engine to tell what is wrong."""

IN_A_LAYOUT = """
import os, signal
from textual.screen import Screen
arrange = Screen.arrange
def ended_here(self, *args, **options):
    if self.__class__.__name__ == "Logs":
        os.kill(os.getpid(), signal.SIGTERM)
    return arrange(self, *args, **options)
Screen.arrange = ended_here
from runwatch.cli.main import main; main()
"""
"""Runs `runwatch` and sends it SIGTERM while it lays out view 4."""
NO_HANGUP = (
    "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); from runwatch.cli.main import main; main()"
)


class Terminal:
    """A terminal of a given size in which `runwatch` runs."""

    def __init__(
        self,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        env: dict[str, str] | None = None,
        program: tuple[str, ...] = ("-m", "runwatch"),
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.seen, self._fed = b"", 0
        self._nothing: int | None = None
        self.tail = b""  # what came last, after `end`
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm-256color", "COLUMNS": "", "LINES": "", **(env or {})})
            os.execv(sys.executable, [sys.executable, *program, *arguments])
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def keys(self, text: str) -> None:
        os.write(self._master, text.encode())

    @property
    def lines(self) -> list[str]:
        screen = self._screen  # its `display` fails on half a wide character, as a read may end behind one
        rows = (screen.buffer[y] for y in range(screen.lines))
        return ["".join(row[x].data for x in range(screen.columns)).rstrip() for row in rows]

    def until(self, wanted: Callable[[str], bool]) -> str:
        """Return the picture once it is as `wanted`; fail if it never is."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            if wait([self._master], 0.05):
                try:
                    self.seen += os.read(self._master, 1 << 16)
                    self._stream.feed(self.seen[self._fed :])
                    self._fed = len(self.seen)
                except OSError:
                    break
            picture = "\n".join(self.lines)
            if wanted(picture):
                return picture
        raise AssertionError("never came:\n" + "\n".join(self.lines))

    def hang_up(self) -> None:
        """Take the terminal away, as the end of an SSH session does."""
        os.close(self._master)
        self._master, self._nothing = os.pipe()  # says nothing more

    def end(self) -> int:
        """Return the exit code once the program has ended."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            if wait([self._master], 0.05):
                with contextlib.suppress(OSError):
                    self.tail = (self.tail + os.read(self._master, 1 << 16))[-64:]
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("did not end")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._master)
        if self._nothing is not None:
            os.close(self._nothing)


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path / "speedrun.log")
    made.steps(400, total=1000)
    return made


@pytest.mark.parametrize(
    ("columns", "rows"),
    [(80, 24), *(pytest.param(*size, marks=pytest.mark.deep) for size in ((120, 40), (200, 50)))],
)
def test_the_picture_follows_the_log(log, columns, rows):
    with Terminal("tail", str(log.path), columns=columns, rows=rows) as terminal:
        words = ("speedrun", "RUNNING", "step 00399/01000", "loss", "q Quit")
        terminal.until(lambda p: all(word in p for word in words))
        log.steps(1, total=1000, loss="nan")
        terminal.until(lambda p: "NaN" in p and "step 400" in p)
        terminal.keys("q")
        assert terminal.end() == 0


def test_whoever_leaves_gets_a_summary_on_the_normal_screen(log):
    log.steps(1, total=1000, loss="nan")
    with Terminal("tail", str(log.path), columns=100) as terminal:
        terminal.until(lambda p: "NaN" in p and "step 400" in p)
        terminal.keys("q")
        said = terminal.until(lambda p: "  log          /" in p)
        assert "RUNNING  speedrun: step 400/1,000 (40%)" in said
        assert "lowest loss  2.500 at step 0" in said
        assert "alerts       1 critical: loss is NaN since step 400" in said
        assert terminal.end() == 0


@pytest.mark.deep
def test_a_terminal_whose_encoding_has_no_signs_gets_ascii(log):
    with Terminal("tail", str(log.path), env={"PYTHONIOENCODING": "latin-1"}) as terminal:
        picture = terminal.until(lambda p: "RUNNING" in p and "q Quit" in p and "399" in p)
        assert picture.isascii()
        assert "> RUNNING" in picture
        terminal.keys("q")
        assert terminal.end() == 0


@pytest.mark.deep
def test_a_log_comes_through_a_pipe_while_keys_come_from_the_terminal(log):
    piped = (
        "import os, subprocess, sys\n"
        f"log = subprocess.Popen(['cat', {str(log.path)!r}], stdout=subprocess.PIPE)\n"
        "os.dup2(log.stdout.fileno(), 0)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'runwatch', 'tail', '-', '--theme', 'nord'])"
    )
    with Terminal(program=("-c", piped)) as terminal:
        terminal.until(lambda p: "step 00399/01000" in p and "q Quit" in p)
        terminal.keys("4")
        terminal.until(lambda p: "[4]Logs" in p)
        terminal.keys("q")
        assert terminal.end() == 0


@pytest.mark.deep
def test_a_pasted_binary_file_is_no_end(log):
    with Terminal("tail", str(log.path)) as terminal:
        terminal.until(lambda p: "RUNNING" in p and "q Quit" in p)
        os.write(terminal._master, bytes(range(128, 256)) * 4)
        terminal.keys("5")
        terminal.until(lambda p: "[5]Alerts" in p)
        terminal.keys("q")
        assert terminal.end() == 0


def test_without_a_pipe_standard_input_is_the_keyboard():
    with Terminal("tail", "-") as terminal:
        terminal.until(lambda p: "pipe a log to it" in p)
        assert terminal.end() == 2


def test_resize_views_and_help(log):
    with Terminal("tail", str(log.path), columns=120, rows=40) as terminal:
        terminal.until(lambda p: "399" in p)
        terminal.resize(80, 24)
        picture = terminal.until(lambda p: p.count("q Quit") == 1 and p.splitlines()[23].startswith("q Quit"))
        assert all(len(line) <= 80 for line in picture.splitlines())
        terminal.keys("4")
        terminal.until(lambda p: "[4]Logs" in p and p.count("| loss: 2.500000 |") > 10)
        terminal.keys("?")
        terminal.until(lambda p: "─ help ─" in p)
        terminal.keys("\x1b")
        terminal.until(lambda p: "─ help ─" not in p)
        terminal.keys("1")
        terminal.until(lambda p: "[1]Overview" in p)


def test_ctrl_z_gives_the_terminal_back_and_fg_returns_and_quitting_leaves_no_process(log):
    with Terminal("tail", str(log.path), "--ascii") as terminal:
        assert terminal.until(lambda p: "step 00399/01000" in p and "q Quit" in p).isascii()
        # The engine and its worker; on a slow machine the sampler is there by now too.
        children = psutil.Process(terminal.pid).children(recursive=True)
        assert len(children) >= 2
        terminal.keys("\x1a")
        terminal.until(lambda p: psutil.Process(terminal.pid).status() == psutil.STATUS_STOPPED)
        terminal.until(lambda p: terminal.seen.endswith(b"\x1b[?1004l"))
        log.steps(1, total=1000)
        os.kill(terminal.pid, signal.SIGCONT)
        terminal.until(lambda p: "step 00400/01000" in p and "q Quit" in p)
        terminal.keys("q")
        assert terminal.end() == 0
        assert psutil.wait_procs(children, WAIT)[1] == []


def test_a_terminal_that_goes_takes_the_screen_with_it(log):
    with Terminal("tail", str(log.path)) as terminal:
        terminal.until(lambda p: "step 399" in p)
        children = psutil.Process(terminal.pid).children(recursive=True)
        terminal.hang_up()
        assert terminal.end() == 128 + signal.SIGHUP
        assert psutil.wait_procs(children, WAIT)[1] == []


@pytest.mark.deep
def test_a_screen_that_ignores_hangups_ends_with_its_terminal_too(log):
    with Terminal("tail", str(log.path), program=("-c", NO_HANGUP)) as terminal:
        terminal.until(lambda p: "step 399" in p)
        terminal.hang_up()
        assert terminal.end() == 128 + signal.SIGHUP


@pytest.mark.deep
def test_a_signal_in_the_middle_of_a_layout_ends_the_screen(log):
    with Terminal("tail", str(log.path), program=("-c", IN_A_LAYOUT)) as terminal:
        terminal.until(lambda p: "step 399" in p)
        terminal.keys("4")
        assert terminal.end() == 128 + signal.SIGTERM
        assert b"\x1b[?1049l" in terminal.tail  # the full screen is left


@pytest.mark.deep
def test_a_dead_engine_leaves_the_last_picture_and_a_key_starts_it_again(log):
    with Terminal("tail", str(log.path), columns=120, rows=40) as terminal:

        def kill_engine() -> None:
            children = psutil.Process(terminal.pid).children()
            next(p for p in children if p.status() != psutil.STATUS_ZOMBIE).kill()

        terminal.until(lambda p: "399" in p)
        kill_engine()
        assert "399" in terminal.until(lambda p: "WATCHING STOPPED" in p and "R Watch again" in p)
        terminal.keys("R")
        terminal.until(lambda p: "STOPPED" not in p and "399" in p)
        terminal.keys("4")
        terminal.until(lambda p: "following" in p and "step 00399" in p)
        kill_engine()
        terminal.until(lambda p: "WATCHING STOPPED" in p)
        terminal.keys("q")
        assert terminal.end() == 3


@pytest.mark.deep
def test_check_says_at_once_what_it_does_and_leaves_nothing_of_that(tmp_path, log):
    with Terminal("check", str(tmp_path)) as terminal:
        picture = terminal.until(lambda p: "no findings" in p)
        assert f"searching {tmp_path}"[:60].encode() in terminal.seen
        assert "searching" not in picture
        assert "reading" not in picture
        assert terminal.end() == 0


@pytest.mark.deep
def test_a_key_that_means_two_things_is_one_line(log, tmp_path):
    config = tmp_path / "keys.toml"
    config.write_text("[keys]\nzoom = 's'\n")
    with Terminal("tail", "--config", str(config), str(log.path)) as terminal:
        picture = terminal.until(lambda p: "would mean both" in p)
        assert "Traceback" not in picture
        assert terminal.end() == 2


@pytest.mark.deep
def test_a_bad_path_is_one_line_and_never_brings_the_screen_up(tmp_path):
    with Terminal("tail", str(tmp_path / "none" / "run.log"), program=("-c", PATIENT)) as terminal:
        assert "no such file" in terminal.until(lambda p: "--wait waits for it" in p)
        assert ALTERNATE not in terminal.seen
        assert terminal.end() == 3


@pytest.mark.deep
@pytest.mark.few(1)
@pytest.mark.parametrize("named", ["new.log", "", "*.log"], ids=["file", "directory", "pattern"])
def test_a_screen_waits_for_a_run_that_has_not_begun(tmp_path, named):
    with Terminal("tail", os.path.join(tmp_path, named), env={"RUNWATCH_SLACK_WEBHOOK": ""}) as terminal:
        reason = "no such file: new.log; waiting for it" if named == "new.log" else "looking for *.log"
        terminal.until(lambda p: "waiting for" in p and reason in p)
        Log(tmp_path / "new.log").steps(3)
        terminal.until(lambda p: "3/10,000" in p or "2/10,000" in p)
        terminal.keys("q")
        assert terminal.end() == 0


def test_what_may_be_a_typing_error_is_not_waited_for(tmp_path, log):
    log.path.rename(tmp_path / "train.log")
    with Terminal("tail", str(tmp_path / "trian.log")) as terminal:
        assert "did you mean" in terminal.until(lambda p: "--wait" in p)
        assert terminal.end() == 3


def in_directory(place):
    """Runs `runwatch` in another directory, and sees no other process's log."""
    return (
        f"import os; os.chdir({str(place)!r}); from runwatch.watcher.daemon import nearby; "
        "nearby.written = lambda proc: []; from runwatch.cli.main import main; main()"
    )


@pytest.mark.deep
def test_alone_it_waits_for_the_first_run_and_says_what_to_do_meanwhile(tmp_path):
    with Terminal(program=("-c", in_directory(tmp_path)), columns=110) as terminal:
        picture = terminal.until(lambda p: "runwatch demo" in p)
        assert "No training run was written" in picture
        assert "*.log" in picture
        assert "runwatch init" in picture
        Log(tmp_path / "new.log").steps(3)
        terminal.until(lambda p: "2/10,000" in p)
        terminal.keys("q")
        assert terminal.end() == 0


def test_waiting_ends_with_ctrl_c(tmp_path):
    with Terminal("tail", program=("-c", in_directory(tmp_path))) as terminal:
        terminal.until(lambda p: "Ctrl-C ends" in p)
        terminal.keys("\x03")
        assert terminal.end() == 130


@pytest.mark.deep
def test_dumb_terminal_gets_plain_lines(log):
    log.write("Total training time: 1.00m\n")
    with Terminal("tail", str(log.path), "--exit", env={"TERM": "dumb"}) as terminal:
        terminal.until(lambda p: "finished" in p)
        assert terminal.end() == 0
