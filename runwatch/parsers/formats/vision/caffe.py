"""Caffe: glog lines `solver.cpp:222] Iteration 400, loss = 0.0625`, the learning rate on its own line."""

import re

from runwatch.core.batch import PLAN
from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import VALUE, LinePattern, evaluation, training
from runwatch.parsers.lexicon.records import HeldOut

_OUTPUT = re.compile(rb"([\w/.-]{1,80}) = (" + VALUE + rb")(?= \(\* |\s*$)")
_SCORE = re.compile(rb"((?!\w*(?i:loss))[\w/.-]{1,80}) = (" + VALUE + rb")\s*$")
"""A layer's output that is no loss: those the solver adds up."""

FORMAT = Format(
    name="caffe",
    title="Caffe",
    example="I0102 03:04:05.678901  1234 solver.cpp:222] Iteration 400, loss = 0.0625",
    matchers=(
        training(
            rb"Iteration {step}(?: \((?:{speed} iter/s, )?[^)\r\n]{1,80}\))?, loss = {loss}\s*$",
            aliases={"speed": STEP_TIME},
            units={"speed": "it/s"},
        ),
        evaluation(rb"Iteration {step}, lr = {lr}\s*$", "lr"),
        evaluation(rb"Test net output #\d+: ", "test", fields=_OUTPUT, aliases=HeldOut()),
        evaluation(rb"Train net output #\d+: ", "output", fields=_SCORE),
        LinePattern("plan", PLAN, rb"max_iter: {total}\s*$"),
    ),
    markers=((b"Optimization Done", "finished"), (b"done solving", "over")),
    logged=True,
)
