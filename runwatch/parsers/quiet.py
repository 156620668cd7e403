"""Whether a line is worth a look at all, while no format is known.

Text in which nothing is recognised is shown to nobody: line by line the gate shuts it out, in
blocks the sieve passes it over. Both are made when the first line has been declined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from runwatch.parsers.gate import Gate
from runwatch.parsers.patterns import Matcher
from runwatch.parsers.readers import Reader

if TYPE_CHECKING:
    from runwatch.parsers.sieve import Sieve


class Quiet:
    """Stands before those that are asked about a line, and shuts out what is not for them."""

    def __init__(
        self, matchers: Sequence[Matcher], readers: Sequence[Reader], heads: Iterable[bytes]
    ) -> None:
        """`heads` are what a line begins with that is an event's."""
        self._matchers = matchers
        self._readers = readers
        self._heads = tuple(heads)
        self.lasts = False
        """Whether nobody waits for the next line, so that one that is shut out is no record."""

    @cached_property
    def _gate(self) -> Gate:
        return Gate(self._matchers, self._readers)

    @cached_property
    def sieve(self) -> Sieve:
        """What finds the lines of a block that may tell something."""
        from runwatch.parsers.sieve import Sieve

        return Sieve(self._gate, self._heads)

    def look(self) -> None:
        """See whether anyone waits for the next line, now that they were asked about one."""
        self.lasts = self._gate.asleep()

    def is_read(self, line: bytes) -> bool:
        """Return whether a reader may want a line."""
        return not self.lasts or self._gate.is_read(line)

    def shuts_out(self, line: bytes) -> bool:
        """Return whether a line is no record."""
        return self.lasts and self._gate.shuts_out(line)
