"""Lines by which a script reports scores of held-out data, next to the records of a known format.

`Epoch 2 - Validation BLEU: 31.7`: the format knows its own evaluations, and is asked first. What
is left is read as a learned format reads it, where the line begins by saying what it is about.
"""

from __future__ import annotations

import re

from runwatch.core.metrics import VAL_LOSS
from runwatch.parsers.api import Format, Match, Matcher, Shared
from runwatch.parsers.envelope.header import LEVEL
from runwatch.parsers.inference.fields import Field, fields
from runwatch.parsers.inference.roles import counters, head, is_time, relevant
from runwatch.parsers.inference.template import LearnedMatcher, Plan
from runwatch.parsers.lexicon.words import is_quality

_NEEDLES = tuple(word for stem in (b"val", b"test") for word in (stem, stem.title(), stem.upper()))
"""What such a line holds, `eval` among it."""
_SAYS = re.compile(
    rb"(?i)[^a-z\d\"'(\[{]{0,20}(?:epoch\W{0,3}\d+(?: ?/ ?\d+)?\W{1,5})?"
    rb"(?:(?:avg\.?|averaged?|mean|overall|final) ){0,2}"
    rb"(?:val(?:id(?:ation)?)?|test|eval(?:uation)?)"
    rb"(?![a-z\d]|\W{1,5}" + LEVEL + rb"\b)"  # the name of a logger says nothing
)
_OWN = frozenset((VAL_LOSS, "val/bpb"))
"""What formats report themselves: a line that is not theirs shows it again, or is of other data."""


class EvaluationLine(Matcher, Shared):
    """Reads lines that hold a needle; whether one counts batches depends on its digits."""

    skeletons = False

    def __init__(self, needle: bytes) -> None:
        self.needle = needle
        self._learned = LearnedMatcher({b"": Plan(b"", None)})

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the scores of a line, if all are decimals, and are not those of one batch of many."""
        line = line[start:] if start else line
        if not _SAYS.match(line) or not relevant(line):
            return None
        found = [field for field in fields(line) if not is_time(field)]
        ranked = counters(line, found)
        scores = [field for field in found if is_quality(field.name)]
        if not all(_is_score(line, field) for field in scores) or any(found[i].total for _, i in ranked[:1]):
            return None
        family = head(line, found, ranked)
        match = None if family is None else self._learned.evaluation(family, line, found, ranked)
        return None if match is None or not _OWN.isdisjoint(match.layout.names) else match


def _is_score(line: bytes, field: Field) -> bool:
    return not line[field.start : field.end].isdigit()


EVALUATIONS = Format(
    name="evaluations",
    title="Evaluations that a script prints",
    example="Epoch 2 - Validation accuracy: 0.8125",
    matchers=tuple(map(EvaluationLine, _NEEDLES)),
)
