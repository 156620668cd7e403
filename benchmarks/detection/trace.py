"""A synthetic run: what a training loop would have printed, before it is written as text.

The shapes are those of real logs: a power-law loss with heavy-tailed noise, a
warm-up and a schedule, gradient norms that are log-normal with outliers, a
first step many times slower than the rest, step times with a small spread and
a long tail, pauses for evaluations and checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks.detection.world import World

Floats = NDArray[np.float64]


@dataclass
class Trace:
    """Columns of one run; all arrays have one value per printed row."""

    rng: np.random.Generator
    every: int
    """Steps between rows."""
    total: int
    columns: dict[str, Floats]
    """step, loss, grad, lr, seconds (per step), tokens (per second), scale, batch."""
    wait: Floats
    """Seconds between the row before and this one, pauses included."""
    style: str = ""
    """Name of the format it is written in."""
    val: dict[int, float] = field(default_factory=dict)
    """Row -> validation loss printed after it."""
    before: dict[int, list[str]] = field(default_factory=dict)
    """Row -> lines printed before it."""
    after: dict[int, list[str]] = field(default_factory=dict)
    """Row -> lines printed right after it."""
    extra: dict[str, Floats] = field(default_factory=dict)
    """Other columns, by the name they are printed with."""
    end: list[str] = field(default_factory=list)
    """Lines after the last row."""
    silence: float = 0.0
    """Seconds to watch after the last line."""
    chatter: float = 0.0
    """Seconds between other lines that are printed during that silence; 0 for none."""
    saves: list[int] = field(default_factory=list)
    """Rows before which a checkpoint was saved."""
    world: World | None = None
    """What surrounds it, if that is watched too."""

    @property
    def rows(self) -> int:
        """Printed rows."""
        return len(self.wait)

    @property
    def hours(self) -> float:
        """How long it is watched."""
        return float(self.wait.sum() + self.silence) / 3600

    def cut(self, row: int) -> None:
        """End the run before `row`."""
        self.columns = {name: column[:row] for name, column in self.columns.items()}
        self.extra = {name: column[:row] for name, column in self.extra.items()}
        self.wait = self.wait[:row]
        self.val = {at: value for at, value in self.val.items() if at < row}
        self.before = {at: lines for at, lines in self.before.items() if at < row}
        self.saves = [at for at in self.saves if at < row]

    def say(self, row: int, *lines: str) -> None:
        """Print lines before `row`."""
        self.before.setdefault(row, []).extend(lines)

    def resume(self, at: int, back: int, pause: float = 120.0) -> None:
        """Stop before row `at` and go on from row `back`, as after a restart from a checkpoint."""
        index = np.concatenate([np.arange(at), np.arange(back, self.rows)])
        shift = at - back
        self.columns = {name: column[index] for name, column in self.columns.items()}
        self.extra = {name: column[index] for name, column in self.extra.items()}
        self.wait = self.wait[index].copy()
        self.wait[at] += pause
        again = {k + shift: v for k, v in self.val.items() if k >= back}
        self.val = {**{k: v for k, v in self.val.items() if k < at}, **again}
        lines = {k + shift: list(v) for k, v in self.before.items() if k >= back}
        self.before = {**{k: v for k, v in self.before.items() if k < at}, **lines}
        self.saves = [k for k in self.saves if k < at] + [k + shift for k in self.saves if k >= back]
        self.before.setdefault(at, []).insert(0, f"Resuming from checkpoint step {self.step(back)}")

    def step(self, row: int) -> int:
        """Return the step of a row."""
        return int(self.columns["step"][min(row, self.rows - 1)])

    def lift(self, name: str, rows: slice, factor: float | Floats) -> None:
        """Multiply part of a column."""
        self.columns[name][rows] *= factor


def heavy(rng: np.random.Generator, size: int, freedom: float = 7.0) -> Floats:
    """Return noise with the tails of a Student t, scaled to a robust deviation of about 1.

    With 7 degrees of freedom one value of 30,000 is 8 deviations above the median; of
    169,004 losses of 297 public Megatron-LM runs 9 were. Cut at 10.
    """
    return np.clip(rng.standard_t(freedom, size) / 1.05, -10, 10)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def schedule(rng: np.random.Generator, part: Floats, kind: str | None = None) -> Floats:
    """Return the learning rate as a fraction of its peak; `part` is the progress in [0, 1]."""
    kind = kind or str(rng.choice(["cosine", "linear", "wsd", "constant"]))
    warm = rng.uniform(0.01, 0.08)
    after = np.clip((part - warm) / (1 - warm), 0, 1)
    decay = {
        "cosine": 0.1 + 0.45 * (1 + np.cos(np.pi * after)),
        "linear": np.maximum(1 - after, 1e-3),
        "wsd": np.clip((1 - after) / 0.2, 0.01, 1),
        "constant": np.ones_like(part),
    }[kind]
    return np.where(part < warm, np.maximum(part / warm, 1e-3), decay)


def make(rng: np.random.Generator, rows: int | None = None, lr: str | None = None) -> Trace:
    """Return a healthy run of 300 to 20,000 steps."""
    rows = rows or int(log_uniform(rng, 300, 2000))
    every = int(rng.choice([1, 1, 1, 2, 5, 10]))
    number = np.arange(rows)
    part = (number + 1) / rows
    peak = log_uniform(rng, 1e-4, 3e-3)
    rate = schedule(rng, part, lr)
    start, end = rng.choice([[10.9, 3.2], [10.9, 2.4], [9.0, 1.5], [2.3, 0.4], [4.6, 1.1], [0.9, 0.12]])
    begin = log_uniform(rng, 0.002, 0.03)
    loss = end + (start - end) * (1 + part / begin) ** -rng.uniform(0.7, 1.2)
    loss *= np.exp(log_uniform(rng, 0.004, 0.05) * heavy(rng, rows))
    calm = 1 + rng.uniform(2, 9) * np.exp(-part / rng.uniform(0.005, 0.03))
    grad = log_uniform(rng, 0.1, 2) * calm * np.exp(rng.uniform(0.06, 0.3) * heavy(rng, rows))
    usual = log_uniform(rng, 0.15, 40)
    seconds = usual * np.exp(log_uniform(rng, 0.002, 0.04) * heavy(rng, rows))
    slow = rng.random(rows) < rng.uniform(0, 0.02)
    seconds[slow] *= rng.uniform(1.1, 2.3, slow.sum())
    seconds[0] *= log_uniform(rng, 1.4, 38)
    seconds[1:4] *= rng.uniform(1.0, 1.5)
    trace = Trace(
        rng,
        every,
        rows * every,
        {
            "step": (number + 1.0) * every,
            "loss": loss,
            "grad": grad,
            "lr": peak * rate,
            "seconds": seconds,
            "tokens": np.round(log_uniform(rng, 2e4, 2e6) / usual) * usual / seconds,
            "scale": np.full(rows, 1.0),
            "batch": np.full(rows, 64.0),
        },
        seconds * every,
    )
    _pauses(trace, usual)
    return trace


def _pauses(trace: Trace, usual: float) -> None:
    """Add evaluations and checkpoints: lines, and the time they take."""
    rng, rows = trace.rng, trace.rows
    gap = int(rng.integers(40, 140))
    pause = min(usual * trace.every * log_uniform(rng, 1, 8), 450)
    for row in range(gap, rows, gap):
        trace.val[row - 1] = float(
            np.median(trace.columns["loss"][max(0, row - 20) : row])
            * np.exp(0.004 * rng.normal())
            * (1.02 + 0.02 * row / rows)
        )
        trace.wait[row] += pause * rng.uniform(0.9, 1.2)
    gap = int(rng.integers(60, 200))
    pause = min(usual * trace.every * log_uniform(rng, 1, 8), 400)
    for row in range(gap, rows, gap):
        trace.say(row, f"Saved checkpoint to out/step_{trace.step(row - 1):07d}/model.pt")
        trace.saves.append(row)
        trace.wait[row] += pause * rng.uniform(0.9, 1.3)
