"""Records of weak formats, held back until there are enough of them and nothing better came.

A weak format's lines are also printed next to those of other formats, or look like what any
script prints, so a few of them prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runwatch.core.batch import EVAL, META_COLUMNS, TRAIN
from runwatch.core.metrics import EPOCH, LOSS, STEP_TIME
from runwatch.parsers.api import Format, Match, Matcher
from runwatch.parsers.body.enveloped import Logged
from runwatch.parsers.body.matchers import values
from runwatch.parsers.body.piece import Held, Piece, have_loss
from runwatch.parsers.counters.nesting import HEADING

_ENOUGH = 16
"""So many training records of a weak format, and none of another, settle on it."""
_PATIENCE = 8
"""So many times more, where it shows no loss and lines that no format knows do."""
_EPOCHS = 2
"""Epochs after which no score is awaited that a script prints when one ends."""
_PLACES = META_COLUMNS | {EPOCH, STEP_TIME}
_TRAIN_LOSSES = frozenset({LOSS, "train/epoch_loss", "eval/train_loss"})
_MOST = 64
"""Evaluations held at most."""


class WeakFormats:
    """What weak formats have read while no format is known."""

    def __init__(self, formats: Sequence[Format]) -> None:
        self._formats = tuple(fmt for fmt in formats if fmt.weak)
        self._asked = tuple(
            (fmt, tuple((m.prefix, Logged(m)) for m in fmt.matchers)) for fmt in self._formats
        )
        self._held: dict[str, list[Held]] = {}

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        """Those that are asked."""
        return tuple(matcher for _, asked in self._asked for _, matcher in asked)

    def read(self, line: bytes) -> Iterator[tuple[Format, Match]]:
        """Yield what each format reads in a line."""
        for fmt, asked in self._asked:
            for needle, matcher in asked:
                match = matcher.match(line) if needle in line else None
                if match is not None:
                    yield fmt, match
                    break

    def hold(self, fmt: Format, held: Held, *, elsewhere: bool, scored: bool) -> bool:
        """Keep a record; return whether there are enough.

        `elsewhere`: other lines show a loss; `scored`: they show a score. Both are awaited where records of
        several epochs show no loss, as a script prints it when an epoch ends.
        """
        rows = self._held.setdefault(fmt.name, [])
        rows.append(held)
        loss = have_loss(rows)
        if _steps(rows) >= _ENOUGH * (_PATIENCE if elsewhere and not loss else 1):
            epochs = 0 if loss else _epochs(rows)
            if not epochs or (epochs >= _EPOCHS and not scored):
                return True
        if len(rows) > 2 * _PATIENCE * _ENOUGH:
            # places alone may be thinned out; of values the oldest go
            del rows[slice(1) if measures(rows) else slice(1, None, 2)]
        return False

    def due(self) -> tuple[Format, list[Held]] | None:
        """Return the first format that has read training steps, and all its records."""
        for fmt in self._formats:
            rows = self._held.get(fmt.name, [])
            if _steps(rows) > (0 if fmt.distinct else 1):  # else one is no evidence
                return fmt, rows
        return None


class Early:
    """Evaluations while no format is known: those that show the loss of training too, and those of readers.

    The records of a script may look like that, and a learned format reads its evaluations itself. So it does
    headings of epochs.
    """

    def __init__(self) -> None:
        self._held: list[Held] = []

    def hold(self, line: bytes, match: Match, offset: int, number: int) -> bool:
        """Hold what was read in a line if it may be a record; return whether it may."""
        scored = match.layout.kind == EVAL and not _TRAIN_LOSSES.isdisjoint(match.layout.names)
        if match.layout.kind != HEADING and not scored:
            return False
        self.add(Held(match.layout, offset, number, values(line, match)))
        return True

    def add(self, row: Held) -> None:
        """Hold what a reader has read."""
        if len(self._held) >= _MOST:
            del self._held[0]
        self._held.append(row)

    def release(self, piece: Piece | None) -> None:
        """Give out what is held, or, without a piece, forget it: these were records."""
        if piece is not None:
            for row in self._held:
                piece.add(*row)
        self._held.clear()


def measures(rows: Sequence[Held]) -> bool:
    """Return whether any record of training among some rows shows more than its place."""
    return any(row.layout.kind == TRAIN and not _PLACES.issuperset(row.layout.names) for row in rows)


def _epochs(rows: Sequence[Held]) -> int:
    """Return how many epochs records name."""
    return len({row.numbers[row.layout.names.index(EPOCH)] for row in rows if EPOCH in row.layout.names})


def _steps(rows: Sequence[Held]) -> int:
    return sum(row.layout.kind == TRAIN for row in rows)
