"""Where records begin and end in a text: a carriage return ends one, as a newline does."""

from __future__ import annotations


def record_begin(text: bytes, begin: int, at: int) -> int:
    """Return where the record begins that holds place `at`, not before `begin`."""
    first = max(text.rfind(b"\n", begin, at) + 1, begin)
    return max(text.rfind(b"\r", first, at) + 1, first)


def record_end(text: bytes, at: int, end: int) -> int:
    """Return where the record ends that holds place `at`: its line end; `end` if there is none before."""
    newline = text.find(b"\n", at, end)
    stop = end if newline < 0 else newline
    redrawn = text.find(b"\r", at, stop)
    return stop if redrawn < 0 else redrawn
