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


@dataclass(frozen=True)
class Received:
    """One signal."""

    number: int
    sent: bool
    """Whether a process sent it; else the kernel did, as for keys and children."""


class Signals:
    """The signals we take as data; blocked from now on, also for threads begun later."""

    def __init__(self, numbers: Iterable[int] = HANDLED) -> None:
        numbers = tuple(numbers)
        self.ignored = frozenset(n for n in numbers if signal.getsignal(n) is signal.SIG_IGN)
        """What we were started with as ignored (nohup): that is passed on."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        """The mask to start others with."""
        mask = sum(1 << (n - 1) for n in numbers).to_bytes(_SET_BYTES, "little")
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = libc.signalfd(-1, mask, _FLAGS)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "signalfd")

    def read(self) -> list[Received]:
        """Return what has come, without waiting."""
        try:
            data = os.read(self.descriptor, 16 * _INFO.size)
        except BlockingIOError:
            return []
        return [Received(number, code <= 0) for number, _, code in _INFO.iter_unpack(data)]

    def release(self) -> None:
        """Let signals act on us again as they did."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self.before)
