"""Signals as data: read from a descriptor, each with what the kernel says about its sender.

A key pressed in the terminal reaches the whole process group, the command too;
what another process sends to us reaches only us. Only the kernel knows which it
was (`si_code`), and Python's handlers are not called: so we use signalfd.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Iterable
from dataclasses import dataclass

_INFO = struct.Struct("=Iii116x")
"""signalfd_siginfo: signo, errno, code, and more that is not needed."""
_SET_BYTES = 128
_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK

HANDLED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
    signal.SIGTSTP,
    signal.SIGCONT,
    signal.SIGCHLD,
)
ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
"""Signals by which people and schedulers end a command."""


@dataclass(frozen=True)
class Received:
    """One signal."""

    number: int
    sent: bool
    """Whether a process sent it; otherwise the kernel did, for keys and children."""


class Signals:
    """The signals that we read as data; blocked from now on, also in later threads."""

    def __init__(self, numbers: Iterable[int] = HANDLED) -> None:
        numbers = tuple(numbers)
        self.ignored = frozenset(n for n in numbers if signal.getsignal(n) is signal.SIG_IGN)
        """Signals that were ignored at the start (nohup); the command inherits this."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        """The signal mask for child processes."""
        mask = sum(1 << (n - 1) for n in numbers).to_bytes(_SET_BYTES, "little")
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = libc.signalfd(-1, mask, _FLAGS)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "signalfd")

    def read(self) -> list[Received]:
        """Return the pending signals, without waiting."""
        try:
            data = os.read(self.descriptor, 16 * _INFO.size)
        except BlockingIOError:
            return []
        return [Received(number, code <= 0) for number, _, code in _INFO.iter_unpack(data)]

    def release(self) -> None:
        """Restore the original handling of signals."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)
