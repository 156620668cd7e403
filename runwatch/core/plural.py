"""Numbers with what they count, for people."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 value` or `2,000 values`; `many` where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
