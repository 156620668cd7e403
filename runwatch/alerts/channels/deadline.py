"""A time limit for a whole request. Socket timeouts are per read, so a slow answer can exceed them."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.error import URLError

T = TypeVar("T")

MOST = 16
"""Most hanging requests, each in its own thread."""
_free = threading.BoundedSemaphore(MOST)


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call` returns, or raise what it raises.

    Raises TimeoutError if that takes longer: its thread is left to itself. Raises URLError, calling
    nothing, while too many hang.
    """
    free = _free
    if not free.acquire(blocking=False):
        raise URLError(OSError(errno.EBUSY, "too many earlier requests still hang"))
    returned: list[T] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            returned.append(call())
        except BaseException as error:  # for whoever waits
            raised.append(error)
        finally:
            free.release()

    thread = threading.Thread(target=work, name="request", daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not returned:
        raise TimeoutError
    return returned[0]
