"""Lines that say what those below them are about: `Training:`, `Phase: val`, `Eval epoch: 54`.

Where the numbers of a record are on lines of their own, the same name may be there twice, once for
each part of the data.
"""

from __future__ import annotations

import re

from runwatch.parsers.body.matchers import number
from runwatch.parsers.inference.roles import STEP_RANK
from runwatch.parsers.inference.tokens import Field
from runwatch.parsers.lexicon.words import SAVES, is_epoch, is_quality, is_val, split_of, words

SECTION = b"section"
"""Family of the lines that open a section and hold no number; the head of no other."""
VAL_SECTION = b"val: "
"""Begins the family of lines in a section of validation."""
_TRAIN = frozenset((b"train", b"training", b"trn"))
_LONGEST = 96
_OPENS = re.compile(
    rb"(?i)(?:[^a-z]{0,40}(?:info|debug)\W+(?:[\w.]+ ?[-:|] )?)?\W*"
    rb"(?:(?:phase|mode|split|stage|starting|start|begin|on|the|running)\W+){0,2}"
    rb"(?:(?P<train>train(?:ing)?)|val(?:id(?:ation|ating|ate)?)?|test(?:ing)?|eval(?:uation|uating|uate)?"
    rb"|dev)"
    rb"(?:[ _-]?(?:set|data|phase|mode|split|stage|loop|step|results?|metrics|measures|stats|summary"
    rb"|performance|errors?|accuracy|scores?|begins?|starts?|started)){0,2}"
    rb"\W*\Z"
)


_COUNTS = re.compile(rb"(?<!\d)\d{1,15} ?/ ?\d{1,15}")
"""How far a section has come, on the line that opens it: `DEV  100/1216  200/1216`."""


def _opening(line: bytes) -> re.Match[bytes] | None:
    text = _COUNTS.sub(b"", line) if b"/" in line else line
    return _OPENS.match(text) if len(text) <= _LONGEST else None


def opens(line: bytes) -> bool:
    """Return whether a line without a number, or with nothing but counts, opens a section."""
    return _opening(line) is not None


class Sections:
    """Which section the newest line is in. Its state is whether that is one of validation."""

    def __init__(self) -> None:
        self._val = False
        self._total = b""
        """How many batches the first line of training said there are."""
        self._end = b""
        """How many its batches are in the section, once a line says so."""
        self._newest = -1.0
        """The newest batch in the section."""
        self._place = b""
        """What the newest line outside such sections counted."""

    def pass_by(self, line: bytes) -> bool:
        """Take a line without a number; return whether it opens a section."""
        found = _opening(line)
        if found is not None:
            self._val, self._end, self._newest = found["train"] is None, b"", -1.0
        return found is not None

    def family(self, family: bytes, line: bytes, found: list[Field], ranked: list[tuple[int, int]]) -> bytes:
        """Return the family of a line: below the name of a section, that of its lines.

        A line that shows a place means itself, and ends the section before it, unless it counts to
        another end than those of training, or shows the same step, or the same place and no score, again;
        so does, but for the end, one that says itself that it is of training.
        """
        if not ranked:
            if not self._val or not _TRAIN.isdisjoint(words(line[: found[-1].start])):
                return family
            return VAL_SECTION + family
        if self._counts_other(line, found, ranked):
            return VAL_SECTION + family
        first = found[ranked[0][1]]
        shown = line[first.start : first.end]
        again = self._val and shown == self._place and not any(split_of(each.name) for each in found)
        if again and (ranked[0][0] <= STEP_RANK or not any(is_quality(each.name) for each in found)):
            return VAL_SECTION + family
        self._place = shown
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
