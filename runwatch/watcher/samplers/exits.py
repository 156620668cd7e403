"""Reports at once when a process ends, and how, as far as the kernel says.

A pidfd becomes readable when its process ends. How it ended is in its zombie
until the parent reaps it (field 52 of /proc/PID/stat), and afterwards, from
Linux 6.15, in the pidfd itself (PIDFD_GET_INFO with PIDFD_INFO_EXIT), also for
processes that are not our children. On older kernels a fast parent leaves
nothing: then it is unknown.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import time
from dataclasses import dataclass

from runwatch.watcher.samplers.procfs import Proc

_PIDFD_GET_INFO = 0xC040FF0B
"""_IOWR(0xFF, 11, struct pidfd_info of 64 bytes)."""
_INFO_EXIT = 1 << 3
_MASK = struct.Struct("=Q")
_EXIT_CODE = struct.Struct("=i")
_EXIT_CODE_AT = 60
_REAP = 1.0
"""Seconds to wait for the parent to fetch the exit status before it is called unknown."""
_STEP = 0.02


@dataclass(frozen=True)
class Exit:
    """The end of a process. Code and signal are both None if the kernel does not report them."""

    pid: int
    code: int | None
    signal: int | None


@dataclass
class _Watched:
    start: int
    descriptor: int | None
    until: float | None = None
    """Monotonic time until which an exit status may still come; None while it lives."""


class Exits:
    """Watches processes until they end."""

    def __init__(self, proc: Proc | None = None, *, pidfd: bool = True) -> None:
        self._proc = proc or Proc()
        self._pidfd = pidfd and hasattr(os, "pidfd_open")
        self._watched: dict[int, _Watched] = {}
        self._poll = select.poll()
        self._by_descriptor: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def watch(self, pid: int, start: int) -> None:
        """Watch the process that began at `start` (clock ticks); a second call does nothing."""
        if pid in self._watched and self._watched[pid].start == start:
            return
        self.forget(pid)
        watched = _Watched(start, self._open(pid, start))
        self._watched[pid] = watched
        if watched.descriptor is not None:
            self._by_descriptor[watched.descriptor] = pid
            self._poll.register(watched.descriptor, select.POLLIN)

    def forget(self, pid: int) -> None:
        """Stop watching a process."""
        watched = self._watched.pop(pid, None)
        if watched is not None and watched.descriptor is not None:
            del self._by_descriptor[watched.descriptor]
            with contextlib.suppress(KeyError):
                self._poll.unregister(watched.descriptor)
            os.close(watched.descriptor)

    def wait(self, seconds: float) -> list[Exit]:
        """Return the processes that ended; waits at most `seconds`, and less if one does."""
        until = time.monotonic() + seconds
        while True:
            left = max(0.0, until - time.monotonic())
            ending = any(watched.until is not None for watched in self._watched.values())
            for descriptor, _ in self._poll.poll(1e3 * min(left, _STEP) if ending else 1e3 * left):
                self._poll.unregister(descriptor)
                self._watched[self._by_descriptor[descriptor]].until = time.monotonic() + _REAP
            found = self._ended()
            if found or time.monotonic() >= until:
                return found

    def close(self) -> None:
        """Let go of all processes."""
        for pid in list(self._watched):
            self.forget(pid)

    def _open(self, pid: int, start: int) -> int | None:
        """Return a pidfd of this very process, or None where there is none to be had."""
        if not self._pidfd:
            return None
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return None
        if self._alive(pid, start):
            return descriptor
        os.close(descriptor)  # the number was given to another process meanwhile
        return None

    def _alive(self, pid: int, start: int) -> bool:
        stat = self._proc.stat(pid)
        return stat is not None and stat.start == start

    def _ended(self) -> list[Exit]:
        found = []
        for pid, watched in list(self._watched.items()):
            if watched.descriptor is not None and watched.until is None:
                continue
            status, final = self._status(pid, watched)
            if status is None and not final:
                continue
            self.forget(pid)
            found.append(Exit(pid, *meaning(status)))
        return found

    def _status(self, pid: int, watched: _Watched) -> tuple[int | None, bool]:
        """Return the wait status if it is known by now, and whether waiting for it is over."""
        stat = self._proc.stat(pid)
        if stat is not None and stat.start == watched.start:
            if stat.state not in {"Z", "X"}:
                return None, False
            if self._proc.owner(pid) == os.geteuid():  # else the kernel shows 0, whatever it was
                return stat.exit_code, True
            return None, watched.until is None or time.monotonic() >= watched.until
        if watched.descriptor is not None:
            return exit_status(watched.descriptor), True
        return None, True


def exit_status(pidfd: int) -> int | None:
    """Return the wait status of a process that was reaped; None if the kernel does not keep it."""
    import fcntl

    request = bytearray(64)
    _MASK.pack_into(request, 0, _INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, request)
    except OSError:
        return None
    if not _MASK.unpack_from(request)[0] & _INFO_EXIT:
        return None
    return int(_EXIT_CODE.unpack_from(request, _EXIT_CODE_AT)[0])


def meaning(status: int | None) -> tuple[int | None, int | None]:
    """Return (exit code, signal) of a wait status; both None if it is unknown."""
    if status is None:
        return None, None
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return (None, number) if number else (os.WEXITSTATUS(status), None)
