"""A rule of the user's finds what going through the samples one by one finds, however they come."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import pairwise
from math import inf, isfinite, isnan, nan

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules.own import CALM, make
from runwatch.alerts.rules.settings import Aggregate, OwnRule
from runwatch.core.block import Status

from .columns import TIME, Log

OF = {Aggregate.MEAN: np.mean, Aggregate.MEDIAN: np.median, Aggregate.MIN: np.min, Aggregate.MAX: np.max}


class Plain:
    """What a rule finds, sample by sample: (whether it begins, step, value)."""

    def __init__(self, rule: OwnRule) -> None:
        self.rule = rule
        self.newest: deque[float] = deque(maxlen=rule.window)
        self.number, self.seconds, self.before = 0, 0.0, nan
        self.beyond: bool | None = None
        self.firing = False

    def take(self, value: float, step: float, time: float, arrival: float) -> list[tuple]:
        """Take a sample, with the time of its step, or NaN."""
        moved = step - self.before
        self.before = step
        passed = time * (moved if moved >= 1 else 1)
        self.seconds += passed if 0 <= passed < inf else 0
        if isnan(value):
            return []
        self.newest.append(value)
        if len(self.newest) < self.rule.window:
            return []
        value = float(OF[self.rule.aggregate](self.newest))
        printed, step = step, step if isfinite(step) else self.number
        above, below = self.rule.above, self.rule.below
        beyond = (above is not None and value > above) or (below is not None and value < below)
        if beyond is not self.beyond:
            self.beyond, self.since, self.clock = beyond, (step, self.seconds, self.number), arrival
        first_step, first_time, first_number = self.since
        self.number += 1
        self.steps, self.last = step - first_step, (printed if isfinite(printed) else None, value)
        held = self.steps >= self.rule.for_steps and self.seconds - first_time >= self.rule.for_seconds
        calm = self.number - first_number >= CALM
        if not held or beyond is self.firing or not (beyond or calm):
            return []
        self.firing = beyond
        return [(self.firing, *self.last)]

    def restart(self) -> None:
        self.newest.clear()
        self.beyond = None

    def tick(self, now: float) -> list[tuple]:
        """Let time pass without a sample."""
        if self.firing or not self.beyond or not self.rule.for_seconds:
            return []
        if not (now - self.clock >= self.rule.for_seconds and self.steps >= self.rule.for_steps):
            return []
        self.firing = True
        return [(True, *self.last)]


def found(findings):
    return [(each.verdict.value == "firing", each.step, each.evidence["value"]) for each in findings]


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 2**32))
def test_it_finds_what_one_sample_after_the_other_says(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 120))
    limits = {"above": (0.5, None), "below": (None, -0.5), "both": (0.5, -0.5)}[
        rng.choice(["above", "below", "both"])
    ]
    rule = OwnRule(
        metric="reward/mean",
        above=limits[0],
        below=limits[1],
        window=int(rng.choice([1, 1, 2, 5])),
        aggregate=list(Aggregate)[rng.integers(len(Aggregate))],
        for_steps=float(rng.choice([0, 0, 1, 7])),
        for_seconds=float(rng.choice([0, 0, 2, 30])),
    )
    values = np.repeat(rng.choice([0.0, 0.5, 1.0, -1.0, -0.5], count), rng.integers(1, 25, count))[:count]
    values[rng.random(count) < rng.choice([0.0, 0.1])] = np.nan
    log = Log(reward__mean=values, steps=np.cumsum(rng.choice([0, 1, 1, 3], count)))
    if rng.random() < 0.3:
        log.steps[rng.random(count) < 0.5] = np.nan
    times = np.full(count, np.nan)
    if rng.random() < 0.5:
        times = rng.choice([1.0, 0.25, 5.0, -1.0, np.inf], count)
        log.set(TIME, times)
    log.restarts += sorted(set(rng.integers(0, count, int(rng.integers(0, 3))).tolist()))
    judge, plain, live, now = make("mine", rule)(), Plain(rule), bool(rng.random() < 0.5), 1000.0
    for low, high in pairwise([0, *sorted(rng.integers(0, count, 6).tolist()), count]):
        expected = []
        for row in range(low, high):
            if row in log.restarts:
                plain.restart()
            expected += plain.take(values[row], log.steps[row], times[row], now if live else nan)
        block = replace(log.block(low, high), live=live, arrival=now)
        assert found(judge.observe(block)) == expected
        now += float(rng.choice([0.0, 1.0, 2.0, 20.0]))
        assert found(judge.tick(Status(now, live=live))) == (plain.tick(now) if live else [])
