"""Canonical metric names: what printed names mean, and how values are shown.

Inside: seconds, bytes, fractions in [0, 1]. A printed name that is not known
here is kept as it was printed.
"""

from __future__ import annotations

import re
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
TOKENS_PER_SEC = "perf/tokens_per_sec"
SAMPLES_PER_SEC = "perf/samples_per_sec"
MFU = "perf/mfu"
TFLOPS = "perf/tflops"

_ALIASES: dict[str, str] = {
    "loss": LOSS,
    "train_loss": LOSS,
    "training loss": LOSS,
    "training_loss": LOSS,
    "lm loss": LOSS,
    "grad norm": GRAD_NORM,
    "grad_norm": GRAD_NORM,
    "gnorm": GRAD_NORM,
    "gradnorm": GRAD_NORM,
    "gradient norm": GRAD_NORM,
    "gradient_norm": GRAD_NORM,
    "global_grad_norm": GRAD_NORM,
    "total_norm": GRAD_NORM,
    "norm": GRAD_NORM,
    "lr": LEARNING_RATE,
    "learning rate": LEARNING_RATE,
    "learning_rate": LEARNING_RATE,
    "train_lr": LEARNING_RATE,
    "learn rate": LEARNING_RATE,
    "learn_rate": LEARNING_RATE,
    "lrm": LR_MULTIPLIER,
    "lr mult": LR_MULTIPLIER,
    "epoch": EPOCH,
    "loss scale": LOSS_SCALE,
    "loss_scale": LOSS_SCALE,
    "grad_scale": LOSS_SCALE,
    "val_bpb": VAL_BPB,
    "val bpb": VAL_BPB,
    "train loss": LOSS,
    "train/loss": LOSS,
    "val/loss": VAL_LOSS,
    "valid_loss": VAL_LOSS,
    "valid loss": VAL_LOSS,
    "valid/loss": VAL_LOSS,
    "validation/loss": VAL_LOSS,
    "lm loss value": VAL_LOSS,
    "iter_time": STEP_TIME,
    "iter time": STEP_TIME,
    "step_time": STEP_TIME,
    "step time": STEP_TIME,
    "s/it": STEP_TIME,
    "s/iter": STEP_TIME,
    "sec/iter": STEP_TIME,
    "sec/step": STEP_TIME,
    "time per step": STEP_TIME,
    "elapsed_time_per_iteration": STEP_TIME,
    "batch_cost": STEP_TIME,
    "elapsed time per iteration": STEP_TIME,
    "train_step_timing in s": STEP_TIME,
    "samples/sec": SAMPLES_PER_SEC,
    "samples/s": SAMPLES_PER_SEC,
    "samples per second": SAMPLES_PER_SEC,
    "tokens/s": TOKENS_PER_SEC,
    "tokens/sec": TOKENS_PER_SEC,
    "tokens per second": TOKENS_PER_SEC,
    "tps": TOKENS_PER_SEC,
    "tgs": TOKENS_PER_SEC,
    "tokens_per_second": TOKENS_PER_SEC,
    "tokens_per_sec": TOKENS_PER_SEC,
    "tokens per sec": TOKENS_PER_SEC,
    "tok_per_sec": TOKENS_PER_SEC,
    "tokens_per_second_per_gpu": TOKENS_PER_SEC,
    "tokens_per_sec_per_gpu": TOKENS_PER_SEC,
    "tokens per second per gpu": TOKENS_PER_SEC,
    "tokens/sec/gpu": TOKENS_PER_SEC,
    "tokens/s/gpu": TOKENS_PER_SEC,
    "tok/s/gpu": TOKENS_PER_SEC,
    "tok/sec/gpu": TOKENS_PER_SEC,
    "samples_per_second": SAMPLES_PER_SEC,
    "samples_per_sec": SAMPLES_PER_SEC,
    "imgs/s": SAMPLES_PER_SEC,
    "img/s": SAMPLES_PER_SEC,
    "images/s": SAMPLES_PER_SEC,
    "images/sec": SAMPLES_PER_SEC,
    "tflops": TFLOPS,
    "tflop/s": TFLOPS,
    "eval_loss": VAL_LOSS,
    "val_loss": VAL_LOSS,
    "val loss": VAL_LOSS,
    "validation loss": VAL_LOSS,
    "validation_loss": VAL_LOSS,
    "eval loss": VAL_LOSS,
    "eval/loss": VAL_LOSS,
    "validation bpb": VAL_BPB,
    "dt": STEP_TIME,
    "tok/sec": TOKENS_PER_SEC,
    "tok/s": TOKENS_PER_SEC,
    "mfu": MFU,
    "bf16_mfu": MFU,
    "bf16 mfu": MFU,
    "损失": LOSS,
    "训练损失": LOSS,
    "验证损失": VAL_LOSS,
    "学习率": LEARNING_RATE,
}

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a word begins in LearningRate and TrainLR."""

_DIVISORS: dict[str, float] = {"ms": 1e3, "us": 1e6, "%": 1e2, "s": 1.0}
_MULTIPLIERS: dict[str, float] = {
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
}
_PERCENT_BY_NAME = frozenset({"bf16_mfu", "bf16 mfu"})
"""Printed names that nanochat and its kin print in per cent, without saying so."""


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


def _known(name: str) -> str | None:
    """Return what a name in small letters means, also below `train/`; None if unknown."""
    known = _ALIASES.get(name)
    if known is None and name.endswith("_ms"):
        known = STEP_TIME if _ALIASES.get(name[:-3]) == STEP_TIME else None
    if known is None and name.startswith("train/"):
        known = _ALIASES.get(name[6:])
    return known


def canonical(printed: str) -> str:
    """Return the canonical name of a printed metric name, or the name itself."""
    name = printed.strip()
    known = _known(name.lower())
    if known is None and _HUMP.search(name):
        known = _known(_HUMP.sub("_", name).lower())
    if known is not None:
        return known
    return f"val/{name[5:]}" if name[:5] in ("eval_", "eval/") and name[5:] else name


def unit_of(metric: str, suffix: str, printed: str = "") -> Unit:
    """Return the unit of a value for canonical `metric`, printed with `suffix` ("" if none) as `printed`."""
    if metric == STEP_TIME and not suffix and printed.lower().endswith("_ms"):
        suffix = "ms"
    if suffix in _DIVISORS:
        return Unit(divide=_DIVISORS[suffix])
    if suffix in _MULTIPLIERS:
        return Unit(multiply=_MULTIPLIERS[suffix])
    if printed.lower() in _PERCENT_BY_NAME:
        return Unit(divide=100.0)
    return SHARE if metric == MFU else Unit()


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
