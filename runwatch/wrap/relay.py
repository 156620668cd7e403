"""Forwards a command's output unchanged, and copies it to the log."""

from __future__ import annotations

import errno
import os
import select
import threading
from collections.abc import Callable

_READ = 1 << 18
_LINGER = 0.2
"""Seconds without output after the command's end until we stop waiting for other holders of it."""
_LINE = 1 << 16
"""Longest line that waits for its end while another stream is active."""
_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of an output that may be temporary."""


class Relay:
    """Forwards one stream of the command, in its own thread."""

    def __init__(
        self, source: int, out: int, log: Callable[[bytes], object], broken: Callable[[], object]
    ) -> None:
        """`broken` is called when the reader of `out` is gone; then `source` is closed, as without us."""
        self._source = source
        self._out: int | None = out
        self._log = log
        self._broken = broken
        self._ending, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.open = True
        """Whether more may come: False once the last writer has closed."""
        self.column_zero = True
        """Whether the forwarded output ended with a complete line."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> None:
        """Note that the command has ended: the rest of its output is forwarded, then it stops."""
        os.write(self._wake, b".")

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the end; return whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Close all descriptors; only after the end."""
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
        """Write to the target; return False if its reader is gone, which the command must notice."""
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
    """Merges several streams into one log, line by line."""

    def __init__(self, put: Callable[[bytes], object], streams: int) -> None:
        self._put = put
        self._tails = [b""] * streams
        self._lock = threading.Lock()

    def take(self, stream: int, data: bytes) -> None:
        """Take the next output of a stream; a single stream is passed unchanged."""
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
        """Write lines that will not be completed."""
        with self._lock:
            for stream, tail in enumerate(self._tails):
                self._tails[stream] = b""
                if tail:
                    self._put(tail + b"\n")
