"""How a rise is worded: per cent while it is small, then a factor, then no number that nobody can picture."""

from __future__ import annotations

_FACTOR = 10.0
"""Rise, as a fraction, from which per cent become a factor."""
_OVERFLOW = 1e6
"""Factor from which a value has overflowed, for people."""


def above(rise: float, level: str) -> str:
    """Return what follows a name: "is 24% above LEVEL", "is 12 times LEVEL" or "overflowed: ..."."""
    if rise < _FACTOR:
        return f"is {rise:.0%} above {level}"
    if rise < _OVERFLOW:
        return f"is {_times(rise)} {level}"
    return f"overflowed: it is over a million times {level}"


def rose(rise: float) -> str:
    """Return "rose 63%", "rose to 12 times the usual" or "overflowed"."""
    if rise < _FACTOR:
        return f"rose {rise:.0%}"
    return f"rose to {_times(rise)} the usual" if rise < _OVERFLOW else "overflowed"


def rose_at(size: str, began: object, peak: object) -> str:
    """Return "rose 63% at step 5"; where the peak is at a later place, it names both.

    `size` is what `rose` returns, or words like it.
    """
    if peak == began:
        return f"{size} at {began}"
    size = size.removeprefix("rose ")
    return f"rose at {began}, {'by ' if size.endswith('%') else ''}{size} at {peak}"


def longer(rise: float) -> str:
    """Return "take 56% longer" or "take 12 times as long"."""
    return f"take {rise:.0%} longer" if rise < _FACTOR else f"take {_times(rise)} as long"


def higher(rise: float) -> str:
    """Return "24% higher" or "12 times as high"."""
    return f"{rise:.0%} higher" if rise < _FACTOR else f"{_times(rise)} as high"


def fold(factor: float) -> str:
    """Return "45x" or "over a million times"."""
    return f"{factor:.0f}x" if factor < _OVERFLOW else "over a million times"


def _times(rise: float) -> str:
    return f"{rise + 1:,.0f} times" if rise < _OVERFLOW else "over a million times"
