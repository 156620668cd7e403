"""Deeplearning4j: its ScoreIterationListener prints the loss, which it calls the score."""

import re

from runwatch.core.batch import EVAL, TRAIN
from runwatch.parsers.api import Format, Reader, Row
from runwatch.parsers.body.matchers import VALUE, LinePattern, number
from runwatch.parsers.body.readers import RowMaker

_SCORE = b"Score at iteration "

_TITLE = b"=Evaluation Metrics="
_MEASURED = re.compile(rb" (# of classes|[A-Z][\w ]{1,24}): +(" + VALUE + rb")\s*\Z")


class StatsReader(Reader):
    """Reads the scores that are below each other in what `Evaluation.stats()` prints."""

    needles = (_TITLE,)
    awake = False

    def __init__(self) -> None:
        self._row = RowMaker("evaluation")

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take the title, or a score below it."""
        if _TITLE in line:
            self.awake = True
            return []
        found = _MEASURED.match(line) if self.awake else None
        self.awake = found is not None
        if found is None:
            return None
        name = f"val/{found[1].decode().lower()}"
        return [self._row(EVAL, number_, [(name, number(found[2]))])] if found[1][:1] != b"#" else []


FORMAT = Format(
    name="dl4j",
    title="Deeplearning4j",
    example="[main] INFO org.deeplearning4j...ScoreIterationListener - Score at iteration 40 is 1.25",
    matchers=tuple(
        LinePattern("score", TRAIN, re.escape(prefix) + rb"(?P<step>\d+) is (?P<loss>)\s*$")
        for prefix in (_SCORE, b"o.d.o.l.ScoreIterationListener - " + _SCORE)  # as its examples log
    ),
    readers=(StatsReader,),
    logged=True,
)
