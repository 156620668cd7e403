"""Canonical metric names, the units of stored values, and what people read.

Inside: seconds, bytes, fractions in [0, 1]. What printed names mean is told by runwatch.parsers.lexicon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOSS = "train/loss"
GRAD_NORM = "train/grad_norm"
LEARNING_RATE = "train/learning_rate"
LR_MULTIPLIER = "train/lr_multiplier"
EPOCH = "train/epoch"
LOSS_SCALE = "train/loss_scale"
VAL_LOSS = "val/loss"
VAL_BPB = "val/bpb"
STEP_TIME = "perf/step_time"
DATA_TIME = "data_time"
REMAINING = "perf/remaining"
"""Seconds until the end, as the program itself estimates it."""
DONE = "train/done"
"""Share of the run that is done, as the program prints it, where it prints no total."""
TOKENS_PER_SEC = "perf/tokens_per_sec"
SAMPLES_PER_SEC = "perf/samples_per_sec"
MFU = "perf/mfu"
TFLOPS = "perf/tflops"


@dataclass(frozen=True, slots=True)
class Unit:
    """How a printed number becomes the stored one: value * multiply / divide, or its inverse.

    Of a share only what exceeds 1 is divided: it is printed as a fraction or in per cent,
    and which of them a value tells by itself, however much of the log was read.
    """

    multiply: float = 1.0
    divide: float = 1.0
    invert: bool = False
    share: bool = False

    def apply(self, value: float) -> float:
        """Return the stored value; both parsing paths compute exactly this."""
        if self.invert:
            return 1.0 / value if value else float("inf")
        if self.share and not value > 1.0:
            return value
        return value * self.multiply / self.divide

    def scale(self, column: NDArray[np.float64]) -> None:
        """Make stored values of printed ones in place."""
        if self.invert:
            zero = column == 0.0
            column[zero] = 1.0
            column[:] = 1.0 / column
            column[zero] = float("inf")
            return
        if self.multiply != 1.0:
            column *= self.multiply
        if self.share:
            column[column > 1.0] /= self.divide
        elif self.divide != 1.0:
            column /= self.divide


SHARE = Unit(divide=100.0, share=True)
"""A fraction, or per cent where it exceeds 1."""


def label(metric: str) -> str:
    """Return the short name people read: `train/grad_norm` -> `grad norm`."""
    known = {
        LEARNING_RATE: "lr",
        LR_MULTIPLIER: "lr mult",
        TOKENS_PER_SEC: "tok/s",
        SAMPLES_PER_SEC: "samples/s",
        MFU: "MFU",
        TFLOPS: "TFLOP/s",
        VAL_LOSS: "val loss",
        VAL_BPB: "val bpb",
    }
    if metric in known:
        return known[metric]
    head, _, rest = metric.partition("/")
    return (rest if head in {"train", "perf"} and rest else metric).replace("_", " ")


SCORES = frozenset({"accuracy", "acc", "acc1", "top1", "f1", "map", "bleu", "auc", "score", "miou"})
"""Last parts of names of what an evaluation wants large."""
_REWARDS = frozenset({"reward", "rewards", "return", "mean_reward", "ep_rew_mean", "episode_reward"})
_ERRORS = ("loss", "bpb", "ppl", "perplexity", "error", "err", "mae", "mse", "rmse", "wer", "cer", "nll")


def goal(metric: str) -> str:
    """Return `min` or `max`, where a smaller or a larger value is known to be better, else ""."""
    name = metric.rpartition("/")[2].lower().replace(" ", "_")
    if name.split("_")[-1] in _ERRORS or name.endswith("loss"):
        return "min"
    return "max" if name in SCORES or name.split("_")[-1] in SCORES or name in _REWARDS else ""
