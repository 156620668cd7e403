"""Coqui TTS: the place of a step and a line for each value; the means of an evaluation below a heading."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.item_blocks import ItemBlockReader, Items
from runwatch.parsers.body.matchers import VALUE
from runwatch.parsers.body.readers import RowMaker

_STEP = re.compile(
    rb"\s*--> (?:TIME: [\d: -]{19} -- )?STEP: \d+/(?P<per>\d+) -- GLOBAL_STEP: (?P<step>\d+)\s*\Z"
)
_EPOCH = re.compile(rb"\s*> EPOCH: \d+/(?P<epochs>\d+)\s*\Z")
_MEANS = re.compile(rb"\s*--> EVAL PERFORMANCE\s*\Z")
_MEAN = "avg_"
"""What begins the names of means, which are over the evaluation."""


_OF_GENERATOR = {"loss_1": LOSS}
"""Where there are two optimizers, the first is that of the discriminator."""


class CoquiReader(ItemBlockReader):
    """Reads blocks of steps, and of the means of evaluations; those of single batches of these are none."""

    needles = (b" GLOBAL_STEP: ", b"> EPOCH: ", b"--> EVAL PERFORMANCE")
    item = re.compile(
        rb"\s{1,12}\| > (?P<name>[A-Za-z][\w./-]{0,80}): *(?:tensor\()?(?P<value>"
        + VALUE
        + rb")[^\r\n]{0,80}\Z"
    )
    row = RowMaker("coqui", _OF_GENERATOR)
    _place: Sequence[tuple[str, float]] = ()
    _epochs = 0.0
    _means = False

    def begin(self, line: bytes) -> Items | None:
        """Take the step, and the total where the number of epochs is known."""
        if (epoch := _EPOCH.match(line)) is not None:
            self._epochs = float(epoch["epochs"])
        self._means = _MEANS.match(line) is not None
        step = _STEP.match(line)
        if step is not None:
            total = self._epochs * float(step["per"])
            self._place = [("step", float(step["step"])), *([("total", total)] if total else [])]
        return [] if self._means or step is not None else None

    def complete(self, items: Items) -> tuple[str, Items] | None:
        """Return a record at the step of its head, or an evaluation at the newest step."""
        if not self._means:
            return TRAIN, [*self._place, *items]
        means = [(f"val/{name.removeprefix(_MEAN)}", value) for name, value in items]
        return EVAL, [*self._place[:1], *means]


FORMAT = Format(
    name="coqui",
    title="Coqui TTS",
    example="   --> STEP: 25/60 -- GLOBAL_STEP: 85",
    readers=(CoquiReader,),
    samples=(
        Sample(
            "\x1b[4m\x1b[1m > EPOCH: 1/10\x1b[0m\n"
            "\n"
            "\x1b[1m > TRAINING (2030-01-02 03:04:05) \x1b[0m\n"
            "\n"
            "\x1b[1m   --> TIME: 2030-01-02 03:04:05 -- STEP: 25/60 -- GLOBAL_STEP: 85\x1b[0m\n"
            "     | > loss: 2.5  (2.75)\n"
            "     | > grad_norm: tensor(1.25)  (tensor(1.5))\n"
            "     | > current_lr: 0.0002 \n"
            "     | > step_time: 0.5  (0.625)\n"
            "\n"
            "\x1b[1m > EVALUATION \x1b[0m\n"
            "\n"
            "\x1b[1m   --> STEP: 0\x1b[0m\n"
            "     | > loss: 3.5  (3.5)\n"
            "\n"
            "  \x1b[1m--> EVAL PERFORMANCE\x1b[0m\n"
            "     | > avg_loader_time:\x1b[92m 0.125 \x1b[0m(-0.5)\n"
            "     | > avg_loss:\x1b[91m 3.25 \x1b[0m(+0.25)\n"
            "\n"
            " > EPOCH: 2/10\n"
            "   --> STEP: 24/60 -- GLOBAL_STEP: 145\n"
            "     | > loss: 2.25  (2.5)\n"
            "     | > step_time: 0.25  (0.5)\n"
            "\n"
            "   --> STEP: 49/60 -- GLOBAL_STEP: 170\n"
            "     | > loss_disc: 3.5  (3.25)\n"
            "     | > loss_0: 3.5  (3.25)\n"
            "     | > loss_gen: 1.5  (1.25)\n"
            "     | > loss_mel: 0.5  (0.5)\n"
            "     | > loss_1: 2.0  (1.75)\n"
            "\n",
            {
                "step": [85, 145, 170],
                "total": [600, 600, 600],
                "train/loss": [2.5, 2.25, 2.0],
                "perf/step_time": [0.5, 0.25],
            },
            {"step": [85], "val/loss": [3.25]},
        ),
    ),
)
