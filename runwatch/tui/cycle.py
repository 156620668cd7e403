"""Keys that go through a list: the next thing, after the last the first again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def following(known: Sequence[T], here: object, by: int = 1) -> T:
    """Return what is `by` places after `here`; what is not in the list counts as the first."""
    at = known.index(here) if here in known else 0
    return known[(at + by) % len(known)]
