"""Lines next to bars that show scores of held-out data: they say so, or are below a heading that does.

`Val loss: 0.5, acc: 0.9`, `[Valid] Epoch 3 | loss 0.5`, `Train: 0.5, Val: 0.6`
"""

from __future__ import annotations

import re

from runwatch.core.metrics import VAL_LOSS
from runwatch.parsers.api import Layout
from runwatch.parsers.body.matchers import number
from runwatch.parsers.inference.crosstab import columns_of, may_be_row, row_of
from runwatch.parsers.inference.losses import losses_by_split
from runwatch.parsers.inference.roles import is_pace, relevant
from runwatch.parsers.inference.scores import measures
from runwatch.parsers.inference.sections import VAL_SECTION, Sections, opens
from runwatch.parsers.inference.shapes import Reading, reading_of
from runwatch.parsers.inference.tokens import Field
from runwatch.parsers.lexicon.languages import spelled
from runwatch.parsers.lexicon.words import (
    CHANGED,
    TRAIN,
    is_epoch,
    is_quality,
    is_setting,
    is_split,
    is_val,
    split_of,
    words,
)

_LONGEST = 400
_REPEATED = CHANGED | frozenset(
    b"improvement improves improving lowest minimum min patience reached monitor monitoring".split()
)
"""Words of lines and names that show a value again."""
_IN_DICT = re.compile(rb"\{['\"]")
"""Begins what others read."""


def may_show(line: bytes) -> bool:
    """Return whether a line may show such scores, or opens a section of them, whichever came before."""
    return opens(line) or bool(columns_of(line)) or may_be_row(line) or _reading(line) is not None


def _reading(line: bytes) -> Reading | None:
    """Return the numbers of a line that shows a score for the first time, and not in a dict.

    Or of one about held-out data that shows nothing but its place, and opens a section.
    """
    reading = reading_of(line) if len(line) < _LONGEST and relevant(line) else None
    if reading is None or reading.family is None:
        return None
    first = _first_score(reading)
    if first is None:
        return reading if is_val(line) else None
    before = line[: first.start]
    repeated = not _REPEATED.isdisjoint(words(before)) or _IN_DICT.search(before)
    return None if repeated else reading


def _is_score(field: Field) -> bool:
    return is_split(field.name) or (is_quality(field.name) and not is_epoch(field.name))


def _may_be_score(field: Field) -> bool:
    """Whether a number is a score, or what else was measured of the data that it names: `valid PER: 7.9`."""
    measured = is_val(field.name) and not (is_setting(field.name) or is_pace(field) or is_epoch(field.name))
    return measured or _is_score(field)


def _first_score(reading: Reading) -> Field | None:
    return next((field for field in reading.found if _is_score(field)), None)


class HeldOutLines:
    """Reads them. Its state is which data the newest heading is about, and whether any was of validation."""

    def __init__(self) -> None:
        self.validates = False
        """Whether anything was called of validation: then what is of test data is another."""
        self._sections = Sections()
        self._part = ""
        """The data that the newest heading is about."""
        self._trained: tuple[str, ...] = ()
        """What the newest bar of training shows."""

    def trains(self, layout: Layout) -> None:
        """Take that a bar of training was drawn."""
        self._sections, self._trained = Sections(), layout.names

    def _measures(self, line: bytes, reading: Reading) -> bool:
        """Whether a line shows scores that bars do not, and does not say of which data: `mAP: 0.5`."""
        _, found, ranked = reading
        shown = {name.encode() for name in self._trained}
        return not split_of(line) and measures(line, found, ranked, shown)

    def part(self, said: str) -> str:
        """Return what scores of held-out data are called that are said to be of `said`: val, test."""
        self.validates |= said == "val"
        return "test" if said == "test" and self.validates else "val"

    def scores(self, line: bytes) -> list[tuple[str, float]]:
        """Return the scores of a line that are of held-out data, and what they are called."""
        row = row_of(line, self._sections.columns) if self._sections.columns else None
        reading = row or _reading(line)
        if reading is None:
            self._part = split_of(line) if self._sections.pass_by(line) else self._part
            return []
        family, found, ranked = reading
        assert family is not None
        below = self._sections.family(family, line, found, ranked).startswith(VAL_SECTION)
        first = _first_score(reading)
        if first is None:
            self._part = split_of(line)
            return []
        before = line[: first.start]  # where it may say which data it is about
        part = split_of(before) if TRAIN.isdisjoint(words(before)) else ""
        part = part or (self._part if below else "")
        alone = not part and self._measures(line, reading)
        losses = losses_by_split([field.name for field in found])
        counted = {index for _, index in ranked}
        scores: list[tuple[str, float]] = []
        for field in (f for index, f in enumerate(found) if index not in counted and _may_be_score(f)):
            part = split_of(field.name) or part
            if (part in ("", "train") and not alone) or not _REPEATED.isdisjoint(words(field.name)):
                continue
            name = spelled(field.name) if alone else self._name(field, part, losses)
            if name:
                scores.append((name, field.unit(name).apply(number(line[field.start : field.end]))))
        return scores

    def _name(self, field: Field, part: str, losses: dict[bytes, str]) -> str:
        """Return what a score is called; empty for one that only its part of the data names."""
        called = self.part(part)
        if is_split(field.name):
            return "val_loss" if losses.get(field.name) == VAL_LOSS else ""
        return spelled(field.name) if is_val(field.name) else f"{called} {spelled(field.name)}"
