"""Caffe: glog lines `solver.cpp:222] Iteration 400, loss = 0.0625`, the learning rate on its own line."""

import re

from runwatch.core.batch import EVAL, PLAN, TRAIN
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import VALUE, LinePattern
from runwatch.parsers.lexicon.validation_names import HeldOut

_OUTPUT = re.compile(rb"([\w/.-]{1,80}) = (" + VALUE + rb")(?= \(\* |\s*$)")
_SCORE = re.compile(rb"((?!\w*(?i:loss))[\w/.-]{1,80}) = (" + VALUE + rb")\s*$")
"""A layer's output that is no loss: those the solver adds up."""

FORMAT = Format(
    name="caffe",
    title="Caffe",
    example="I0102 03:04:05.678901  1234 solver.cpp:222] Iteration 400, loss = 0.0625",
    matchers=(
        LinePattern("train", TRAIN, rb"Iteration {step}(?: \([^)\r\n]{1,80}\))?, loss = {loss}\s*$"),
        LinePattern("lr", EVAL, rb"Iteration {step}, lr = {lr}\s*$"),
        LinePattern("test", EVAL, rb"Test net output #\d+: ", fields=_OUTPUT, aliases=HeldOut()),
        LinePattern("output", EVAL, rb"Train net output #\d+: ", fields=_SCORE),
        LinePattern("plan", PLAN, rb"max_iter: {total}\s*$"),
    ),
    markers=((b"Optimization Done", "finished"), (b"done solving", "over")),
    logged=True,
)
