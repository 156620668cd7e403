"""What the numbers of a validation are called that it prints under the names of those of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runwatch.parsers.lexicon.names import canonical, meaning
from runwatch.parsers.lexicon.words import words

_OF_WORK = frozenset(("counter", "duration", "rate", "share", "amount", "learning rate", "gradient norm"))
"""Roles of what describes the work, or the training that continues."""
_WORK = frozenset(b"time times eta seconds mem memory ram fps throughput speed ips lr".split())
"""Words of the names of such numbers that the lexicon leaves as they are printed."""


def is_score(printed: str) -> bool:
    """Return whether a number that a validation prints is what it measured: no time, memory or rate."""
    said = words(printed.encode(errors="replace"))
    return meaning(printed).role not in _OF_WORK and _WORK.isdisjoint(said) and [*said] != [b"data"]


class HeldOut(Mapping[str, str]):
    """`val/` and the printed name for scores; for what describes the work, the printed name.

    As the aliases of a matcher it says what the numbers are called that training prints too.
    """

    def __getitem__(self, printed: str) -> str:
        return f"val/{canonical(printed).rpartition('train/')[2]}" if is_score(printed) else printed

    def __iter__(self) -> Iterator[str]:
        """Return nothing: the names are not known before they are printed."""
        return iter(())

    def __len__(self) -> int:
        return 0
