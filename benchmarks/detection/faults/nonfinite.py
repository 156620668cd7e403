"""Values that are not numbers, and those that hide it."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.faults.base import OPTIMISER, fault
from benchmarks.detection.trace import Trace


@fault("nonfinite", r"loss is NaN|grad norm is NaN", group="non-finite", rows=5, also=OPTIMISER)
def nan_from_a_step_on(t: Trace, at: int) -> None:
    t.columns["loss"][at:] = np.nan
    t.columns["grad"][at:] = np.nan


@fault("nonfinite", r"loss is infinite", group="non-finite", rows=5, also=OPTIMISER)
def infinite_loss(t: Trace, at: int) -> None:
    t.columns["loss"][at : at + 5] = np.inf
    t.columns["loss"][at + 5 :] = np.nan


@fault("nonfinite", r"grad norm is infinite", needs="grad", group="non-finite", rows=5, also=OPTIMISER)
def gradient_overflows_then_nan(t: Trace, at: int) -> None:
    t.columns["grad"][at] = np.inf
    t.columns["grad"][at + 1 :] = np.nan
    t.columns["loss"][at + 1 :] = np.nan


@fault("nonfinite", r"loss is NaN", group="non-finite", rows=5, also=OPTIMISER)
def nan_for_a_few_rows(t: Trace, at: int) -> None:
    t.columns["loss"][at : at + int(t.rng.integers(1, 6))] = np.nan


@fault("nonfinite", r"val \w+ is NaN", needs="val", group="non-finite", rows=5, also=OPTIMISER)
def nan_in_validation(t: Trace, at: int) -> None:
    t.val = {row: value for row, value in t.val.items() if row < at or row > at + 5}
    t.val[at] = np.nan


@fault("nonfinite", r"grad norm is NaN", needs="grad", group="non-finite", rows=5, also=OPTIMISER)
def nan_gradients_only(t: Trace, at: int) -> None:
    t.columns["grad"][at:] = np.nan


@fault("nonfinite", r"since (step|line) \d+", group="non-finite", rows=5, least=0, also=OPTIMISER)
def nan_from_the_first_step(t: Trace, at: int) -> None:
    t.columns["loss"][:] = np.nan
    t.columns["grad"][:] = np.nan


@fault("masked_nan", r"exactly 0", needs="grad", group="non-finite", rows=8, also=OPTIMISER)
def masked_nan(t: Trace, at: int) -> None:
    t.columns["loss"][at:] = 0.0
    t.columns["grad"][at:] = np.nan


@fault("masked_nan", r"exactly 0", group="non-finite", rows=8, also=OPTIMISER)
def loss_printed_as_zero(t: Trace, at: int) -> None:
    t.columns["loss"][at:] = 0.0
    t.columns["grad"][at:] = 0.0


@fault("masked_nan", r"same value", group="non-finite", rows=40, also=OPTIMISER)
def loss_frozen(t: Trace, at: int) -> None:
    t.columns["loss"][at:] = t.columns["loss"][at]


@fault(
    "loss_scale nonfinite",
    r"loss scale|infinite",
    needs="scale",
    group="non-finite",
    rows=60,
    also=OPTIMISER,
)
def loss_scale_collapses(t: Trace, at: int) -> None:
    t.columns["scale"][:] = 65536.0
    fall = np.minimum(np.arange(t.rows - at) // 3, 16)
    t.columns["scale"][at:] = 65536.0 / 2.0**fall
    t.columns["grad"][at : at + 48] = np.where(np.arange(min(48, t.rows - at)) % 3 == 2, np.inf, 1.0)
