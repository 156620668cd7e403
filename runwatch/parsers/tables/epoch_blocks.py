"""Epochs printed in blocks: a headline, and below it what was measured, a few numbers a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import VAL_LOSS
from runwatch.parsers.api import Layout, Match, Matcher, Row, as_printed
from runwatch.parsers.body.matchers import VALUE, values
from runwatch.parsers.body.readers import FoldingReader, RowMaker

if TYPE_CHECKING:
    from runwatch.parsers.body.decoded import Floats
    from runwatch.parsers.body.frames import Pictures

_BLOCK_EPOCH = re.compile(rb"\W{0,12}[Ee]poch:? *\[?(\d+)(?:/(\d+)\]?)?\W{0,12}$")
_BLOCK_PART = re.compile(
    rb"([A-Za-z][\w ]{0,40}?):? +("
    + VALUE
    + rb")s?(?= - | \| |[,;] | +[A-Za-z][\w ]{0,40}(?:: | +[-+.\d])|\s*$)"
)

_KINDS = {"validation": EVAL, "train": TRAIN}
_TESTED = [f"{of}{gap}{loss}" for of in ("test", "Test") for gap in " _" for loss in ("loss", "Loss")]
"""Names of the loss of test data, which is that of validation where no line shows the latter."""
_MAX_HELD = 1024
"""Records that wait for the next epoch, at most."""
_BLOCK_HEADS = (
    b"train loss",
    b"training loss",
    b"train_loss",
    b"val loss",
    b"val_loss",
    b"valid loss",
    b"valid_loss",
    b"validation loss",
    b"test loss",
    b"test_loss",
    b"time taken",
    b"lr:",
    b"learning rate",
)


class _BlockLines(Matcher):
    """Matches an epoch's headline and the lines of its block. Once one was seen, `inside` is to be set."""

    inside = False

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a line shows."""
        found = _BLOCK_EPOCH.match(line, start) if len(line) - start < 64 else None
        if found is not None:
            spans = [found.span(i) for i in (1, 2) if found[i] is not None]
            return Match(as_printed("epoch", "block", ("epoch", "total")[: len(spans)]), tuple(spans))
        head = _begin(line, start)
        if not self.inside or not head.startswith(_BLOCK_HEADS):
            return None
        items: dict[str, tuple[int, int]] = {}
        for m in _BLOCK_PART.finditer(line, start):
            items.setdefault(" ".join(m[1].decode("ascii").split()), m.span(2))
        if not items:
            return None
        kind, names = "train" if head.startswith(b"train") else "note", tuple(items)
        if head.startswith((b"val", b"test")):  # `Val loss: 0.5; Acc: 0.9`: the other numbers are its own too
            kind, names = (
                "validation",
                tuple(n if n[:3].lower() in ("val", "tes") else f"val/{n}" for n in names),
            )
        return Match(as_printed(kind, "block", names), tuple(items.values()))


def _begin(line: bytes, start: int = 0) -> bytes:
    """Return what a line begins with, in small letters, its words with one space between them."""
    return b" ".join(line[start : start + 24].lower().split())


def _validates(layout: Layout) -> bool:
    """Whether a line is of validation, and not of test data."""
    return layout.kind == "validation" and layout.names[0][:3].lower() == "val"


class EpochBlockReader(FoldingReader):
    """`Epoch: 3/30`, then lines such as `Train Loss: 5.94 - Train Perplexity: 380.1`; a step is an epoch.

    Anyone may write a line `Epoch 3`. One without a total shows a step only if the next epoch follows,
    and if what it measured is right below it; where that is so once, it holds for the epochs before.
    """

    begins = (
        rb"\W{0,12}[Ee]poch|[-=_*#~ ]*\Z|\s{0,20}(?i:"
        + b"|".join(_BLOCK_HEADS).replace(b" ", rb"\s{1,8}")
        + b")"
    )
    awake = False

    def __init__(self) -> None:
        self._row = RowMaker("epoch-block", {"epoch": "step"})
        self._tested = RowMaker("epoch-block", {"epoch": "step", **dict.fromkeys(_TESTED, VAL_LOSS)})
        """Makes the rows of test data until a line of validation was seen."""
        self._lines = _BlockLines()
        self.pictures = (self._lines,)
        self._epoch: list[tuple[str, float]] = []
        self._noted: list[tuple[str, float]] = []
        self._sure = False
        self._held: list[Row] = []
        """The records of epochs that follow each other, which another one has to follow."""
        self._near = 0
        """The newest line of its block, or a rule right below it."""
        self._below = False
        """Whether any of its records is right below its headline."""

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a block."""
        match = self._lines.match(line)
        if match is None and number_ - self._near == 1 and not line.strip(b"-=_*#~ "):
            self._near = number_
        if match is None:
            return None
        apart = not self._sure and match.layout.kind != "epoch" and number_ - self._near > 1
        rows = self._take(match.layout, values(line, match), number_)
        return None if apart else rows  # others may know better what it is

    def _take(self, layout: Layout, shown: Sequence[float], number_: int) -> list[Row]:
        """Take what one line shows."""
        items = list(zip(layout.names, shown, strict=True))
        if layout.kind == "epoch":
            follows = bool(self._held) and items[0][1] == self._epoch[0][1] + 1
            self._sure |= (follows and self._below) or len(items) > 1
            self._epoch, self._noted, self._lines.inside, self._below = items, [], True, False
            self._near = number_
            if follows and not self._sure:
                return []  # what came further below still waits
            held, self._held = self._held if follows else [], []
            return held
        if self._sure:
            return self._reported(layout, items, number_)
        if number_ - self._near == 1:
            self._near, self._below = number_, True
        self._held += self._reported(layout, items, number_)[: _MAX_HELD - len(self._held)]
        return []

    def _reported(self, layout: Layout, items: list[tuple[str, float]], number_: int) -> list[Row]:
        """Return the record of a line of a block."""
        if layout.kind == "validation":
            self._tested = self._row if _validates(layout) else self._tested
            return [self._tested(EVAL, number_, [*self._epoch[:1], *items])]
        self._noted += items
        if layout.kind == "note":
            return []
        noted, self._noted = self._noted, []
        return [self._row(TRAIN, number_, [*self._epoch, *noted])]

    def may(self, line: bytes) -> bool:
        """Return whether a line may be of a block."""
        return b"poch" in line or self.minds(line)

    def minds(self, line: bytes) -> bool:
        """Return whether a line may be of a block; those before the first headline are no pictures."""
        return _begin(line).startswith(_BLOCK_HEADS)

    def fold(self, pictures: Pictures) -> Iterator[tuple[Layout, Floats]]:
        """Take many lines, each as if by itself: together behind a headline, if nothing is noted.

        One after the other they take five times as long (0.9 and 4.5 us a line of benchmarks/formats.py).
        """
        import numpy as np

        self._sure = True  # or nothing would be settled
        kinds = ("epoch", "validation", "train", "note")
        kind = pictures.spread((part, kinds.index(part.layout.kind)) for part in pictures.parts)
        first = (
            int((kind == 0).argmax()) if not (kind == 3).any() and (kind == 0).any() else len(pictures) - 1
        )
        if self._tested is not self._row:
            first = max(first, *(int(part.at[0]) for part in pictures.parts if _validates(part.layout)), 0)
        yield from pictures.one_by_one(0, first + 1, self._take)
        if first == len(pictures) - 1:
            return
        heads = [part for part in pictures.parts if part.layout.kind == "epoch"]
        at = np.maximum.accumulate(np.where(kind == 0, np.arange(len(kind)), 0))
        epoch = pictures.spread((part, part.columns[0]) for part in heads)[at]
        total = pictures.spread(((p, p.columns[1]) for p in heads if len(p.columns) > 1), -1.0)[at]
        after = np.arange(len(kind)) > first
        for part in pictures.parts:
            names = part.layout.names
            kept = [i for i, name in enumerate(names) if name not in ("epoch", "total")]
            own = [part.columns[i] for i in kept]
            place = epoch[part.at], total[part.at]
            for kind_, row, known, chosen in (
                ("validation", self._tested, ("epoch",), after),
                ("train", self._row, ("epoch", "total"), after & (total >= 0)),
                ("train", self._row, ("epoch",), after & (total < 0)),
            ):
                if part.layout.kind == kind_:
                    shown = row.layout(_KINDS[kind_], (*known, *(names[i] for i in kept)))
                    yield shown, pictures.rows(part, chosen, [*place[: len(known)], *own])
        newest = max(heads, key=lambda part: int(part.at[-1]))
        self._epoch = list(zip(newest.layout.names, newest.columns[:, -1].tolist(), strict=True))
