"""What a child process says to the engine: messages, each behind its length."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Generic, TypeVar

HEADER = struct.Struct("<I")

_M = TypeVar("_M")


class Pipe(Generic[_M]):
    """Writes messages, whole ones from any thread; the pipe's fullness is our brake."""

    def __init__(self, descriptor: int, encode: Callable[[_M], bytes]) -> None:
        import threading

        self._descriptor, self._encode = descriptor, encode
        self._lock = threading.Lock()

    def __call__(self, message: _M) -> None:
        """Send a message. Raises BrokenPipeError once the engine is gone."""
        body = self._encode(message)
        data = memoryview(HEADER.pack(len(body)) + body)
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the messages that are whole at the beginning of some bytes, and what is behind them."""
    found = []
    while len(data) >= HEADER.size and len(data) >= (end := HEADER.size + HEADER.unpack_from(data)[0]):
        found.append(data[HEADER.size : end])
        data = data[end:]
    return found, data
