"""Deeplearning4j: its ScoreIterationListener prints the loss, which it calls the score."""

from runwatch.batch import TRAIN
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import VALUE, LinePattern

FORMAT = Format(
    name="dl4j",
    title="Deeplearning4j",
    example="[main] INFO org.deeplearning4j...ScoreIterationListener - Score at iteration 40 is 1.25",
    matchers=(
        LinePattern(
            "score",
            TRAIN,
            rb"Score at iteration (?P<step>\d+) is (?P<loss>" + VALUE + rb")\s*$",
            prefix=b"Score at iteration ",
        ),
    ),
    logged=True,
)
