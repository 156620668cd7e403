"""File events of many directories from one inotify descriptor (Linux, see inotify(7)).

Events wait in the kernel until they are read, equal ones in a row as one: who
reads late pays once for many writes. No thread is needed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from contextlib import suppress

AVAILABLE = sys.platform == "linux"

_HEAD = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_MOST = 1 << 16
"""Bytes of events taken at once; the rest stays for the next time."""
_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _UNMOUNT, _OVERFLOW, _IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
_ONLY_DIRECTORIES = 0x0100_0000
_ITSELF = _DELETE_SELF | _MOVE_SELF | _UNMOUNT | _IGNORED
# Not opening, reading and closing: our own looks at the logs would wake us.
_WANTED = (
    _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLY_DIRECTORIES
)
_LIMITS = {
    errno.ENOSPC: "the limit of inotify watches is reached, see fs.inotify.max_user_watches",
    errno.EMFILE: "the limit of inotify instances is reached, see fs.inotify.max_user_instances",
}


class Inotify:
    """Watches on directories. One thread may read while another sets them."""

    def __init__(self) -> None:
        """Open the descriptor. Raises OSError if there is none to be had."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._watches: dict[str, int] = {}
        self._names: dict[int, set[str]] = {}
        """Watch -> the directories it is of: two paths may lead to one."""

    def fileno(self) -> int:
        """Return a descriptor that is readable while there are events."""
        return self._descriptor

    def watched(self) -> set[str]:
        """Return the directories whose events are reported."""
        return set(self._watches)

    def watch(self, directory: str) -> None:
        """Report changes of this directory from now on. Raises OSError."""
        path = os.fsencode(directory)
        watch = self._checked(self._libc.inotify_add_watch(self._descriptor, path, ctypes.c_uint32(_WANTED)))
        self._names.setdefault(watch, set()).add(directory)
        self._watches[directory] = watch

    def forget(self, directory: str) -> None:
        """Report its changes no longer."""
        watch = self._watches.pop(directory, None)
        if watch is None:
            return
        names = self._names.get(watch, set())
        names.discard(directory)
        if not names:
            self._names.pop(watch, None)
            self._libc.inotify_rm_watch(self._descriptor, watch)  # refused if it is gone by itself

    def events(self) -> set[tuple[str, str]]:
        """Return what changed, as (directory, name), without waiting.

        The name is "" of the directory itself, or if it can be anything in it.
        """
        data = b""
        with suppress(BlockingIOError):
            data = os.read(self._descriptor, _MOST)
        found: set[tuple[str, str]] = set()
        at = 0
        while at < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size + length
            if mask & _OVERFLOW:  # some are lost, nobody knows which
                found.update((directory, "") for directory in self.watched())
                continue
            name = "" if mask & _ITSELF else os.fsdecode(data[at - length : at].rstrip(b"\0"))
            found.update((directory, name) for directory in tuple(self._names.get(watch, ())))
            if mask & (_IGNORED | _UNMOUNT):
                for directory in self._names.pop(watch, ()):
                    self._watches.pop(directory, None)
        return found

    def close(self) -> None:
        """Let go of all of them."""
        os.close(self._descriptor)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, _LIMITS.get(code) or os.strerror(code))
        return result
