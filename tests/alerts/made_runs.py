"""Made-up runs that print all that rules judge, with faults of every kind in every series, some absurd."""

from __future__ import annotations

from functools import cache

import numpy as np

from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples
from runwatch.core.metrics import EPOCH, VAL_LOSS

from .columns import GRAD, LOSS, LR, SCALE, TIME, TOKENS, Log

SEEDS = range(32)
EVERY = 20
"""Rows between two evaluations."""


class Made(Log):
    """A run of which some series are printed only with every 20th row."""

    def block(self, low, high):
        whole = super().block(low, high)
        rows = np.arange(low, high)
        seldom = rows % EVERY == EVERY - 1
        samples = {
            name: _some(s, seldom) if name.startswith("val/") else s
            for name, s in whole.samples.items()
            if seldom.any() or not name.startswith("val/")
        }
        return Block(samples, whole.progress, whole.events, whole.restarts)


def _some(samples, keep):
    return Samples(samples.offset[keep], samples.line[keep], samples.step[keep], samples.value[keep])


@cache
def made(seed: int) -> Made:
    """Return one of these runs; it is not to be changed."""
    rng = np.random.default_rng([seed, 7])
    count = int(rng.choice([900, 1500, 2600]))
    steps = np.arange(count)
    log = _usual(count, steps, rng)
    late = steps > count / 2
    match seed % 8:
        case 0:
            log.columns[TIME][late & (rng.random(count) < 0.1)] *= 3
        case 7:
            log.columns[TIME][late & (steps % 20 == 0)] *= 10
        case 1:
            log.set("episode_reward_mean", 100 * (1 - np.exp(-steps / 300)) + rng.normal(size=count))
            log.set("policy_entropy", 1.5 * np.exp(-steps / 3000) * np.exp(0.03 * rng.normal(size=count)))
            log.set("approx_kl", 0.01 * np.exp(0.3 * rng.normal(size=count)))
            _shift(log, "approx_kl", rng, 12.0, 40.0, 1e5)
            _shift(log, "policy_entropy", rng, 0.05, 0.5, 6.0)
            _shift(log, "episode_reward_mean", rng, 0.1, 0.4)
        case 2:
            log.columns[LOSS][:] = np.log(10) * np.exp(1e-3 * rng.normal(size=count) + 0.2 * late)
            log.columns[LOSS][4 * count // 5 :] *= 3
        case 3:
            log.set("loss_D", 0.6 * np.exp(0.1 * rng.normal(size=count)))
            log.set("loss_G", 1.0 * np.exp(0.1 * rng.normal(size=count)))
            _shift(log, "loss_D", rng, 0.002, 0.02)
            _shift(log, "loss_G", rng, 1.2, 3.0)
        case 4:
            log.columns[LOSS][:] = 4 * np.exp(-steps / 100) + 0.01
            del log.columns[VAL_LOSS], log.columns["val/accuracy"]
            _shift(log, "perf/mfu", rng, 0.1, 0.4)
        case 5:
            wild = np.where(late, np.minimum(2.0, (steps - count / 2) / 200), 0.01)
            log.columns[LOSS][:] *= np.exp(wild * (-1) ** steps)
            _shift(log, TIME, rng, 3.5, 10.0)
        case 6:
            log.columns[GRAD][:] = np.minimum(log.columns[GRAD] * np.where(late, 4, 1), 1.5)
            log.columns["val/accuracy"][:] = log.columns["train/accuracy"][:] = 0.01
            _shift(log, "data_time", rng, 5.0, 12.0)
    names = [name for name in log.columns if name != EPOCH]
    for name in 2 * names:
        _spoil(log, name, rng)
    _interrupt(log, rng)
    return log


def _shift(log, name, rng, *factors):
    """Multiply a series from somewhere in its second half on."""
    log.columns[name][int(rng.integers(log.count // 2, 5 * log.count // 6)) :] *= rng.choice(factors)


def _usual(count, steps, rng):
    """Return a run in which all goes well."""

    def noisy(scale):
        return np.exp(scale * rng.normal(size=count))

    fell = 8 * np.exp(-steps / 150)
    log = Made(train__loss=(2.5 + fell) * noisy(0.02))
    log.set(GRAD, noisy(0.05) + 5 * np.exp(-steps / 30))
    log.set(LR, 6e-4 * np.minimum(1, (steps + 1) / 200))
    log.set(TIME, 0.5 * noisy(0.01) + 20 * (steps == 0))
    log.set(TOKENS, 1e6 * noisy(0.01))
    log.set(SCALE, np.full(count, 65536.0))
    log.set(VAL_LOSS, (2.6 + fell) * noisy(0.005))
    log.set("val/accuracy", np.clip(0.7 - 0.6 * np.exp(-steps / 300) + 0.01 * rng.normal(size=count), 0, 1))
    log.set("train/accuracy", np.clip(0.6 - 0.5 * np.exp(-steps / 300), 0, 1))
    log.set("perf/mfu", 0.4 * noisy(0.02))
    log.set("data_time", 0.03 * noisy(0.1))
    log.set("number of skipped iterations", np.zeros(count))
    log.set(EPOCH, steps // int(rng.choice([10, 100, 400])))
    return log


def _interrupt(log, rng):
    """Restart a run, and print errors, retries and checkpoints in it."""
    count = log.count
    for row in sorted(rng.integers(count // 4, count, rng.integers(0, 4)).tolist()):
        log.restarts.append(row)
        log.steps[row:] -= min(float(rng.choice([20, 100])), log.steps[row] - 1)
    kinds = ("traceback", "nccl", "killed", "resume", "launch", "error", "checkpoint_failed", "skip", "nan")
    for row in sorted(rng.integers(0, count, rng.integers(0, 12)).tolist()):
        kind = str(rng.choice([*kinds, *8 * ["retry"]]))
        data = {"count": str(rng.integers(1, 80))} if kind in {"retry", "skip", "nan"} else {}
        log.events.append(Event(kind, row * 100 + 50, row + 1, "RuntimeError: it broke", data=data))
    every, stop = int(rng.choice([30, 100])), int(rng.choice([count, count // 2]))
    for row in range(every, stop, every):
        log.events.append(Event("checkpoint", row * 100 + 60, row + 1, "saved", step=int(log.steps[row])))
    log.events.sort(key=lambda event: event.offset)


def _spoil(log, name, rng):
    """Change a stretch of one series in one of the ways in which runs go wrong."""
    column = log.columns[name]
    low = int(rng.integers(log.count // 8, log.count))
    part = column[low : low + int(rng.choice([1, 3, 12, 60, 150, 400, 900]))]
    number = np.arange(len(part))
    match int(rng.integers(12)):
        case 0:
            part[:] = rng.choice([np.nan, np.inf])
        case 1:
            part[:] = rng.choice([0.0, part[0]])
        case 2:
            part *= np.linspace(1, float(rng.choice([0.2, 3.0])), len(part))
        case 3:
            part *= np.where(number % int(rng.choice([2, 10, 50])) == 0, float(rng.choice([2.0, 6.0])), 1.0)
        case 4:
            part *= 2.0 ** -(number // 4).clip(0, 20)
        case 5 | 6:
            column[low:] *= rng.choice([0.003, 0.05, 0.5, 1.15, 1.6, 4.0])
        case _:
            part *= rng.choice([0.003, 0.3, 0.6, 1.15, 1.3, 1.8, 5.0, 20.0, 300.0])
