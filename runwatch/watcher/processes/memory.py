"""Memory that was needed for a while only."""

from __future__ import annotations

import contextlib


def give_back() -> None:
    """Return freed memory to the system: glibc keeps what the blocks of a long history took."""
    with contextlib.suppress(AttributeError, ImportError, OSError):  # another C library
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
