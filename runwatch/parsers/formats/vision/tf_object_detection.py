"""TensorFlow's Object Detection API: `Step 400 per-step time 0.512s loss=0.625`, or a dict below it."""

from __future__ import annotations

import re

from runwatch.core.batch import TRAIN
from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.item_blocks import ItemBlockReader, Items
from runwatch.parsers.body.matchers import VALUE
from runwatch.parsers.body.readers import RowMaker

_LEAST = 3
"""A step, its time and one value more make a record."""


class DetectionReader(ItemBlockReader):
    """Reads a step and what was measured at it. With both of its loggers on, each line is printed twice."""

    needles = (b" per-step time ",)
    head = re.compile(
        rb"\A(?:INFO:tensorflow:|[^\r\n]{0,120}model_lib_v2\.py:\d+\] )?Step (?P<step>\d{1,12}) "
        rb"per-step time (?P<took>" + VALUE + rb")s(?: loss=(?P<loss>" + VALUE + rb"))?\s*\Z"
    )
    item = re.compile(
        rb"[^'\r\n]{0,120}'(?P<name>[A-Za-z_][\w./-]{0,80})': (?P<value>" + VALUE + rb")[,}]\s*\Z"
    )
    row = RowMaker("tfod", {"took": STEP_TIME})
    _reported = -1.0
    """The newest step."""

    def complete(self, items: Items) -> tuple[str, Items] | None:
        """Return the record of a step that was not reported."""
        if len(items) < _LEAST or items[0][1] == self._reported:
            return None
        self._reported = items[0][1]
        return TRAIN, items


_LOGGERS = ("INFO:tensorflow:", "I0102 03:04:05.678901 140000000000000 model_lib_v2.py:705] ")

FORMAT = Format(
    name="tf-object-detection",
    title="TensorFlow's Object Detection API",
    example="INFO:tensorflow:Step 400 per-step time 0.512s loss=0.625",
    readers=(DetectionReader,),
    samples=(
        Sample(
            "".join(
                f"{logger}Step {step} per-step time {took}s loss={loss}\n"
                for step, took, loss in ((100, 0.512, 0.625), (200, 0.25, 0.5))
                for logger in _LOGGERS
            ),
            {"step": [100, 200], "train/loss": [0.625, 0.5], "perf/step_time": [0.512, 0.25]},
        ),
        Sample(
            "".join(
                f"{logger}Step {step} per-step time 0.250s\n"
                f"{logger}{{'Loss/classification_loss': 0.5,\n"
                " 'Loss/regularization_loss': 0.125,\n"
                f" 'Loss/total_loss': {step / 160},\n"
                " 'learning_rate': 0.04}\n"
                for step in (100, 200)
                for logger in _LOGGERS
            ),
            {"step": [100, 200], "train/loss": [0.625, 1.25], "train/learning_rate": [0.04, 0.04]},
        ),
    ),
)
