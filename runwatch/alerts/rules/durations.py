"""Durations as people say them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a duration to two parts at most: 42 s, 12 min, 3 h 20 min."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
