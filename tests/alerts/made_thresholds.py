"""Made-up runs of levels and lengths that are a rule's own numbers, and those next to them.

Each series goes from one stretch to the next. What a stretch is high, and how many rows it lasts, is a number
at which the rule decides, a bit more, or a bit less. Of 120 such runs those were chosen in which the rule finds
most that differs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from runwatch.core.batch import Event
from runwatch.core.block import Block
from runwatch.core.metrics import EPOCH, VAL_LOSS

from .columns import GRAD, LOSS, LR, SCALE, TIME, TOKENS, Log

MOST_ROWS = 1200
SKIPPED, REWARD = "number of skipped iterations", "episode_reward_mean"


class Shown(NamedTuple):
    """What a rule is shown."""

    series: list[str]
    counts: list[int]
    """Rows, events and windows at which it decides."""
    factors: list[float]
    """What it multiplies levels by, or their parts."""
    seeds: list[int]


LEVELS = {
    LOSS: (2.0, float(np.log(10)), 9.0, 0.04),
    LR: (1e-3, 1e-7),
    TIME: (0.5, 8.0),
    TOKENS: (1e6,),
    SCALE: (65536.0, 64.0),
    SKIPPED: (1.0,),
    "perf/mfu": (0.4,),
    "data_time": (0.1,),
    "approx_kl": (0.01,),
    "completion_length": (300.0,),
    "val/accuracy": (0.5, 0.01),
    "train/accuracy": (0.5, 0.01),
    REWARD: (10.0, 0.5),
}
"""Series -> where it begins; others at 1."""
STARTS = {LOSS: 3, VAL_LOSS: 3, GRAD: 5, TIME: 5, REWARD: -1, "val/accuracy": -0.9, "train/accuracy": -0.9}
"""Series -> how far from there it may begin."""
NOISE = (0.0, 0.0, 1e-3, 0.01, 0.1)
PRINTED = (
    "checkpoint",
    "retry",
    "traceback",
    "resume",
    "checkpoint_failed",
    "skip",
    "nan",
    "launch",
    "signal",
)


def _levels(factors: list[float]) -> list[float]:
    """Return what a level is multiplied by: at each of the factors, just above it, and just below."""
    found = []
    for number in factors:
        at = [number, 1 / number, 1 + number, 1 / (1 + number), *([1 - number] if number < 1 else [])]
        found += [times * near for times in at for near in (0.999, 1.001)]
    return found


def _rows(rng: np.random.Generator, counts: list[int]) -> int:
    """Return a number of the rule or the one before or after, or so many times another number of it."""
    rows = int(rng.choice(counts)) * (int(rng.choice(counts)) if rng.random() < 0.4 else 1)
    return max(1, min(rows, MOST_ROWS // 2) + int(rng.integers(-1, 2)))


def _stretches(rng: np.random.Generator, shown: Shown, base: float, count: int) -> np.ndarray:
    """Return the values of a series: mostly its base, else that times a number of the rule."""
    counts, times = shown.counts, _levels(shown.factors)
    often = float(rng.choice([0.1, 0.5]))
    now, parts, total = base, [np.full(int(rng.choice([0, 66, 210])), base)], 0
    while total < count:
        rows = _rows(rng, counts)
        was, now = now, base * (1.0 if rng.random() < 0.4 else float(rng.choice(times)))
        turned = np.arange(rows) % max(2, int(rng.choice(counts))) == 1
        match 0 if rng.random() > often else int(rng.integers(1, 6)):
            case 1:
                part = np.geomspace(was, now, rows)
            case 2:
                part = now * float(rng.choice(times)) ** (np.arange(rows) % 2)
            case 3:
                part = np.where(turned, now, base)
            case 4:
                part = np.minimum(now, base * np.exp(0.3 * rng.normal(size=rows)))
            case 5:
                part = np.full(rows, rng.choice([np.nan, np.inf, 0.0, 0.0, -base]))
            case _:
                part = np.full(rows, now)
        parts.append(part)
        total += rows
    return np.concatenate(parts)[:count]


class Stretched(Log):
    """A run of which some series are printed with every so-manyth row only."""

    every: int

    def block(self, low: int, high: int) -> Block:
        whole, rows = super().block(low, high), np.arange(low, high)
        seldom = rows % self.every == self.every - 1
        for name, samples in list(whole.samples.items()):
            if name.startswith("val/") and not seldom.any():
                del whole.samples[name]
            elif name.startswith("val/"):
                fields = samples.offset, samples.line, samples.step, samples.value
                whole.samples[name] = type(samples)(*(each[seldom] for each in fields))
        return whole


def stretched(shown: Shown, seed: int) -> tuple[Stretched, list[int]]:
    """Return a run, and where it is cut."""
    rng, counts = np.random.default_rng([seed, 17]), shown.counts
    most = min(MOST_ROWS, max(400, 3 * counts[-1]))
    count = int(rng.integers(most // 3, most + 1))
    columns = {}
    first, *others = shown.series
    for name in [first, *(other for other in others if rng.random() < 0.6)]:
        values = _stretches(rng, shown, float(rng.choice(LEVELS.get(name, (1.0,)))), count)
        values *= np.exp(float(rng.choice(NOISE)) * rng.normal(size=count))
        if name in STARTS and rng.random() < 0.4:
            values *= 1 + STARTS[name] * np.exp(-np.arange(count) / float(rng.choice([5, 40])))
        if name == EPOCH:
            values = np.arange(count) * float(rng.choice([0.01, 0.05, 1.0]))
        columns[name.replace("/", "__")] = values
    log = Stretched(**columns)
    log.every = int(rng.choice([1, 8, 32]))
    log.steps *= float(rng.choice([1, 1, 10]))
    kinds, row = rng.choice(PRINTED, 2), 0
    for _ in range(int(rng.choice([0, 4, 30]))):
        row += min(60, _rows(rng, counts))
        kind, data = str(rng.choice(kinds)), {"count": str(rng.choice(counts))}
        if row < count:
            log.events.append(
                Event(kind, row * 100 + 50, row + 1, "it broke", step=int(log.steps[row]), data=data)
            )
    for row in sorted(rng.integers(1, count, int(rng.choice([0, 0, 1, 4]))).tolist()):
        log.restarts.append(row)
        log.steps[row:] -= min(float(rng.choice(counts)), log.steps[row])
    return log, sorted(rng.integers(0, count, 3).tolist()) if seed % 2 else []


# fmt: off
RULES = {
    "loss_scale": Shown([SCALE], [1, 8, 16, 50, 100], [0.5], [43]),
    "masked_nan": Shown([LOSS, GRAD, VAL_LOSS, "aux_loss"], [1, 3, 10, 16, 24, 100], [0.01, 0.1, 0.97], [4, 20, 21, 25, 28, 46, 56, 77, 96, 118]),
    "nonfinite": Shown([LOSS, GRAD, SCALE, VAL_LOSS, "zscore"], [1, 3, 4, 10, 16, 20, 100], [0.5], [12, 18, 22, 29, 34, 36, 38, 55, 56, 58, 63, 83, 84, 85, 87, 112]),
    "skipped_steps": Shown([SKIPPED, LOSS], [1, 10, 16, 50, 100], [0.1, 0.9], [5, 6, 10, 12, 25, 35, 52, 60, 61, 73, 97, 98, 103, 111, 112, 118]),
    "above_start": Shown([LOSS, EPOCH, LR], [1, 3, 5, 6, 16, 20, 200], [0.03, 0.1, 0.8, 1.0, 2.0, 3.4, 20.0], [16, 78, 113]),
    "clip_saturation": Shown([GRAD], [1, 4, 16, 50], [0.5, 0.95, 0.999], []),
    "divergence": Shown([LOSS, LR, VAL_LOSS, EPOCH], [1, 2, 3, 4, 5, 8, 16, 20, 32, 64], [0.02, 0.1, 0.95, 1.0, 2.0, 3.0, 3.4], [3, 5, 8, 10, 11, 13, 23, 36, 46, 54, 74, 77, 81, 85, 97, 108]),
    "generalization_gap": Shown([VAL_LOSS, LOSS], [1, 6, 16], [0.02, 0.1, 0.3, 0.5], [36, 43, 66, 74]),
    "grad_spike": Shown([GRAD, LOSS, LR], [1, 3, 10, 16, 20, 50, 256], [0.1, 5.0, 8.0, 10.0, 100.0], [12, 19, 23, 28, 30, 39, 42, 52, 55, 56, 64, 81, 92, 94, 96, 98]),
    "grad_vanish": Shown([GRAD, LOSS, LR], [1, 3, 10, 16, 100, 512], [0.05, 8.0, 20.0], [19, 21, 24, 30, 34, 37, 40, 41, 66, 68, 75, 80, 96, 98, 105, 114]),
    "loss_drop": Shown([LOSS, EPOCH], [1, 8, 16, 200, 256], [0.02, 0.35, 12.0], [7, 10, 16, 17, 19, 32, 36, 52, 89, 98]),
    "loss_explosion": Shown([LOSS, "box_loss"], [1, 2, 4, 8, 16, 20, 32], [0.5, 1.2, 5.0, 10.0, 25.0, 1000.0], [1, 81]),
    "loss_spike": Shown([LOSS, GRAD, LR, EPOCH], [1, 3, 5, 16, 50, 64, 512], [0.1, 0.5, 2.0, 3.4, 8.0, 10.0], [1, 4, 7, 10, 12, 16, 36, 38, 46, 63, 65, 77, 79, 103, 109, 115]),
    "lost_work": Shown([LOSS], [1, 16, 64], [10.0], [91]),
    "lr_anomaly": Shown([LR, LOSS], [1, 3, 10, 16, 50], [0.2, 3.0, 4.0], [20, 31, 36, 48, 51, 52, 53, 54, 55, 56, 63, 74, 95, 99, 105, 119]),
    "memorised": Shown([LOSS, EPOCH, VAL_LOSS], [1, 16, 64], [0.05, 3.0], [1]),
    "never_learns": Shown([LOSS, LR, GRAD, EPOCH], [1, 4, 8, 9, 10, 16, 32, 50, 400], [1e-07, 0.005, 0.01, 0.03, 0.1, 0.25, 3.0, 50.0], [0, 4, 7, 12, 20, 27, 42, 45, 48, 49, 54, 56, 74, 100, 105, 119]),
    "oscillation": Shown([LOSS, LR], [1, 6, 16, 20, 32], [0.1, 0.2, 0.3, 4.0], []),
    "plateau": Shown([LOSS, LR], [1, 16, 64, 512], [0.005, 0.02, 0.25], [1, 5, 8, 10, 15, 18, 19, 35, 40, 43, 46, 48, 52, 82, 97, 115]),
    "resume": Shown([LOSS, LR], [1, 12, 16, 256, 512], [0.05, 0.5, 6.0], [2, 13, 46, 107]),
    "score_floor": Shown(["val/accuracy", "train/accuracy", LOSS, EPOCH], [1, 8, 16, 32, 512], [0.001, 0.02, 0.03, 0.2, 1.2, 50.0], [13, 14, 18, 22, 24, 46, 51, 56, 68, 74, 75, 78, 80, 111, 112, 114]),
    "score_plateau": Shown(["val/accuracy"], [1, 8, 16], [0.5], [3, 8, 12, 15, 17, 24, 26, 46, 47, 52, 58, 62, 75, 77, 92, 93]),
    "validation": Shown([VAL_LOSS, LOSS, "val/accuracy", EPOCH], [1, 3, 5, 6, 8, 12, 16, 24], [0.01, 0.05, 0.1, 0.2, 0.3, 0.3185457946815411, 1.5, 2.0], [9, 10, 11, 15, 63, 68, 69, 74, 75, 80, 81, 84, 86, 91, 103, 116]),
    "discriminator": Shown(["loss_D", "loss_G"], [1, 4, 16, 64, 256], [0.01, 0.05, 0.25], []),
    "policy_collapse": Shown(["policy_entropy", "completion_length", REWARD], [1, 3, 5, 8, 16], [0.1, 4.0, 5.0], [4, 9, 12, 19, 22, 27, 39, 41, 52, 54, 55, 64, 101, 111, 114, 115]),
    "policy_shift": Shown(["approx_kl", REWARD], [1, 2, 3, 8, 16, 64, 128, 512], [0.1, 10.0, 1000.0], [6, 13, 14, 44, 49, 51, 56, 65, 68, 69, 70, 73, 75, 84, 87, 114]),
    "reward_collapse": Shown([REWARD, LOSS], [1, 4, 8, 16, 32], [0.2, 0.5, 3.0], [7, 9, 11, 19, 27, 30, 36, 45, 54, 62, 92]),
    "reward_flat": Shown([REWARD, LOSS], [1, 4, 8, 16, 50, 64, 400], [0.5], [11, 13, 16, 18, 32, 42, 45, 46, 56, 60, 69, 73, 92, 94, 96, 105]),
    "data_bound": Shown(["data_time", TIME], [1, 2, 16, 20, 64], [0.2, 0.9, 2.0], [5, 10, 11, 15, 46, 51, 58, 74, 75, 87, 106, 112]),
    "jitter": Shown([TIME], [1, 2, 10, 16, 128], [0.05, 0.08, 0.2, 1.8, 4.0], []),
    "low_mfu": Shown(["perf/mfu", TIME], [1, 16, 50, 64, 128], [0.01, 0.2, 30.0], [12, 31, 103, 111, 117]),
    "stalls": Shown([TIME, VAL_LOSS], [1, 4, 8, 10, 16, 64], [0.05, 0.25, 4.0], []),
    "step_time": Shown([TIME, TOKENS], [1, 2, 10, 16, 24, 64], [0.02, 0.1, 0.24, 0.7, 1.0, 30.0, 60.0, 600.0], [8, 9, 12, 30, 35, 38, 46, 47, 52, 56, 73, 78, 87, 90, 105, 107]),
    "throughput": Shown([TOKENS, TIME], [1, 3, 5, 10, 16, 32], [0.6, 3.0, 5.0, 600.0], [4, 19, 28, 31, 36, 38, 52, 54, 61, 62, 85, 86, 100, 103, 109, 111]),
    "checkpoint_failed": Shown([LOSS], [1, 3, 16], [0.5], [5, 27, 35, 44, 69, 70, 85, 96, 111]),
    "restart_loop": Shown([LOSS], [1, 3, 16], [0.5], []),
    "retries": Shown([LOSS], [1, 6, 16, 30, 50], [0.5], [30, 32, 35, 43, 81, 89, 105]),
}
# fmt: on
"""Rule -> what it is shown."""
