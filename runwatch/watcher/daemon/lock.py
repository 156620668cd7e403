"""One daemon per state directory: a lock that dies with its holder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from pathlib import Path

from runwatch.core.errors import EngineError
from runwatch.system import private_files
from runwatch.watcher.service.sockets import unusable

NAME = "daemon.lock"


class TakenError(EngineError):
    """Another daemon holds the lock."""


class Lock:
    """The lock of a state directory. What the file says is only for people."""

    def __init__(self, state: Path) -> None:
        """Take it. Raises EngineError if another daemon has it, or it cannot be had here."""
        self._path = state / NAME
        self._descriptor = self._take()

    def _take(self) -> int:
        while True:
            try:
                descriptor = private_files.opened(self._path, os.O_RDWR)
            except OSError as error:
                raise unusable(self._path.parent, error) from None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                held = self._holder(descriptor)
                os.close(descriptor)
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise EngineError(
                        "this file system does not support locks", str(self._path), "set RUNWATCH_STATE"
                    ) from None
                raise TakenError(
                    "a daemon is running already",
                    held,
                    "see it with runwatch status, stop it with runwatch stop",
                ) from None
            if private_files.is_at(self._path, descriptor):  # nobody removed the file meanwhile
                break
            os.close(descriptor)
        said = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()})
        with contextlib.suppress(OSError):  # a full disk is no reason not to watch
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, said.encode(), 0)
        return descriptor

    def held(self) -> bool:
        """Return whether no other daemon took the place; a file that was removed is made again.

        Where it cannot be made, no other can have it either.
        """
        if private_files.is_at(self._path, self._descriptor):
            return True
        try:
            private_files.directory(self._path.parent, 1)
            taken = self._take()
        except TakenError:
            return False
        except (EngineError, OSError):
            return True
        os.close(self._descriptor)
        self._descriptor = taken
        return True

    def release(self) -> None:
        """Give it back. The file stays: removing it could take another's lock away."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)

    def _holder(self, descriptor: int) -> str:
        try:
            said = json.loads(os.pread(descriptor, 4096, 0))
            return f"process {int(said['pid'])} on {said['host']}, state {self._path.parent}"
        except (OSError, ValueError, KeyError, TypeError):
            return str(self._path.parent)


def wait_until_free(state: Path, seconds: float) -> bool:
    """Wait until no daemon holds the lock; return whether that came to be."""
    deadline = time.monotonic() + seconds
    how = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    with contextlib.suppress(FileNotFoundError), open(os.open(state / NAME, how), "rb") as file:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
    return True
