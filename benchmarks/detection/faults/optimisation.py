"""Optimisation that goes wrong."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.faults.base import OPTIMISER, fault
from benchmarks.detection.trace import Floats, Trace, heavy, log_uniform

SEEN = f"{OPTIMISER} validation"
"""Rules that a model that got worse may concern: its evaluations show it too."""


def _shows_in_evaluations(t: Trace, at: int, rise: Floats) -> None:
    """Let evaluations rise as the training loss does from row `at` on."""
    t.val = {row: value * (float(rise[row - at]) if row >= at else 1.0) for row, value in t.val.items()}


@fault("loss_spike", r"rose", group="optimisation", rows=40, also=OPTIMISER, info=True)
def bad_batch(t: Trace, at: int) -> None:
    t.columns["loss"][at] *= t.rng.uniform(1.6, 3)
    t.columns["grad"][at] *= t.rng.uniform(3, 30)


@fault(
    "loss_spike divergence", r"rose|above its best", group="optimisation", rows=60, also=OPTIMISER, info=True
)
def spike_that_recovers_slowly(t: Trace, at: int) -> None:
    length = int(t.rng.integers(15, 60))
    shape = 1 + t.rng.uniform(0.6, 2.5) * np.exp(-np.arange(t.rows - at) / (length / 3))
    t.lift("loss", slice(at, None), shape)
    t.columns["grad"][at : at + length] *= t.rng.uniform(3, 12)


@fault("loss_spike divergence", r"rose|above its best", group="optimisation", rows=60, also=SEEN)
def loss_jumps_and_stays(t: Trace, at: int) -> None:
    rise = np.full(t.rows - at, t.rng.uniform(1.4, 2.5))
    t.lift("loss", slice(at, None), rise)
    _shows_in_evaluations(t, at, rise)


@fault("divergence loss_spike", r"above its best|rose", group="optimisation", rows=120, also=SEEN)
def diverges_fast(t: Trace, at: int) -> None:
    rise = np.minimum(np.exp(np.arange(t.rows - at) / t.rng.uniform(10, 40)), t.rng.uniform(3, 10))
    t.lift("loss", slice(at, None), rise)
    t.lift("grad", slice(at, None), rise**2)
    _shows_in_evaluations(t, at, rise)


@fault(
    "divergence loss_spike",
    r"above its best|rose",
    group="optimisation",
    rows=300,
    room=320,
    also=SEEN,
)
def diverges_slowly(t: Trace, at: int) -> None:
    rise = 1 + t.rng.uniform(0.3, 0.6) * np.minimum(1, np.arange(t.rows - at) / 200)
    t.lift("loss", slice(at, None), rise)
    _shows_in_evaluations(t, at, rise)


@fault(
    "divergence loss_spike never_learns nonfinite",
    r"above its best|rose",
    group="optimisation",
    rows=150,
    least=40,
    also=SEEN,
)
def hot_start(t: Trace, at: int) -> None:
    """Diverge when the warm-up ends."""
    flat = t.columns["loss"][at]
    after = np.arange(t.rows - at)
    lasting = flat * (1 + np.minimum(after / 30, 1.5))
    _shows_in_evaluations(t, at, lasting / t.columns["loss"][at:])
    t.columns["loss"][at:] = lasting
    t.columns["loss"][at:] *= np.exp(0.03 * heavy(t.rng, len(after)))
    t.columns["grad"][at:] *= 1 + np.minimum(after / 5, 20)


@fault(
    "above_start loss_spike",
    r"began with|rose",
    group="optimisation",
    rows=100,
    least=0,
    also=OPTIMISER,
)
def hot_from_the_first_row(t: Trace, at: int) -> None:
    """Break the untrained model within a few steps, with a rate 1,000 times too high."""
    start, rows = np.log(t.rng.choice([10, 256, 1000, 4000, 50257])), np.arange(t.rows)
    height = t.rng.uniform(1.3, 6)
    rise = 1 + (height - 1) * (1 - np.exp(-rows / t.rng.uniform(0.3, 5)))
    t.columns["loss"] = start * rise * np.exp(0.03 * heavy(t.rng, t.rows))
    t.columns["loss"][0] = start
    t.val = {row: float(t.columns["loss"][row]) for row in t.val}
    t.columns["grad"] *= rise**2


@fault(
    "oscillation divergence",
    r"oscillates|above its best",
    group="optimisation",
    rows=250,
    also=OPTIMISER,
    info=True,
)
def oscillates(t: Trace, at: int) -> None:
    after = np.arange(t.rows - at)
    swing = t.rng.uniform(0.45, 0.8) * np.where(after % 2, 1, -1) + 0.2 * heavy(t.rng, len(after))
    t.lift("loss", slice(at, None), np.exp(0.15 + swing))


@fault("loss_spike divergence", r"rose|above its best", needs="grad", group="optimisation", also=OPTIMISER)
def corrupt_data(t: Trace, at: int) -> None:
    t.lift("loss", slice(at, None), t.rng.uniform(1.6, 4))
    t.lift("grad", slice(at, None), t.rng.uniform(2, 8))


@fault(
    "divergence loss_spike",
    r"above its best|rose",
    group="optimisation",
    rows=150,
    room=150,
    also=OPTIMISER,
)
def partly_corrupt_data(t: Trace, at: int) -> None:
    t.lift("loss", slice(at, None), t.rng.uniform(1.22, 1.35))


@fault("grad_spike", r"x its median", needs="grad", group="optimisation", rows=10, also=OPTIMISER)
def gradient_explodes_once(t: Trace, at: int) -> None:
    t.columns["grad"][at] *= t.rng.uniform(150, 3000)


@fault("grad_spike", r"x its median", needs="grad", group="optimisation", rows=40, also=OPTIMISER)
def gradients_explode(t: Trace, at: int) -> None:
    t.columns["grad"][at:] *= t.rng.uniform(15, 60)


@fault("grad_vanish", r"fell|vanish|0", needs="grad", group="optimisation", rows=40, also=OPTIMISER)
def gradients_vanish(t: Trace, at: int) -> None:
    t.columns["grad"][at:] *= t.rng.uniform(1e-3, 0.02)


@fault("grad_vanish", r"exactly 0", needs="grad", group="optimisation", rows=10, also=OPTIMISER)
def gradients_are_zero(t: Trace, at: int) -> None:
    t.columns["grad"][at:] = 0.0


@fault(
    "lr_anomaly", r"learning rate|lr", needs="lr", group="optimisation", rows=30, also=OPTIMISER + " plateau"
)
def learning_rate_is_zero(t: Trace, at: int) -> None:
    t.columns["lr"][at:] = 0.0
    t.columns["loss"][at:] = t.columns["loss"][at] * np.exp(0.01 * heavy(t.rng, t.rows - at))


@fault(
    "lr_anomaly loss_spike divergence",
    r"learning rate|lr",
    needs="lr",
    group="optimisation",
    rows=40,
    also=OPTIMISER,
)
def learning_rate_jumps(t: Trace, at: int) -> None:
    t.columns["lr"][at:] *= t.rng.uniform(8, 40)
    t.lift("loss", slice(at, None), 1 + 0.8 * np.minimum(1, np.arange(t.rows - at) / 20))
    t.lift("grad", slice(at, None), 4.0)


@fault(
    "lr_anomaly",
    r"restart|resum|learning rate|lr",
    needs="lr",
    group="resume",
    rows=40,
    also=OPTIMISER,
    lr="cosine",
)
def schedule_restarts_on_resume(t: Trace, at: int) -> None:
    back = at - int(t.rng.integers(5, 30))
    warm = t.columns["lr"][: t.rows - back].copy()
    t.resume(at, back)
    t.columns["lr"][at:] = warm


@fault("never_learns", r"not fallen|never", group="optimisation", rows=600, least=0, room=700, also="plateau")
def never_learns(t: Trace, at: int) -> None:
    level = np.log(t.rng.choice([10, 100, 1000, 32000, 50257]))
    t.columns["loss"][:] = level * np.exp(log_uniform(t.rng, 0.002, 0.02) * heavy(t.rng, t.rows))


@fault("plateau", r"not improved", group="optimisation", rows=700, least=150, room=720, info=True)
def plateau(t: Trace, at: int) -> None:
    level = np.median(t.columns["loss"][at - 5 : at + 5])
    t.columns["loss"][at:] = level * np.exp(0.01 * heavy(t.rng, t.rows - at))
    t.val = {row: value for row, value in t.val.items() if row < at}
    t.columns["lr"][:] = t.columns["lr"].max()
    t.total *= 3


@fault("validation", r"best", needs="val", group="optimisation", rows=600, least=150, room=620, info=True)
def overfits(t: Trace, at: int) -> None:
    t.val = {row: value for row, value in t.val.items() if row < at}
    start = list(t.val.values())[-1] if t.val else float(t.columns["loss"][at])
    for number, row in enumerate(range(at, t.rows, 60)):
        t.val[row] = start * (1 + 0.05 * number) * float(np.exp(0.004 * t.rng.normal()))


@fault(
    "validation",
    r"validation|val",
    needs="val",
    group="optimisation",
    rows=80,
    least=600,
    room=80,
    also=OPTIMISER,
)
def validation_jumps(t: Trace, at: int) -> None:
    level = [value for row, value in t.val.items() if row < at][-1]
    t.val = {row: value for row, value in t.val.items() if row < at}
    for row in range(at, t.rows, 60):
        t.val[row] = level * 1.9


@fault("loss_drop", r"fell", group="optimisation", least=250, rows=30, also="validation " + OPTIMISER)
def labels_leak(t: Trace, at: int) -> None:
    t.lift("loss", slice(at, None), t.rng.uniform(0.15, 0.5))
