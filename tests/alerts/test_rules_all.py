"""What holds for every rule, whatever a run does: cuts, storing and bounds; and ranks apart."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runwatch.alerts.rules import CATALOGUE
from runwatch.alerts.rules.base import Rule
from runwatch.alerts.rules.nonfinite.nonfinite import NonFinite
from runwatch.alerts.rules.optimization.divergence import Divergence
from runwatch.alerts.rules.optimization.grad_spike import GradSpike
from runwatch.alerts.rules.optimization.loss_spike import LossSpike
from runwatch.alerts.rules.speed.step_time import StepTime
from runwatch.core.batch import Event
from runwatch.core.block import Block
from runwatch.core.findings import Finding

from .columns import END, LOSS, SCALE, TIME, TOKENS, Log, healthy


@lru_cache(maxsize=256)  # every rule is shown the same runs
@np.errstate(over="ignore")
def faulty(seed: int) -> Log:
    """Return a random run with random faults of every kind, some of them absurd; it is not to be changed."""
    rng = np.random.default_rng(seed)
    log = healthy(int(rng.integers(50, 1200)), seed)
    log.set("zscore", rng.normal(size=log.count))
    log.set(SCALE, np.full(log.count, rng.choice([1.0, 65536.0])))
    log.set(TOKENS, 1e6 / log.columns[TIME])
    if rng.random() < 0.2:
        del log.columns[TIME]
    names = list(log.columns)
    for _ in range(rng.integers(0, 7)):
        name = names[rng.integers(len(names))]
        low = int(rng.integers(log.count))
        part = slice(low, low + int(rng.choice([1, 2, 5, 30, 300])))
        fault = rng.integers(7)
        if fault == 0:
            log.columns[name][part] = rng.choice([np.nan, np.inf, -np.inf])
        elif fault == 1:
            log.columns[name][low::7] = np.nan
        elif fault == 2:
            log.columns[name][part] = rng.choice([0.0, -1.0, 5e-324, 1.7e308])
        else:
            log.columns[name][part] *= rng.choice([0.01, 1.3, 2.0, 20.0, 1000.0])
    for row in rng.integers(1, log.count, rng.integers(0, 3)):
        log.restarts.append(int(row))
        log.steps[row:] -= min(20, row)
    kinds = ["traceback", "nccl", "killed", "xid", "signal", "finished", "resume", "elastic", "scheduler"]
    kinds += 4 * ["retry", "checkpoint"]
    for row in sorted(rng.integers(0, log.count, rng.integers(0, 40)).tolist()):
        log.events.append(Event(str(rng.choice(kinds)), row * 100 + 50, row + 1, "RuntimeError: it broke"))
    if rng.random() < 0.1:
        log.steps[:] = np.nan
    _epochs(log, np.random.default_rng([seed, 1]))
    return log


def _epochs(log: Log, rng: np.random.Generator) -> None:
    """Tell epochs in some runs, whose losses may be means that begin anew with each; and rewards."""
    if rng.random() < 0.5:
        length = int(rng.choice([1, 5, 40, 200, 500]))
        log.set("train/epoch", np.arange(log.count) // length)
        if rng.random() < 0.7:
            for low in range(0, log.count, length):
                part = log.columns[LOSS][low : low + length]
                part[:] = np.cumsum(part) / np.arange(1, len(part) + 1)
    if rng.random() < 0.3:
        log.set("episode_reward_mean", np.where(rng.random(log.count) < 0.3, np.nan, 1.0))


@lru_cache(maxsize=256)  # so many small blocks take longer to make than to judge
def blocks(seed: int, cuts: tuple[int, ...]) -> list[Block]:
    """Return a faulty run in pieces."""
    log = faulty(seed)
    edges = [0, *sorted(min(cut, log.count) for cut in cuts), log.count]
    return [log.block(low, high) for low, high in pairwise(edges)]


def judged(rule: Rule, seed: int, cuts: Sequence[int]) -> list[Finding]:
    """Return what a rule finds in a faulty run, read in pieces."""
    return [f for block in blocks(seed, tuple(cuts)) for f in rule.observe(block)] + list(rule.tick(END))


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.name)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 1200), max_size=12))
@example(seed=1, cuts=list(range(300)))
@example(seed=2, cuts=list(range(0, 1200, 16)))
@example(seed=966565, cuts=[270])
@example(seed=1654359, cuts=[88, 101])
def test_cuts_do_not_matter(rule, seed, cuts):
    assert msgspec.json.encode(judged(rule(), seed, cuts)) == msgspec.json.encode(judged(rule(), seed, ()))


@pytest.mark.few(118)
@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.name)
@pytest.mark.parametrize("seed", range(8))
def test_state_survives_being_stored(rule, seed):
    log = faulty(seed)
    half = log.count // 2
    one = rule()
    found = list(one.observe(log.block(0, half)))
    two = pickle.loads(pickle.dumps(one))
    found += [*two.observe(log.block(half, log.count)), *two.tick(END)]
    assert msgspec.json.encode(found) == msgspec.json.encode(log.judge(rule()))


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.name)
def test_state_is_bounded(rule):
    one = rule()
    for seed in range(12):
        faulty(seed).judge(one, [300], end=False)
    healthy(20_000).judge(one, range(0, 20_000, 1000), end=False)
    first = len(pickle.dumps(one))
    healthy(60_000).judge(one, range(0, 60_000, 1000), end=False)
    assert len(pickle.dumps(one)) < first + 2000 < 400_000


@pytest.mark.parametrize("rule", [NonFinite, LossSpike, GradSpike, Divergence, StepTime])
def test_ranks_are_judged_apart(rule):
    log = healthy()
    for column in log.columns.values():
        column[1500:] *= 30
    log.columns[LOSS][2000:] = np.nan
    alone = log.judge(rule())
    one = rule()
    log.rank = 3
    assert log.judge(one, end=False)
    assert [(f.step, f.title) for f in log.judge(rule())] == [(f.step, f.title) for f in alone]
    assert {f.rank for f in log.judge(rule())} == {3}
    log.rank = None
    assert msgspec.json.encode(log.judge(one)[: len(alone)]) == msgspec.json.encode(alone)
