"""Made-up runs that print what rules judge under other names, late or not at all, and often no number.

Each series has one level for a while, then another; levels are just above or below those at which a rule decides,
not at them: a logarithm is not the same number on every processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import NamedTuple

import numpy as np

from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples, Status

from .columns import END, GRAD, LOSS, LR, SCALE, TIME, TOKENS, Log

BAD = (np.nan, np.inf, -np.inf)
SHORT = (60, 300)


class Levels(NamedTuple):
    """Names of series, and levels that each may have."""

    names: dict[str, tuple[float, ...]]
    lengths: tuple[int, ...] = (1, 2, 3, 4, 10, 16, 20, 60)
    """Rows that a level lasts."""
    first: str = ""
    """A series that each run prints."""
    bad: float = 0.1
    """How often a level is no number."""
    rows: tuple[int, ...] = (60, 300, 900)
    brief: bool = False
    """Whether each level but the first lasts one row."""


_SCORES = (0.0, 0.0, 0.01, 0.03, 0.029, 0.1, 0.1003, 0.098, 0.5, 0.12, 0.7)
_PERCENT = (0.0, 1.0, 3.0, 10.0, 50.0, 10.1, 70.0)
# fmt: off
RULES = {
    "nonfinite": Levels({
        LOSS: (2.0, 2.0, 0.0), GRAD: (1.0, 9.0), SCALE: (65536.0, 1.0, 2.0), LR: (1e-3,), "val/loss": (2.0,), "val/bpb": (1.0,),
        "val/lm_loss": (2.0,), "test loss": (2.0,), "valid/other": (1.0,), "explained_variance": (0.5,), "ppl": (9.0,),
        "perf/mfu": (0.4,), "samples_per_sec": (9.0,), "gpu/0/util": (0.5,), "tokens seen": (9.0,), "ep_rew_mean": (1.0,),
        "val/accuracy": (0.5,), "zscore": (1.0,),
    }, bad=0.5),
    "masked_nan": Levels({
        LOSS: (2.0, 0.0, 0.0, 0.01, 0.3, 1e-4, -1.0, 0.69315), GRAD: (1.0, 0.0), "val/loss": (2.0, 1.9, 0.0), "aux_loss": (0.0, 1.0),
        "episode_reward_mean": (1.0,),
    }, (1, 2, 3, 10, 24, 50, 110), LOSS),
    "score_floor": Levels({
        LOSS: (2.0, 1.6, 1.5, 3.0), "val/accuracy": _SCORES, "val/top1": _PERCENT, "train/acc": _SCORES, "val/miou": _SCORES,
        "success_rate": _SCORES, "val/rouge-l": _SCORES, "train/epoch": (1.0, 49.0, 50.0, 60.0), "loss_D": (0.5,), "task_7_accuracy": _SCORES,
    }, (4, 8, 16, 40, 300), bad=0.02),
    "validation": Levels({
        LOSS: (1.0, 0.5, 0.3, 2.0), "val/loss": (1.0, 1.04, 1.06, 1.19, 1.21, 1.49, 1.51, 2.1, 0.9, 10.82), "val/bpb": (1.0, 1.06, 1.3, 0.9),
    }, (1, 1, 2, 3, 5, 10), "val/loss", 0.02, (40, 80)),
    "lr_anomaly": Levels({
        LR: (1e-3, 0.0, 2e-3, 3e-3, 4e-3, 3.1e-3, 1e-4, 1.19e-3, 1.21e-3), LOSS: (2.0,), "train/epoch": (1.0, 3.0),
    }, (1, 3, 10, 11, 40), LR, 0.02),
    "throughput": Levels({TOKENS: (9.0, 3.1, 2.9, 1.4, 8.0), TIME: (1.0, 2.9, 3.1, 5.1), "global batch size": (8.0, 16.0)}, (3, 5, 10, 40, 90)),
    "reward_collapse": Levels({
        "episode_reward_mean": (10.0, 9.0, 4.0, 0.0, -10.0), "score/mean": (1.0, 0.5, 0.2), "reward_std": (0.2, 0.0), LOSS: (2.0,),
    }, (4, 8, 32, 64)),
    "policy_collapse": Levels({
        "policy_entropy": (1.5, 0.15, 0.07, 0.0, 10.82), "entropy_loss": (-1.5, -0.01), "completion_length": (300.0, 30.0, 2000.0),
        "episode_reward_mean": (1.0, 2.0),
    }, (3, 8, 16, 40, 90)),
    "never_learns": Levels({
        LOSS: (2.3026, 2.3026, 2.30, 2.25, 2.0, 10.82, 1.0), GRAD: (1.0, 0.0, 1e-9), LR: (1e-3, 1e-8, 0.0), "epsilon": (1.0,), "val/loss": (2.3,),
    }, (8, 9, 50, 200, 400), LOSS, 0.0),
    "loss_spike": Levels({
        LOSS: (2.0, 2.0, 2.0, 2.21, 2.97, 3.1, 9.0, 25.0, 0.15), GRAD: (1.0, 9.0), "val/loss": (2.0, 1.9), "num_gaussians": (9.0,), LR: (1e-3, 2e-3),
    }, (1, 1, 2, 5, 6, 52, 60, 100), LOSS, 0.0, SHORT),
    "divergence": Levels({
        LOSS: (2.0, 2.0, 2.3, 2.21, 2.6, 4.1, 0.15, 0.03), LR: (1e-3, 2.1e-3), "val/loss": (2.0, 1.9), GRAD: (1.0, 9.0),
    }, (3, 16, 32, 48, 160), LOSS, 0.0),
    "above_start": Levels({
        LOSS: (2.0, 2.19, 2.21, 4.1, 10.82, 41.0), "train/epoch": (1.0, 19.0, 21.0), "val/loss": (2.0, 1.9), LR: (1e-3, 2e-3),
    }, (3, 5, 45, 64, 160), LOSS, 0.0, SHORT),
    "loss_explosion": Levels({
        LOSS: (2.0, 0.5, 12.0, 3000.0, -1.0), "box_loss": (0.1, 0.2, 3.0, 200.0), "policy_loss": (0.1, 50.0), "loss_D": (0.5,),
    }, (2, 8, 16, 20, 32), "", 0.01, SHORT),
    "plateau": Levels({LOSS: (2.0, 1.9, 1.99, 1.0, 0.5), LR: (1e-3, 1e-4)}, (64, 100, 200, 512), LOSS, 0.0),
    "memorised": Levels({
        LOSS: (5.0, 0.3, 0.04, 0.01), "train/epoch": (1.0, 2.9, 3.0, 4.0, 10.0), "val/loss": (3.0,),
    }, (16, 64, 100), LOSS, 0.0, SHORT),
    "generalization_gap": Levels({
        LOSS: (2.0, 1.0, 0.4, 0.3), "val/loss": (2.0, 1.5, 1.0, 0.9),
    }, (1, 6, 16, 30), "val/loss", 0.0, SHORT),
    "grad_vanish": Levels({
        GRAD: (1.0, 1.0, 0.04, 0.051, 1e-9, 0.0), LOSS: (2.0, 1.0), LR: (1e-3, 2e-3),
    }, (3, 10, 100, 210), GRAD, 0.0),
    "grad_spike": Levels({
        GRAD: (1.0, 1.0, 5.1, 9.9, 10.1, 101.0, 1000.0), LOSS: (2.0, 4.0), LR: (1e-3, 2e-3),
    }, (1, 3, 10, 20, 50, 100), GRAD, 0.0, SHORT),
    "score_plateau": Levels({"val/accuracy": (0.5, 0.51, 0.6, 1.0), "val/f1": (0.5, 0.6)}, (1, 2, 8, 16), "val/accuracy", 0.0, SHORT),
    "step_time": Levels({
        TIME: (1.0, 1.06, 1.11, 1.3, 2.1), TOKENS: (9.0, 5.0), "global batch size": (8.0, 16.0),
    }, (10, 24, 48, 100, 300), "", 0.0),
    "jitter": Levels({TIME: (1.0, 1.79, 1.81, 4.1, 9.0)}, (1, 4, 5, 10, 40, 100), TIME, 0.0, (900, 1500), brief=True),
    "stalls": Levels({
        TIME: (1.0, 3.9, 4.1, 9.0, 30.0), "val/loss": (2.0,),
    }, (3, 10, 20, 40, 100), TIME, 0.0, (900, 1500), brief=True),
    "data_bound": Levels({"data_time": (0.1, 0.21, 0.5, 0.91), TIME: (1.0,)}, (16, 20, 64), "data_time", 0.0),
    "low_mfu": Levels({"perf/mfu": (0.4, 0.19, 0.21, 0.31, 0.009, 30.0, 19.0), TIME: (1.0,)}, (50, 128), "perf/mfu", 0.0),
    "policy_shift": Levels({
        "approx_kl": (0.01, 0.01, 0.11, 0.2, 1100.0, 2e6, 0.0), "episode_reward_mean": (1.0, 2.0),
    }, (1, 2, 3, 8, 16, 64), "approx_kl", 0.0, SHORT),
    "reward_flat": Levels({"episode_reward_mean": (0.0, 1.0, 0.5), "reward_std": (0.0, 0.1)}, (50, 100, 400), "episode_reward_mean", 0.0),
    "discriminator": Levels({
        "loss_D": (0.6, 0.005, 0.04), "loss_D_fake": (0.6, 0.005, 0.04), "loss_D_real": (0.6, 0.005), "loss_G": (1.0, 1.3),
    }, (64, 200, 300), "loss_D", 0.0),
    "clip_saturation": Levels({GRAD: (1.0, 1.0, 0.5)}, (1, 4, 50, 200), GRAD, 0.0),
    "resume": Levels({LOSS: (2.0, 2.0, 2.2, 1.5), LR: (1e-3, 2e-3)}, (12, 60, 100), LOSS, 0.0, SHORT),
}
# fmt: on
"""Rule -> what runs print for it."""


def printing(rule: str) -> Callable[[int], Iterator[Block | Status]]:
    """Return what makes a run for a rule."""
    return partial(_printed, RULES[rule])


def _printed(levels: Levels, seed: int) -> Iterator[Block | Status]:
    """Yield what rules are shown of one of these runs, in order."""
    rng = Random(2900 + seed)
    chosen = rng.sample(sorted(levels.names), min(len(levels.names), rng.randrange(1, 5)))
    chosen = list(dict.fromkeys([*([levels.first] if levels.first else []), *chosen]))
    count = rng.choice(levels.rows)
    columns = {}
    for name in chosen:
        column: list[float] = []
        never = rng.random() < 0.2 * (levels.bad > 0.3)
        while len(column) < count:
            level = rng.choice(BAD) if never or rng.random() < levels.bad else rng.choice(levels.names[name])
            once = levels.brief and level != levels.names[name][0]
            column += [level] * (1 if once else rng.choice(levels.lengths))
        noise = rng.choice([0.0, 0.0, 0.001])
        wave = 1 + noise * np.sin(1.7 * np.arange(count))
        columns[name] = np.array(column[:count]) * wave
    log = Log(x=np.zeros(count))
    log.columns = columns
    for row in sorted(rng.sample(range(1, count), rng.choice([0, 0, 0, 1, 2]))):
        log.restarts.append(row)
        log.steps[row:] -= min(rng.choice([1, 10, row]), log.steps[row])
    for _ in range(rng.choice([0, 0, 3])):
        row = rng.randrange(count)
        kind, data = (
            rng.choice(["nan", "checkpoint", "resume"]),
            {"count": str(rng.choice([1, 3, 4, 16, 20]))},
        )
        log.events.append(Event(kind, row * 100 + 50, row + 1, "it is nan", data=data))
    log.events.sort(key=lambda event: event.offset)
    every = {name: rng.choice([1, 1, 4]) for name in chosen}
    cut = rng.randrange(1, count)
    yield from (_seldom(log.block(low, high), every) for low, high in ((0, cut), (cut, count)))
    ended, finished = rng.choice([(False, False), (True, True), (True, False)])
    yield Status(now=0.0, live=ended, finished=finished)
    yield END


def _seldom(block: Block, every: dict[str, int]) -> Block:
    """Leave of some series only each so-manyth row."""
    for name, samples in list(block.samples.items()):
        keep = samples.line % every[name] == 0
        if keep.any():
            fields = samples.offset, samples.line, samples.step, samples.value
            block.samples[name] = Samples(*(each[keep] for each in fields))
        else:
            del block.samples[name]
    return block
