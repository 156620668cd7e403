"""Lines that say what those below them are about: `Training:`, `Phase: val`, `Eval epoch: 54`.

Where the numbers of a record are on lines of their own, the same name may be there twice, once for
each part of the data.
"""

from __future__ import annotations

import re

from runwatch.parsers.body.matchers import number
from runwatch.parsers.inference.crosstab import columns_of, row_of
from runwatch.parsers.inference.places import Place
from runwatch.parsers.inference.roles import STEP_RANK, place
from runwatch.parsers.inference.shapes import Reading, reading_of
from runwatch.parsers.inference.tokens import Field
from runwatch.parsers.lexicon.words import (
    SAVES,
    SPLIT_WORDS,
    TRAIN,
    is_epoch,
    is_quality,
    is_val,
    split_of,
    words,
)

SECTION = b"section"
"""Family of the lines that open a section and hold no number; the head of no other."""
VAL_SECTION = b"val: "
"""Begins the family of lines in a section of validation."""
_TRAIN = frozenset((b"train", b"training", b"trn"))
_LONGEST = 96
_OPENS = re.compile(
    rb"(?i)(?:[^a-z]{0,40}(?:info|debug)\W+(?:[\w.]+ ?[-:|] )?|\[[\w.:-]{1,40}\]:? )?\W*"
    rb"(?:(?:phase|mode|split|stage|starting|start|begin|on|the|running)\W+){0,2}"
    rb"(?:(?P<train>train(?:ing)?)|val(?:id(?:ation|ating|ate)?)?|test(?:ing)?|eval(?:uation|uating|uate)?"
    rb"|dev)"
    rb"(?:[ _-]?(?:(?:on |of |the ){0,2}(?:test|val|validation|dev|epoch|set|data|phase|mode|split|stage"
    rb"|loop|step|results?|metrics|measures|stats|summary|performance|errors?|accuracy|scores?"
    rb"|begins?|starts?|started))){0,3}"
    rb"\W*\Z"
)
SAYS_VAL = re.compile(
    rb"(?i)(?:(?!\s)[^a-z]*(?:(?:(?:info|main|root|[\w.]+\.py)\b"
    rb"|[\w.]{1,40}(?: \w{1,20})?(?::| [-=]>))[^a-z]*)*"
    rb"|\s{1,8}(?:[>*+-]{1,3} )?|\s{1,32}\[(?=val|test|eval|dev))"
    rb"(?:(?:(?:avg\.?|averaged?|mean|overall|epoch|final|current|new|total|full) ){0,2}"
    rb"(?:train|val|test|eval|dev\b)"
    rb"|[a-z ]{1,40}(?:\d{1,9} )?(?: |\b)(?:val|test|eval)[a-z]{0,8}"
    rb"(?:[ -](?:set|data|images|samples|examples))?:"
    rb"|\w{1,24}[_.-](?:val|test|eval)\b[\w.]{0,24} ?[:=])"
)
"""A line whose first word, after a logger's, is a part of the data, or whose words before a colon are."""
_LED_BY_VAL = re.compile(
    rb"(?i)[^a-z]*(?:val|valid|validation|validating|eval|evaluation|evaluating|dev|test|testing)\b(?![\w.])"
)
"""Begins the head of a record that is of a validation: `[EVAL] episode #`, `Validation epoch #`."""
_ONCE_EACH = 2
"""Scores at one place, if training shows one there, and validation another."""
_COUNTS = re.compile(rb"(?<!\d)\d{1,15} ?/ ?\d{1,15}")
"""How far a section has come, on the line that opens it: `DEV  100/1216  200/1216`."""


def _opening(line: bytes) -> re.Match[bytes] | None:
    text = _COUNTS.sub(b"", line) if b"/" in line else line
    return _OPENS.match(text) if len(text) <= _LONGEST else None


def opens(line: bytes) -> bool:
    """Return whether a line without a number, or with nothing but counts, opens a section."""
    return _opening(line) is not None


def says_val(family: bytes, line: bytes, found: list[Field]) -> bool:
    """Whether a record, not its logger or file, says it is of validation: `Epoch 3: Validation: loss 0.5`."""
    if not (family.endswith(b" val") or _LED_BY_VAL.match(family)):
        return False
    first = next((f.start for f in found if is_quality(f.name)), 0)
    return TRAIN.isdisjoint(words(line[:first])) and not any(
        is_val(f.name) and is_quality(f.name) for f in found
    )


def beside(family: bytes, head: bytes) -> bool:
    """Whether a family differs from another in saying validation: `Epoch # - VAL - Batch#`, `- TRAIN -`."""
    rest = [word for word in words(head) if word not in SPLIT_WORDS]
    return is_val(family) and [word for word in words(family) if word not in SPLIT_WORDS] == rest


class Sections:
    """Which section the newest line is in. Its state: whether it is of validation, its columns."""

    def __init__(self) -> None:
        self.columns: tuple[bytes, ...] = ()
        """The columns of the newest cross table."""
        self._val = False
        self.trained = 0
        """How many lines opened a section of training and end like keys: `train:`."""
        self._total = b""
        """How many batches the first line of training said there are."""
        self._end = b""
        """How many its batches are in the section, once a line says so."""
        self._newest = -1.0
        """The newest batch in the section."""
        self._places: dict[Place, bytes] = {}
        """What the newest line outside such sections counted."""
        self._scored = 0
        """How many lines showed a score there."""

    def pass_by(self, line: bytes) -> bool:
        """Take a line without a number; return whether it opens a section, or heads a cross table."""
        if columns := columns_of(line):
            self.columns = columns
            return True
        found = _opening(line)
        if found is not None:
            self._val, self._end, self._newest = found["train"] is None, b"", -1.0
            self.trained += not self._val and line.rstrip().endswith(b":")
        return found is not None

    def reading(self, line: bytes) -> Reading | None:
        """Return what a line says; None if it holds no number."""
        return (row_of(line, self.columns) if self.columns else None) or reading_of(line)

    def family(self, family: bytes, line: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> bytes:
        """Return the family of a line: below the name of a section, that of its lines.

        A line that shows a place means itself, and ends the section before it, unless it counts to
        another end than those of training, or shows the same step, or the same place and no score, again, or
        the same epoch, once, where training showed it once. So does, but for the end, one that says itself
        that it is of training.
        """
        if not ranked:
            if not self._val or not _TRAIN.isdisjoint(words(line[: found[-1].start])):
                return family
            return VAL_SECTION + family
        if self._counts_other(line, found, ranked):
            return VAL_SECTION + family
        shown = {place(r, found[i].name): line[found[i].start : found[i].end] for r, i in ranked}
        again = shown.items() <= self._places.items() and not any(split_of(each.name) for each in found)
        scored = any(is_quality(each.name) for each in found)
        self._scored = scored + (self._scored if again else 0)
        if self._val and again and (ranked[0][0] <= STEP_RANK or not scored or self._scored == _ONCE_EACH):
            return VAL_SECTION + family
        self._places = shown
        first = found[ranked[0][1]]
        said = line[: first.start]
        self._val = len(found) == len(ranked) and (is_val(said) or family.endswith(b"# val"))
        self._val = self._val and SAVES.isdisjoint(words(said))
        self._end = line[slice(*first.total)] if self._val and first.total else b""
        return family

    def _counts_other(self, line: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> bool:
        """Whether a line counts the batches of a section of validation, in one sweep to an end of its own."""
        batch = next((f for _, i in ranked if (f := found[i]).total and not is_epoch(f.name)), None)
        if batch is None or batch.total is None:
            return False
        total = line[slice(*batch.total)]
        if not self._val:
            self._total = self._total or (b"" if is_val(line[: batch.start]) else total)
            return False
        before, self._newest = self._newest, number(line[batch.start : batch.end])
        self._end = self._end or total
        return total == self._end != (self._total or total) and before < self._newest
