"""Passes a command's output on, unchanged, and gives the log what was passed."""

from __future__ import annotations

import errno
import os
import select
import threading
from collections.abc import Callable

_READ = 1 << 18
_LINGER = 0.2
"""Seconds without output after the command's end before whoever still holds its output is left alone."""
_LINE = 1 << 16
"""Longest line that waits for its end while another stream is written too."""
_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of an output that may be over by the next write."""


class Relay:
    """One stream on its way from the command to where it belongs, in a thread of its own."""

    def __init__(
        self, source: int, out: int, log: Callable[[bytes], object], broken: Callable[[], object]
    ) -> None:
        """`broken` is called when nobody reads `out` any more; then `source` is closed, as it would be."""
        self._source = source
        self._out: int | None = out
        self._log = log
        self._broken = broken
        self._ending, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.open = True
        """Whether more may come: False once the last writer has closed."""
        self.column_zero = True
        """Whether what was passed on ended with a whole line."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> None:
        """Say that the command has ended: what it wrote is passed on still, then it stops."""
        os.write(self._wake, b".")

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the end; return whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Let go of all descriptors; only after the end."""
        if self._source >= 0:
            os.close(self._source)
        os.close(self._ending)
        os.close(self._wake)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        poll.register(self._ending, select.POLLIN)
        ending = False
        while True:
            ready = {number for number, _ in poll.poll(1e3 * _LINGER if ending else None)}
            if self._ending in ready:
                ending = True
                poll.unregister(self._ending)
            elif not ready:  # a process that outlived the command keeps it open
                return
            if self._source not in ready:
                continue
            try:
                data = os.read(self._source, _READ)
            except OSError:  # so a terminal says that the last one has closed it
                data = b""
            if not data:
                self.open = False
                return
            self._log(data)
            if not self._pass(data):
                os.close(self._source)
                self._source = -1
                self.open = False
                self._broken()
                return

    def _pass(self, data: bytes) -> bool:
        """Write to where it goes; return False if its reader is gone and the command should learn it."""
        left = memoryview(data)
        while left and self._out is not None:
            try:
                left = left[os.write(self._out, left) :]
            except BrokenPipeError:
                return False
            except BlockingIOError:  # whoever shares it with us made it so
                waiting = select.poll()
                waiting.register(self._out, select.POLLOUT)
                waiting.poll()
            except OSError as error:
                if error.errno not in _PASSING:  # the terminal is gone: the log continues
                    self._out = None
                break
        self.column_zero = data.endswith(b"\n")
        return True


class Lines:
    """Brings several streams into one log without cutting the lines of one by those of another."""

    def __init__(self, put: Callable[[bytes], object], streams: int) -> None:
        self._put = put
        self._tails = [b""] * streams
        self._lock = threading.Lock()

    def take(self, stream: int, data: bytes) -> None:
        """Take what a stream wrote next; a lone stream goes through as it is."""
        if len(self._tails) == 1:
            self._put(data)
            return
        with self._lock:
            data = self._tails[stream] + data
            cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            cut = cut if len(data) - cut < _LINE else len(data)
            self._tails[stream] = data[cut:]
            if cut:
                self._put(data[:cut])

    def flush(self) -> None:
        """Let lines go that will not end any more."""
        with self._lock:
            for stream, tail in enumerate(self._tails):
                self._tails[stream] = b""
                if tail:
                    self._put(tail + b"\n")
