"""A program in a pseudo-terminal of a given size: type, click, wait for words, look at the cells."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

KEYS = {
    "enter": "\r", "esc": "\x1b", "tab": "\t", "space": " ", "backspace": "\x7f",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "pgup": "\x1b[5~", "pgdn": "\x1b[6~", "s-tab": "\x1b[Z", "s-left": "\x1b[1;2D", "s-right": "\x1b[1;2C",
    "f1": "\x1bOP", **{f"c-{chr(96 + code)}": chr(code) for code in range(1, 27)},
}  # fmt: skip
"""Keys by name; anything else is typed as it is written."""
_ASKED = {
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",  # can frames be held together?
    b"\x1b]11;?": b"\x1b]11;rgb:1010/1010/1414\x1b\\",  # the background
    b"\x1b[c": b"\x1b[?62;22c",  # the kind of terminal
    b"\x1b[6n": b"\x1b[1;1R",  # the place of the cursor
}
_IGNORED = re.compile(rb"\x1b\[[<>=][\d;]*[A-Za-z]|\x1b\[\??[\d;]*\$[A-Za-z]|\x1bP[^\x1b]*\x1b\\")
"""What the emulator would take for something else: keyboard modes, questions, device strings."""
_OPEN = re.compile(rb"\x1b(\[[\d;?<>=$]*|P[^\x1b]*\x1b?|\][^\x07\x1b]*\x1b?)?$")
"""A sequence whose end has not come yet."""
FAINT = "blink"
"""The attribute of a cell that says it is faint: the emulator has none of that name, and nobody blinks."""


def _cut_anywhere(text: str, least: int = 4) -> str:
    """Return the pattern of a text, or of how it begins."""
    pattern = ""
    for char in reversed(text[least:]):
        pattern = f"(?:{re.escape(char)}{pattern})?"
    return re.escape(text[:least]) + pattern


class MissingError(Exception):
    """What was waited for did not come; the message holds the screen."""


class _Screen(pyte.Screen):
    """The emulator's screen, which also knows faint text."""

    def select_graphic_rendition(self, *codes: int, **kept: bool) -> None:
        super().select_graphic_rendition(*codes, **kept)
        at = 0
        while at < max(1, len(codes)):
            code = codes[at] if codes else 0
            if code in {38, 48, 58}:
                at += 4 if codes[at + 1 : at + 2] == (2,) else 2
            elif code in {0, 2, 22}:
                self.cursor.attrs = self.cursor.attrs._replace(**{FAINT: code == 2})
            at += 1


class Terminal:
    """A running program, and what it shows."""

    def __init__(
        self,
        command: Sequence[str],
        size: tuple[int, int],
        environ: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        """Start `command` on a terminal of `size` columns and rows."""
        self.screen = _Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self._rest, self._last_output, self.ended = b"", 0.0, False
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            self._become(command, size, environ or {}, directory)

    @staticmethod
    def _become(
        command: Sequence[str], size: tuple[int, int], environ: Mapping[str, str], directory: Path | None
    ) -> None:
        """Be the program, in the child."""
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            for name in ("NO_COLOR", "PYTHONSAFEPATH", "PYTHONPATH", "COLUMNS", "LINES", "TMUX"):
                os.environ.pop(name, None)
            os.environ.update(
                {
                    "TERM": "xterm-256color",
                    "COLORTERM": "truecolor",
                    "LC_ALL": "C.UTF-8",
                    "RUNWATCH_HINTS": "0",
                    **environ,
                }
            )
            if directory is not None:
                os.chdir(directory)
            os.execvp(command[0], list(command))
        except OSError as error:
            print(f"{command[0]}: {error}", file=sys.stderr)
            os._exit(127)

    # -- what it shows --

    def lines(self) -> list[str]:
        """Return what is on the screen, row by row."""
        return [line.rstrip() for line in self.screen.display]

    def read(self, seconds: float) -> bool:
        """Take what the program writes, waiting at most so long for it; say whether anything came."""
        if self.ended or not select.select([self._file], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._file, 1 << 16)
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return False
        self._last_output = time.monotonic()
        for asked, answer in _ASKED.items():
            if asked in data:
                self.write(answer)
        data = self._rest + data
        begun = _OPEN.search(data)
        cut = begun.start() if begun and len(data) - begun.start() < 4096 else len(data)
        self._rest = data[cut:]
        self._stream.feed(_IGNORED.sub(b"", data[:cut]))
        return True

    def rename(self, before: str, after: str) -> None:
        """Replace a text on the screen, also where it is cut off, by another of the same length."""
        for y, line in enumerate(self.screen.display):
            row = self.screen.buffer[y]
            for found in re.finditer(_cut_anywhere(before), line):
                for x, char in enumerate(after[: len(found[0])], found.start()):
                    row[x] = row[x]._replace(data=char)

    # -- waiting --

    def wait(self, words: str, seconds: float = 60.0, gone: bool = False) -> None:
        """Wait until a row of the screen matches the pattern `words`, or with `gone` none does."""
        pattern, until = re.compile(words), time.monotonic() + seconds
        while any(map(pattern.search, self.lines())) is gone:
            if not self.read(0.2) and (self.ended or time.monotonic() > until):
                what = "still there" if gone else "never came"
                raise MissingError(f"{words!r} {what}; the screen:\n" + "\n".join(self.lines()))

    def wait_until_filled(self, seconds: float = 60.0) -> None:
        """Wait until the first row ends at the right edge and the last has keys: all has the new size."""
        until = time.monotonic() + seconds
        while len((lines := self.lines())[0]) < self.screen.columns or not lines[-1]:
            if not self.read(0.2) and (self.ended or time.monotonic() > until):
                raise MissingError("the screen never took its size:\n" + "\n".join(lines))

    def settle(self, quiet: float = 0.5, most: float = 6.0) -> None:
        """Wait until the program wrote nothing for `quiet` seconds, or for `most` in all."""
        until = time.monotonic() + most
        self._last_output = time.monotonic()
        while time.monotonic() < min(until, self._last_output + quiet) and not self.ended:
            self.read(0.05)

    # -- acting --

    def write(self, data: bytes) -> None:
        """Send bytes to the program."""
        with contextlib.suppress(OSError):
            os.write(self._file, data)

    def type(self, keys: str) -> None:
        """Press keys, named or as they are, with spaces between: `5 down down enter`."""
        for key in keys.split():
            self.write(KEYS.get(key.lower() if len(key) > 1 else key, key).encode())
            self.settle(0.15, 2.0)

    def click(self, where: str, wheel: int = 0) -> None:
        """Click the place `COLUMN,ROW`, or the first that the pattern matches; `wheel` 64 and 65 scroll."""
        if place := re.fullmatch(r"(\d+),(\d+)", where):
            column, row = int(place[1]), int(place[2])
        else:
            found = next(
                (
                    (m.start() + len(m[0]) // 2, y)
                    for y, line in enumerate(self.lines())
                    if (m := re.search(where, line))
                ),
                None,
            )
            if found is None:
                raise MissingError(
                    f"nothing to click says {where!r}; the screen:\n" + "\n".join(self.lines())
                )
            column, row = found
        press = f"\x1b[<{wheel};{column + 1};{row + 1}M"
        self.write((press if wheel else press + press[:-1] + "m").encode())
        self.settle(0.15, 2.0)

    def resize(self, size: tuple[int, int]) -> None:
        """Make the terminal larger or smaller."""
        if (self.screen.columns, self.screen.lines) != size:
            self.screen.resize(size[1], size[0])
            fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            self.settle()

    def close(self) -> None:
        """End the program, and what it started."""
        for number in (signal.SIGHUP, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, number)
            until = time.monotonic() + 5.0
            while number is not signal.SIGKILL and time.monotonic() < until:
                self.read(0.05)
                if os.waitpid(self._pid, os.WNOHANG)[0]:
                    os.close(self._file)
                    return
        os.waitpid(self._pid, 0)
        os.close(self._file)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
