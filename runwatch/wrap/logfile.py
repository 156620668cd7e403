"""The log of a command's output: if it fails, everything else keeps running."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable

from runwatch.core.text import path as shown
from runwatch.wrap.feed import gap


class LogFile:
    """A file that is appended to. Lost bytes are counted, and reported in the log when it can be written."""

    def __init__(self, path: str, say: Callable[[str], object]) -> None:
        self._path = path
        self._say = say
        self._reported = ""
        self._lock = threading.Lock()
        self._missing = 0
        self._descriptor: int | None = None
        self.lost = 0
        """Bytes that are not in the log."""
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            self._report(error)

    @property
    def regular(self) -> bool:
        """Whether there is a file that can be read again."""
        return self._descriptor is not None and stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def write(self, data: bytes) -> None:
        """Append bytes; an error is reported once."""
        with self._lock:
            if self._descriptor is None:
                self.lost += len(data)
                return
            left = memoryview(gap(self._missing) + data if self._missing else data)
            try:
                while left:
                    left = left[os.write(self._descriptor, left) :]
                self._missing = 0
            except OSError as error:
                missing = min(len(left), len(data))
                self._missing += missing
                self.lost += missing
                self._report(error)

    def _report(self, error: OSError) -> None:
        why = error.strerror or str(error)
        if why != self._reported:
            self._reported = why
            self._say(f"the log cannot be written: {why}: {shown(self._path)}: the command keeps running")
