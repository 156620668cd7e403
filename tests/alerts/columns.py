"""A run's columns for tests of rules, which can be cut into blocks at any row."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Verdict

LOSS, GRAD, TIME = "train/loss", "train/grad_norm", "perf/step_time"
LR, TOKENS, SCALE = "train/learning_rate", "perf/tokens_per_sec", "train/loss_scale"
END = Status(now=0.0, live=False)


class Log:
    """A run's columns, which can be cut into blocks at any row."""

    def __init__(self, steps=None, restarts=(), events=(), rank=None, **columns):
        self.columns = {name.replace("__", "/"): np.asarray(v, float) for name, v in columns.items()}
        self.count = len(next(iter(self.columns.values())))
        self.steps = np.arange(self.count, dtype=float) if steps is None else np.asarray(steps, float)
        self.restarts, self.events, self.rank = list(restarts), list(events), rank

    def set(self, name, values):
        self.columns[name] = np.asarray(values, float)
        return self

    def block(self, low, high):
        rows = np.arange(low, high)

        def samples(values):
            return Samples(rows * 100.0, rows + 1.0, self.steps[rows], values[rows])

        return Block(
            {name: samples(values) for name, values in self.columns.items() if high > low},
            samples(self.steps) if high > low else None,
            [e for e in self.events if low * 100 <= e.offset < high * 100],
            [row * 100 for row in self.restarts if low <= row < high],
            rank=self.rank,
        )

    def judge(self, rule, cuts=(), end=True):
        edges = [0, *sorted(min(cut, self.count) for cut in cuts), self.count]
        found = [f for low, high in pairwise(edges) for f in rule.observe(self.block(low, high))]
        return found + (list(rule.tick(END)) if end else [])


def healthy(count=3000, seed=0):
    rng = np.random.default_rng(seed)
    steps = np.arange(count)
    return Log(
        train__loss=(2.5 + 8 * np.exp(-steps / 150)) * np.exp(0.02 * rng.normal(size=count)),
        train__grad_norm=np.exp(0.3 * rng.standard_t(4, size=count) - 1) + 5 * np.exp(-steps / 30),
        perf__step_time=0.5 * np.exp(0.01 * rng.normal(size=count)) + 40 * (steps == 0) + (steps % 100 == 0),
        train__learning_rate=6e-4 * np.minimum(1, (steps + 1) / 200),
    )


def brief(findings):
    return [(f.verdict.value, f.severity.value, f.step) for f in findings]


def fired(findings):
    return [(f.severity.value, f.step) for f in findings if f.verdict is Verdict.FIRING]
