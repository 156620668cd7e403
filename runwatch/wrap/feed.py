"""The queue from a command's output to the log's writer.

A command that writes faster than its log waits for it, as it would with `tee`:
but only while the log advances, and in all for a bounded time. What a sick log
cannot take is dropped, counted, and marked in the log itself.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable

_MOST = 64 << 20
"""Bytes that may wait for the log."""
_PIECE = 1 << 20
"""Bytes written at once: each counts as progress."""
HEALTHY = 8 << 20
"""Bytes a second that a healthy log takes at least: waiting for one that does costs nothing."""
STALL = 5.0
"""Seconds longer than that for which one wait may last; then bytes are dropped until the queue is empty."""
ALLOWANCE = 30.0
"""Seconds longer than that for which all waits together may last."""


class Feed:
    """A queue towards the log's writer. Nobody waits for longer than its bounds say."""

    def __init__(
        self,
        descriptor: int,
        gone: Callable[[], object],
        *,
        most: int = _MOST,
        stall: float = STALL,
        allowance: float = ALLOWANCE,
    ) -> None:
        """`gone` is called once, if the writer goes away."""
        self._descriptor = descriptor
        self._gone = gone
        self._most, self._stall, self._allowance = most, stall, allowance
        self._queue: deque[bytes] = deque()
        self._size = 0
        """Bytes that wait."""
        self._written = 0
        self._dropped = 0
        """Lost bytes that the log does not mention yet."""
        self._dropping = False
        self._closed = self._ended = False
        self._fresh = True
        self.total = 0
        """Bytes that the log should have gained if nothing was lost."""
        self._lost = 0
        """Bytes that were dropped."""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, data: bytes) -> None:
        """Queue bytes for the log; wait for room while the log advances."""
        with self._changed:
            if not self._closed and self._size + len(data) > self._most:
                self._make_room(len(data))
            self.total += len(data)
            if self._closed:
                self._lost += len(data)
            elif self._size and self._size + len(data) > self._most:
                self._dropped += len(data)
                self._lost += len(data)
            else:
                self._add(data)

    def line(self, text: str) -> None:
        """Queue a line of our own, which is small. Never waits."""
        with self._changed:
            data = (b"" if self._fresh else b"\n") + text.encode() + b"\n"
            if not self._closed:
                self.total += len(data)
                self._add(data)

    def close(self, seconds: float) -> bool:
        """Write what is queued while the log advances, and close; return whether all was written.

        It waits at most `seconds` longer than a healthy log would take.
        """
        with self._changed:
            if self._dropped and not self._closed:
                self._add(b"")
            self._closed = True
            self._changed.notify_all()
            self._wait(lambda: self._ended, seconds)
            return self._ended

    @property
    def missing(self) -> int:
        """Bytes that the log's writer was not given."""
        with self._changed:
            return self._lost + self._size

    def _add(self, data: bytes) -> None:
        if self._dropped:
            mark = gap(self._dropped)
            self._dropped = 0
            self.total += len(mark)
            data = mark + data
        self._queue.append(data)
        self._size += len(data)
        self._fresh = data.endswith(b"\n")
        self._changed.notify_all()

    def _make_room(self, count: int) -> None:
        """Wait until there is room for `count` bytes, unless the log has shown that it is sick."""
        if self._dropping:
            return
        patience = min(self._stall, self._allowance)
        late = self._wait(lambda: self._size + count <= self._most or not self._size, patience)
        self._allowance -= late
        self._dropping = late >= patience

    def _wait(self, reached: Callable[[], bool], patience: float) -> float:
        """Wait until `reached`; return the seconds it lasted longer than a healthy log takes."""
        begun, written, late = time.monotonic(), self._written, 0.0
        while not reached() and not (self._ended and self._closed) and late < patience:
            self._changed.wait(patience - late)
            late = max(0.0, time.monotonic() - begun - (self._written - written) / HEALTHY)
        return late

    def _run(self) -> None:
        """Write what is queued: the life of the thread."""
        try:
            while data := self._next():
                left = memoryview(data)
                while left:
                    count = os.write(self._descriptor, left[:_PIECE])
                    left = left[count:]
                    self._wrote(count)
        except OSError:
            self._lose()
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _next(self) -> bytes:
        """Return what is to be written next, small pieces together; b"" once all is written and closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            pieces: list[bytes] = []
            size = 0
            while self._queue and (not pieces or size + len(self._queue[0]) <= _PIECE):
                pieces.append(self._queue.popleft())
                size += len(pieces[-1])
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _wrote(self, count: int) -> None:
        with self._changed:
            self._size -= count
            self._written += count
            self._dropping &= self._size > 0
            self._changed.notify_all()

    def _lose(self) -> None:
        """Stop: the log's writer is gone."""
        with self._changed:
            gone, self._closed = not self._closed, True
            self._lost += self._size
            self._size = 0
            self._queue.clear()
        if gone:
            self._gone()


def gap(missing: int) -> bytes:
    """Return the line that marks missing bytes in a log."""
    return b"\n[runwatch: %d bytes of output are missing here]\n" % missing
