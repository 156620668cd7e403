"""Deeplearning4j: its ScoreIterationListener prints the loss, which it calls the score."""

import re

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern

_SCORE = b"Score at iteration "

FORMAT = Format(
    name="dl4j",
    title="Deeplearning4j",
    example="[main] INFO org.deeplearning4j...ScoreIterationListener - Score at iteration 40 is 1.25",
    matchers=tuple(
        LinePattern("score", TRAIN, re.escape(prefix) + rb"(?P<step>\d+) is (?P<loss>)\s*$")
        for prefix in (_SCORE, b"o.d.o.l.ScoreIterationListener - " + _SCORE)  # as its examples log
    ),
    logged=True,
)
