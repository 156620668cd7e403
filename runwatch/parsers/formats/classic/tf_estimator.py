"""TensorFlow's estimators: `loss = 0.625, step = 400 (3.250 sec)`, and the evaluation of a checkpoint."""

import re

from runwatch.core.metrics import VAL_LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import VALUE, evaluation, training

_PREFIX = rb"(?:INFO:tensorflow:|[^\r\n\]]{0,120}_hook(?:s)?\.py:\d+\] )?"
_RESULTS = re.compile(rb"(?<![\w/.-])([A-Za-z][\w/.-]{0,80}) = (" + VALUE + rb")(?=,|\s*$)")
_LOGGERS = ("INFO:tensorflow:", "I0102 03:04:05.678901 140000000000000 basic_session_run_hooks.py:260] ")

FORMAT = Format(
    name="tf-estimator",
    title="TensorFlow's estimators",
    example="INFO:tensorflow:loss = 0.625, step = 400 (3.250 sec)",
    matchers=(
        training(_PREFIX + rb"loss = {loss}, step = {step}(?: \({_} sec\))?\s*$"),
        evaluation(
            rb"(?:INFO:tensorflow:|[^\r\n\]]{0,120}estimator\.py:\d+\] )?"
            rb"Saving dict for global step {step}: ",
            "saved",
            fields=_RESULTS,
            aliases={"loss": VAL_LOSS, "accuracy": "val/accuracy"},
        ),
    ),
    samples=tuple(
        Sample(
            "".join(f"{logger}loss = {loss}, step = {step}\n" for step, loss in ((1, 2.5), (101, 1.25)))
            + f"{logger}loss = 0.625, step = 201 (3.250 sec)\n"
            + "INFO:tensorflow:Saving dict for global step 300: "
            + "accuracy = 0.875, global_step = 300, loss = 0.5\n",
            {"step": [1, 101, 201], "train/loss": [2.5, 1.25, 0.625]},
            {"step": [300], "val/loss": [0.5], "val/accuracy": [0.875]},
        )
        for logger in _LOGGERS
    ),
)
