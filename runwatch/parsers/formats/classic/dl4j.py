"""Deeplearning4j: its ScoreIterationListener prints the loss, which it calls the score."""

import re

from runwatch.core.batch import EVAL
from runwatch.parsers.api import Format
from runwatch.parsers.body.item_blocks import ItemBlockReader, Items
from runwatch.parsers.body.matchers import VALUE, training
from runwatch.parsers.body.readers import RowMaker

_SCORE = b"Score at iteration "
_TITLE = b"=Evaluation Metrics="


class StatsReader(ItemBlockReader):
    """Reads the scores that are below each other in what `Evaluation.stats()` prints."""

    needles = (_TITLE,)
    head = re.compile(_TITLE)
    item = re.compile(rb" (?P<name># of classes|[A-Z][\w ]{1,24}): +(?P<value>" + VALUE + rb")\s*\Z")
    row = RowMaker("stats")

    def complete(self, items: Items) -> tuple[str, Items] | None:
        """Return the scores; how many classes there are is none."""
        scores = [(f"val/{name.lower()}", value) for name, value in items if name[0] != "#"]
        return (EVAL, scores) if scores else None


FORMAT = Format(
    name="dl4j",
    title="Deeplearning4j",
    example="[main] INFO org.deeplearning4j...ScoreIterationListener - Score at iteration 40 is 1.25",
    matchers=tuple(
        training(re.escape(prefix) + rb"{step} is {loss}\s*$", "score")
        for prefix in (_SCORE, b"o.d.o.l.ScoreIterationListener - " + _SCORE)  # as its examples log
    ),
    readers=(StatsReader,),
    logged=True,
)
