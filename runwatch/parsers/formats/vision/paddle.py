"""PaddlePaddle: PaddleDetection, PaddleOCR, PaddleClas, PaddleGAN, PaddleViT, its high-level API `Model.fit`.

Where a line shows the iterations of the epoch only, they are counted on from the epochs before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import EPOCH, SAMPLES_PER_SEC, STEP_TIME
from runwatch.parsers.api import Format, Reader, Row, Sample
from runwatch.parsers.body.matchers import VALUE, evaluation, number, training
from runwatch.parsers.body.readers import RowMaker
from runwatch.parsers.counters.nesting import PER, PLANNED, WITHIN
from runwatch.parsers.lexicon.records import HeldOut
from runwatch.parsers.lexicon.units import SECONDS
from runwatch.parsers.tables.evaluations import CocoReader

_PACE = {"ips": SAMPLES_PER_SEC}

DETECTION = Format(
    name="paddledetection",
    title="PaddleDetection",
    example="[01/02 03:04:05] ppdet.engine INFO: Epoch: [2] [ 40/900] learning_rate: 0.125 ...",
    matchers=(
        training(
            rb"Epoch: \[{epoch}\] \[ *{within}/{per}\] (?=learning_rate: )",
            fields=True,
            aliases=_PACE,
            first_epoch=0,
        ),
        training(  # semi-supervised: the numbers in front count all iterations
            rb" {0,8}{step}/{total} iters Epoch: \[{epoch}\] \[ *\d+/\d+\] (?=learning_rate: )",
            "train-semi",
            fields=True,
            aliases=_PACE,
        ),
        evaluation(  # of VOC; COCO's is a table
            rb"mAP\(0?\.50?, (?:11point|integral)\) = {mAP50}%", "voc", aliases={"mAP50": "val/mAP50"}
        ),
    ),
    readers=(CocoReader,),
    logged=True,
)

OCR = Format(
    name="paddleocr",
    title="PaddleOCR",
    example="[2030/01/02 03:04:05] ppocr INFO: epoch: [2/90], global_step: 40, lr: 0.001, loss: 2.125, ...",
    matchers=(
        training(
            rb"epoch: \[{epoch}/\d+\], (?:global_step|iter): {step}, (?=lr: )", fields=True, aliases=_PACE
        ),
        evaluation(rb"cur metric, ", "metric", fields=True, aliases=HeldOut()),
    ),
    logged=True,
)

CLAS = Format(
    name="paddleclas",
    title="PaddleClas",
    example="[2030/01/02 03:04:05] ppcls INFO: [Train][Epoch 2/90][Iter: 40/900]lr: 0.125, loss: 2.125, ...",
    matchers=(
        training(
            rb"\[Train\]\[Epoch {epoch}/{epochs}\]\[Iter: {within}/{per}\](?:lr(?:\(\w{1,40}\))?: {lr}, )?",
            fields=True,
            aliases=_PACE,
            first_epoch=1,
        ),
        evaluation(rb"\[Eval\]\[Epoch {epoch}\]\[Avg\]", fields=True, aliases=HeldOut()),
    ),
    logged=True,
)

GAN = Format(
    name="paddlegan",
    title="PaddleGAN",
    example="[01/02 03:04:05] ppgan.engine.trainer INFO: Epoch: 2/90, iter: 40/900 lr: 1.250e-04 ...",
    matchers=(
        training(
            rb"Epoch: {epoch}/{epochs}, iter: {within}/{per} (?=lr: [^\r\n]{0,4000}?batch_cost: )",
            fields=True,
            aliases=_PACE,
            first_epoch=1,
        ),
    ),
    logged=True,
)

VIT = Format(
    name="paddlevit",
    title="PaddleViT",
    example="2030-01-02 03:04:05,678 Epoch[002/090], Step[0040/0900], Avg Loss: 2.1250, Avg Acc: 0.2500",
    matchers=(
        training(
            rb"Epoch\[{epoch}/{epochs}\], Step\[{within}/{per}\],(?= (?:Avg )?Loss: )",
            fields=True,
            first_epoch=1,
        ),
        evaluation(
            rb"----- Epoch\[\d+/\d+\], (?=(?:Train|Validation) Loss: )",
            "epoch",
            fields=True,
            aliases={"Train Loss": "train/epoch_loss"},
        ),
        evaluation(rb"Now training epoch \d+\. LR={LR}", "rate"),
    ),
    logged=True,
)

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
    _row = RowMaker("hapi")
    _epoch: Sequence[tuple[str, float]] = ()
    _evaluates = False

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


HAPI = Format(
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
