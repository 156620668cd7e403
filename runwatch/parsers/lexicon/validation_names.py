"""What numbers are called that a line of a validation prints under the names of those of training."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from runwatch.parsers.lexicon.names import canonical


class HeldOut(Mapping[str, str]):
    """`val/` and the printed name, for names that a pattern finds; no alias for any other.

    As the aliases of a matcher it says what the numbers are called that training prints too.
    """

    def __init__(self, names: re.Pattern[str]) -> None:
        self._names = names

    def __getitem__(self, printed: str) -> str:
        if not self._names.search(printed):
            raise KeyError(printed)
        name = canonical(printed)
        return f"val/{name.rpartition('train/')[2]}"

    def __iter__(self) -> Iterator[str]:
        """Return nothing: the names are not known before they are printed."""
        return iter(())

    def __len__(self) -> int:
        return 0
