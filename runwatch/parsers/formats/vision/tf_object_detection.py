"""TensorFlow's Object Detection API: `Step 400 per-step time 0.512s loss=0.625`, or a dict below it."""

from __future__ import annotations

import re

from runwatch.core.batch import TRAIN
from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format, Reader, Row, Sample
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_HEAD = re.compile(
    rb"(?:INFO:tensorflow:|[^\r\n]{0,120}model_lib_v2\.py:\d+\] )?Step (?P<step>\d{1,12}) per-step time "
    rb"(?P<took>" + VALUE + rb")s(?: loss=(?P<loss>" + VALUE + rb"))?\s*\Z"
)
_ITEM = re.compile(rb"'(?P<name>[A-Za-z_][\w./-]{0,80})': (?P<value>" + VALUE + rb")(?P<end>[,}])\s*\Z")
_LINES = 64
"""So many lines below its head a dict may have."""


class DetectionReader(Reader):
    """Reads a step and what was measured at it. With both of its loggers on, each line is printed twice."""

    needles = (b" per-step time ",)

    def __init__(self) -> None:
        self._row = RowMaker("tfod")
        self._place: list[tuple[str, float]] = []
        self._items: list[tuple[str, float]] = []
        self._left = 0
        """Lines within which an item may come."""
        self._reported = -1.0

    @property
    def awake(self) -> bool:
        """Whether an item may come."""
        return self._left > 0

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line."""
        head = _HEAD.match(line)
        if head is not None:
            self._place = [("step", float(head["step"])), (STEP_TIME, number(head["took"]))]
            self._items, self._left = [], _LINES
            return [] if head["loss"] is None else self._report([("loss", number(head["loss"]))], number_)
        if not self._left:
            return None
        self._left -= 1
        item = _ITEM.search(line)
        if item is None:
            return None
        self._items.append((item["name"].decode("ascii"), number(item["value"])))
        return self._report(self._items, number_) if item["end"] == b"}" else []

    def _report(self, items: list[tuple[str, float]], number_: int) -> list[Row]:
        """Return the record of the step that is open, if it was not emitted."""
        self._left, self._items = 0, []
        if self._place[0][1] == self._reported:
            return []
        self._reported = self._place[0][1]
        return [self._row(TRAIN, number_, [*self._place, *items])]


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
