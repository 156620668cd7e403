"""PaddlePaddle's high-level API (`Model.fit`): `step 400/469 - loss: 0.0625 - acc: 0.9375 - 12ms/step`."""

from __future__ import annotations

import re

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import EPOCH, STEP_TIME
from runwatch.parsers.api import Format, Reader, Row, Sample
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker
from runwatch.parsers.counters.nesting import PER, PLANNED, WITHIN
from runwatch.parsers.lexicon.units import SECONDS

_EPOCH = re.compile(rb"Epoch (\d+)/(\d+)\s*\Z")
_STEP = re.compile(
    rb"step +(?P<within>\d+)(?:/(?P<per>\d+))?(?: \[[=>.]{10,80}\])?(?P<items> - [^\r\n]{1,1000}?)"
    rb"(?: - ETA: [\d:.s]{1,20})? - (?P<took>" + VALUE + rb")(?P<unit>us|ms|s)/step[\s\x08]*\Z"
)
_ITEM = re.compile(rb" - ([A-Za-z][\w/.-]{0,80}): \[?(" + VALUE + rb")\]?(?= - |\Z)")
_EVAL, _EVALUATED = b"Eval begin", b"Eval samples"


class HapiReader(Reader):
    """Reads the lines of steps, be they indented; those of an evaluation are between two that say so."""

    begins = rb"[ \t]{0,16}(?:Epoch \d+/\d+\s*\Z|step +\d+(?:/\d+)? |Eval begin|Eval samples)"
    awake = False

    def __init__(self) -> None:
        self._row = RowMaker("hapi")
        self._epoch: list[tuple[str, float]] = []
        self._evaluates = False

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line."""
        line = line.lstrip(b" \t")
        if line.startswith((_EVAL, _EVALUATED)):
            self._evaluates = line.startswith(_EVAL)
            return []
        head = _EPOCH.match(line)
        if head is not None:
            self._epoch = [(EPOCH, float(head[1])), (PLANNED, float(head[2]))]
            self._evaluates = False
            return None  # others print such a line, too
        step = _STEP.match(line)
        items = [(m[1].decode("ascii"), number(m[2])) for m in _ITEM.finditer(step["items"])] if step else []
        if step is None or not items:
            return None
        if self._evaluates:
            ended = step["per"] is None or step["within"] == step["per"]
            return [self._row(EVAL, number_, [(f"val/{n}", v) for n, v in items])] if ended else []
        place = [(WITHIN, float(step["within"]))]
        if step["per"] is not None:  # else the data has no length
            place.append((PER, float(step["per"])))
        took = (STEP_TIME, number(step["took"]) * SECONDS[step["unit"].decode()])
        return [self._row(TRAIN, number_, [*self._epoch, *place, took, *items])]

    def prime(self, lines: list[bytes]) -> None:
        """See which epoch the first lines show."""
        for line in lines:
            self.feed(line, 0)


FORMAT = Format(
    name="paddle-hapi",
    title="PaddlePaddle's high-level API",
    example="step 400/469 - loss: 0.0625 - acc: 0.9375 - 12ms/step",
    readers=(HapiReader,),
    samples=(
        Sample(
            "    Epoch 1/2\n"
            "    step 20/40 - loss: 2.5000 - acc: 0.2500 - 12ms/step\n"
            "step 40/40 - loss: 1.2500 - acc: 0.5000 - 8ms/step\n"
            "save checkpoint at out/0\n"
            "    Eval begin...\n"
            "    step 5/10 - loss: 1.7500 - acc: 0.4000 - 6ms/step\n"
            "step 10/10 - loss: 1.5000 - acc: 0.4500 - 6ms/step\n"
            "Eval samples: 100\n"
            "Epoch 2/2\n"
            "step 20/40 [=======>......] - loss: 0.6250 - acc: 0.7500 - ETA: 0s - 8ms/step\n"
            "step 40/40 [==============] - loss: 0.5000 - acc: 0.8750 - 8ms/step\n",
            {
                "step": [20, 40, 60, 80],
                "total": [80] * 4,
                "train/loss": [2.5, 1.25, 0.625, 0.5],
                "perf/step_time": [0.012, 0.008, 0.008, 0.008],
            },
            {"val/loss": [1.5], "val/acc": [0.45]},
        ),
        Sample(
            "Epoch 1/2\n"
            "step 10 - loss: 2.5000 - acc: 0.2500 - 12ms/step\n"
            "step 20 - loss: 1.2500 - acc: 0.5000 - 8ms/step\n"
            "Epoch 2/2\n"
            "step 10 - loss: 0.6250 - acc: 0.7500 - 8ms/step\n"
            "step 20 - loss: 0.5000 - acc: 0.8750 - 8ms/step\n",
            {"step": [10, 20, 30, 40], "train/loss": [2.5, 1.25, 0.625, 0.5]},
        ),
    ),
)
