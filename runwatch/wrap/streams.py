"""How we receive a command's output: through a terminal for a terminal, otherwise through a pipe.

Where standard output and standard error are one file, they stay one stream, so
the order between them is kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Sequence
from dataclasses import dataclass

_PIPE = 1 << 20
"""Bytes that we ask a pipe to hold."""
_SIZE = struct.Struct("HHHH")


@dataclass
class Stream:
    """One stream of the command's output."""

    numbers: tuple[int, ...]
    """The command's descriptors: 1, 2 or both."""
    out: int
    """Our descriptor to which it is forwarded."""
    source: int
    """Where we read it."""
    entry: int
    """Where the command writes it; closed once the command has it."""
    terminal: bool

    def resize(self) -> None:
        """Set the size of the command's terminal to ours."""
        if self.terminal:
            with contextlib.suppress(OSError):
                fcntl.ioctl(self.source, termios.TIOCSWINSZ, _size(self.out))

    def given(self) -> None:
        """Close our copy of the command's end."""
        os.close(self.entry)


def open_streams() -> tuple[list[Stream], str]:
    """Return a stream for each distinct output file of ours, and why any could not be opened.

    Without one, the command writes where we do, and we do not see it.
    """
    files: dict[object, list[int]] = {}
    for number in (1, 2):
        files.setdefault(_identity(number), []).append(number)
    streams, why = [], ""
    for numbers in files.values():
        try:
            streams.append(_terminal(numbers) if os.isatty(numbers[0]) else _pipe(numbers))
        except OSError as error:
            why = error.strerror or str(error)
    return streams, why


def enlarge(descriptor: int) -> None:
    """Enlarge a pipe, if allowed."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, getattr(fcntl, "F_SETPIPE_SZ", 1031), _PIPE)


def _pipe(numbers: Sequence[int]) -> Stream:
    source, entry = os.pipe()
    enlarge(source)
    return Stream(tuple(numbers), numbers[0], source, entry, terminal=False)


def _terminal(numbers: Sequence[int]) -> Stream:
    """Open a terminal like ours that changes no byte: ours does the terminal's processing."""
    out = numbers[0]
    source, entry = os.openpty()
    with contextlib.suppress(termios.error):
        settings = termios.tcgetattr(out)
        settings[1] &= ~termios.OPOST
        termios.tcsetattr(entry, termios.TCSANOW, settings)
    stream = Stream(tuple(numbers), out, source, entry, terminal=True)
    stream.resize()
    return stream


def _size(terminal: int) -> bytes:
    return fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(_SIZE.size))


def _identity(number: int) -> object:
    try:
        found = os.fstat(number)
    except OSError:  # it was closed before we began
        return number
    return found.st_dev, found.st_ino, found.st_rdev
