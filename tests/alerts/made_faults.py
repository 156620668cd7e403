"""Made-up runs with one kind of fault each, from hardly any to far too much, and the rules that judge it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runwatch.core.batch import Event
from runwatch.core.metrics import EPOCH, VAL_LOSS

from .columns import GRAD, LOSS, LR, SCALE, TIME, TOKENS
from .made_runs import Made

ACCURACY = "val/accuracy"
Chance = np.random.Generator


def _noisy(rng: Chance, count: int, scale: float) -> np.ndarray:
    return np.exp(scale * rng.normal(size=count))


def _any(rng: Chance, *choices: float) -> float:
    return float(rng.choice(choices))


def _between(rng: Chance, low: float, high: float) -> float:
    """Return a number, as likely near the one as near the other."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _stretch(rng: Chance, count: int) -> slice:
    begin = int(rng.integers(count // 8, count))
    return slice(begin, begin + int(_between(rng, 1, count)))


def _restarts(log: Made, rng: Chance, most: int = 2) -> Made:
    for row in sorted(rng.integers(log.count // 4, log.count, rng.integers(0, most + 1)).tolist()):
        log.restarts.append(row)
        log.steps[row:] -= min(_any(rng, 20, 100), log.steps[row] - 1)
    return log


def start(rng: Chance) -> Made:
    """A loss that does not fall from where it begins: it rises, stays, or falls late."""
    count = int(_any(rng, 20, 60, 200, 460, 700))
    steps = np.arange(count)
    begin = _any(rng, np.log(10), np.log(1000), np.log(50257), np.log(2), 2.0, 1.0, 0.5, 30.0, 1e16)
    rise = _any(rng, 0.0, 0.0, 0.06, 0.15, 0.5, 0.8, 1.5) * (1 - np.exp(-steps / _any(rng, 3, 30, 100)))
    late = np.where(steps > _between(rng, count / 2, 2 * count), -_any(rng, 0.01, 0.05, 1.0), 0.0)
    log = Made(
        train__loss=begin * np.exp(rise + late) * _noisy(rng, count, _any(rng, 0, 1e-4, 0.01, 0.05, 0.12))
    )
    log.set(EPOCH, steps * _any(rng, 0.001, 0.05, 0.15, 1.0))
    if rng.random() < 0.4:
        log.set(VAL_LOSS, np.full(count, _any(rng, np.log(50257), 3.0)))
    if rng.random() < 0.4:
        log.set(LR, np.full(count, _any(rng, 1e-9, 0.9e-7, 1.1e-7, 1e-3)))
    if rng.random() < 0.4:
        log.set(GRAD, np.where(steps < _any(rng, 0, 20, 40, 999), 0.0, 1.0))
    log.steps = log.steps * _any(rng, 1, 10, 50) + _any(rng, 0, 1, 40, 60, 1000)
    return _restarts(log, rng, 1)


def zero(rng: Chance) -> Made:
    """A loss that is exactly zero, or stays at one value, for a while or from the first."""
    count = int(_any(rng, 60, 200, 400))
    loss = 2.0 * np.exp(-np.arange(count) / _any(rng, 10, 40, 100)) + _any(rng, 0.0, 0.02, 1.5)
    loss *= _noisy(rng, count, 0.02)
    if rng.random() < 0.4:
        loss = np.round(loss, int(_any(rng, 2, 3, 4)))
    if rng.random() < 0.2:
        loss -= 1.0
    log = Made(train__loss=loss)
    bad = _stretch(rng, count) if rng.random() < 0.8 else slice(0, int(_any(rng, 5, 12, 150)))
    loss[bad] = _any(rng, 0.0, 0.0, 0.0, loss[0], 1.2345)
    if rng.random() < 0.3:
        loss[bad.start + 4 : bad.start + 5] = 1.5
    if rng.random() < 0.7:
        log.set(GRAD, np.ones(count))
        log.columns[GRAD][bad.start + int(rng.integers(0, 5)) : bad.stop] = _any(
            rng, np.nan, 0.0, 1.0, np.inf
        )
    if rng.random() < 0.4:
        log.set(VAL_LOSS, 3 * np.exp(-np.arange(count) / _any(rng, 50, 2000)))
    if rng.random() < 0.3:
        log.set("aux_loss", np.where(np.arange(count) > _any(rng, 10, 120), 1.0, 0.0))
    if rng.random() < 0.2:
        log.set("reward", np.arange(count) * 1.0)
    return _restarts(log, rng, 1)


def unscaled(rng: Chance) -> Made:
    """A scaler that skips steps, or halves its scale without end; losses and norms that are not finite."""
    count = int(_any(rng, 200, 400))
    log = Made(train__loss=2.0 * _noisy(rng, count, 0.02))
    log.set(GRAD, _noisy(rng, count, 0.2))
    log.set(SCALE, 65536.0 * 2.0 ** -np.clip((np.arange(count) - 100) / _any(rng, 3, 20, 100), 0, 30))
    log.set("number of skipped iterations", (rng.random(count) < _any(rng, 0.005, 0.05, 0.2, 0.6)) * 1.0)
    log.set("number of nan iterations", (rng.random(count) < _any(rng, 0.0, 0.01)) * 1.0)
    for name in (LOSS, GRAD, "val/loss", "val/bpb"):
        log.columns.setdefault(name, np.full(count, 2.0))
        if rng.random() < 0.5:
            part = log.columns[name][_stretch(rng, count)]
            part[:: int(_any(rng, 1, 2, 5, 30))] = _any(rng, np.nan, np.inf, -np.inf)
    for row in sorted(rng.integers(0, count, 3).tolist()):
        kind, data = str(rng.choice(["skip", "nan"])), {"count": str(rng.integers(1, 30))}
        log.events.append(Event(kind, row * 100 + 50, row + 1, "overflow", data=data))
    return _restarts(log, rng, 1)


def learnt(rng: Chance) -> Made:
    """A loss that falls to next to nothing, is validated or not, and falls suddenly."""
    count = int(_any(rng, 300, 900))
    loss = 5 * np.exp(-np.arange(count) / _any(rng, 30, 100, 300)) + _any(rng, 0.001, 0.2, 0.3, 1.0)
    loss[_stretch(rng, count)] *= _between(rng, 0.02, 1.0)
    log = Made(train__loss=loss * _noisy(rng, count, _any(rng, 0.005, 0.1)))
    log.set(EPOCH, np.arange(count) * _any(rng, 0.002, 0.006, 0.1))
    if rng.random() < 0.5:
        log.set(
            VAL_LOSS,
            np.minimum(loss * 1.1, 2) + np.maximum(0, np.arange(count) - 200) * _any(rng, 0, 3e-4, 3e-3),
        )
        log.set("train/accuracy", np.linspace(0.1, _any(rng, 0.4, 1.0), count))
        log.set(ACCURACY, np.linspace(0.1, _any(rng, 0.1, 0.3, 0.8), count) * _noisy(rng, count, 0.02))
    return _restarts(log, rng, 1)


def norms(rng: Chance) -> Made:
    """Gradients that are clipped, vanish, or spike."""
    count = int(_any(rng, 500, 1000))
    grad = _noisy(rng, count, _any(rng, 0.05, 0.3)) + 3 * np.exp(-np.arange(count) / 20)
    grad[_stretch(rng, count)] *= _between(rng, 1e-6, 30.0)
    spikes = rng.integers(0, count, int(_any(rng, 0, 1, 5)))
    grad[spikes] *= _between(rng, 2, 1000)
    if rng.random() < 0.6:
        grad = np.minimum(grad, _any(rng, 0.9, 1.2, 2.0))
    log = Made(train__loss=(2 + 3 * np.exp(-np.arange(count) / 50)) * _noisy(rng, count, 0.02))
    log.columns[LOSS][spikes] *= _any(rng, 1.0, 2.0)
    log.set(GRAD, grad)
    return _restarts(log, rng)


def rates(rng: Chance) -> Made:
    """A learning rate that jumps, falls to zero, or is not what it was before a restart."""
    count = int(_any(rng, 300, 600))
    steps = np.arange(count)
    rate = _any(rng, 1e-3, 6e-4) * np.minimum(1, (steps + 1) / _any(rng, 1, 50, 100))
    rate *= np.where(rng.random() < 0.5, 0.5 * (1 + np.cos(np.pi * steps / count)), 1.0)
    rate[_stretch(rng, count)] *= _any(rng, 0.0, 0.1, 0.5, 1.3, 1.6, 2.5, 12.0, np.nan, -1.0)
    log = Made(train__loss=(2 + 3 * np.exp(-steps / 50)) * _noisy(rng, count, 0.02))
    log.set(LR, rate)
    _restarts(log, rng)
    for row in log.restarts:
        log.columns[LR][row:] *= _any(rng, 0.4, 0.8, 1.0, 1.15, 3.0)
        log.columns[LOSS][row:] *= _any(rng, 0.7, 0.97, 1.0, 1.04, 1.1, 1.6)
    return log


def worse(rng: Chance) -> Made:
    """A loss that leaves its level, at once or slowly, for a while or for the rest."""
    count = int(_any(rng, 600, 1200))
    steps = np.arange(count)
    loss = (_any(rng, 0.1, 2.0, 9.0) + 8 * np.exp(-steps / 80)) * _noisy(
        rng, count, _any(rng, 0.005, 0.03, 0.15)
    )
    bad, size = _stretch(rng, count), _between(rng, 1.02, 8.0)
    number = np.arange(len(loss[bad]))
    match int(rng.integers(5)):
        case 0:
            loss[bad] *= size
        case 1:
            loss[bad] *= np.linspace(1, size, len(number))
        case 2:
            loss[bad] *= 1 + (size - 1) * np.exp(-number / _any(rng, 2, 30))
        case 3:
            loss[bad] *= np.exp(np.log(size) * np.sin(2 * np.pi * number / _any(rng, 2, 7, 50)) / 2)
        case 4:
            loss[bad.start :] = loss[bad.start] * _noisy(rng, count - bad.start, 0.01)
    log = Made(train__loss=loss)
    log.set(GRAD, _noisy(rng, count, 0.1) * np.where(loss > 3 * np.median(loss), _any(rng, 1, 10), 1))
    log.set(LR, 1e-3 * np.minimum(1, (steps + 1) / 50))
    log.set(EPOCH, steps * _any(rng, 0.002, 0.02))
    if rng.random() < 0.5:
        log.set(VAL_LOSS, loss * _any(rng, 1.0, 1.1))
    if rng.random() < 0.3:
        log.events.append(Event("resume", bad.start * 100, bad.start + 1, "resumed"))
    return _restarts(log, rng, 1)


def scores(rng: Chance) -> Made:
    """Evaluations that are at their floor, stay as they are, or get worse again."""
    count = int(_any(rng, 600, 2000))
    steps = np.arange(count)
    score = _any(rng, 0.0, 0.01, 0.1) + _any(rng, 0.0, 0.3, 0.8) * (1 - np.exp(-steps / _any(rng, 50, 400)))
    score = score * _noisy(rng, count, _any(rng, 0.0, 0.01, 0.05))
    score[_stretch(rng, count)] *= _between(rng, 0.2, 1.2)
    log = Made(train__loss=(2 + 3 * np.exp(-steps / 100)) * _noisy(rng, count, 0.02))
    best = count * rng.random()
    log.set(VAL_LOSS, 2.5 + 3 * np.exp(-steps / 100) + np.maximum(0, steps - best) * _any(rng, 0, 1e-4, 1e-3))
    log.set(str(rng.choice(["val/accuracy", "val/f1", "val/bleu"])), np.clip(score, 0, 1))
    log.set("train/accuracy", np.clip(score * _any(rng, 1.0, 2.0), 0, 1))
    log.set(EPOCH, steps // _any(rng, 20, 100))
    return _restarts(log, rng, 1)


def players(rng: Chance) -> Made:
    """A policy or a GAN: rewards, entropies, divergences, and the losses of the two."""
    count = int(_any(rng, 600, 1100))
    steps = np.arange(count)
    log = Made(train__loss=_noisy(rng, count, 0.1))
    levels = {
        "episode_reward_mean": _any(rng, 1, 100) * (1 - np.exp(-steps / 200)) + _any(rng, 0, -50, 10),
        "critic/score/mean": 0.2 + 0.6 * (1 - np.exp(-steps / 200)),
        "policy_entropy": 1.5 * np.exp(-steps / 3000),
        "approx_kl": np.full(count, 0.01),
        "completion_length": np.full(count, 300.0),
        "reward_std": np.full(count, 0.2),
        "loss_D": np.full(count, 0.6),
        "loss_G": np.full(count, 1.0),
    }
    for name, level in levels.items():
        if rng.random() < 0.7:
            log.set(name, level * _noisy(rng, count, _any(rng, 0.01, 0.1)))
            log.columns[name][_stretch(rng, count)] *= _between(rng, 0.002, 1.0) ** _any(rng, 1.0, -0.7)
    return _restarts(log, rng, 1)


def speeds(rng: Chance) -> Made:
    """Steps that take longer, at once or slowly, now and then, or with every other thing."""
    count = int(_any(rng, 400, 900))
    steps = np.arange(count)
    times = _any(rng, 0.05, 0.5, 8.0) * _noisy(rng, count, _any(rng, 0.005, 0.03, 0.15))
    bad, size = _stretch(rng, count), _between(rng, 1.02, 8.0)
    match int(rng.integers(4)):
        case 0:
            times[bad] *= size
        case 1:
            times[bad] *= np.linspace(1, size, len(times[bad]))
        case 2:
            times[bad.start :: int(_any(rng, 2, 10, 50))] *= size**2
        case 3:
            times[bad] *= np.where(rng.random(len(times[bad])) < _any(rng, 0.02, 0.2), size**3, 1.0)
    tokens = _any(rng, 1.0, 1.0, 0.4) ** (steps > bad.start)
    log = Made(train__loss=2.0 * _noisy(rng, count, 0.02))
    log.set(TIME, times + 20 * (steps == 0))
    log.set(TOKENS, 1e6 * tokens / times)
    log.set("data_time", times * np.where(steps > bad.start, _between(rng, 0.01, 0.9), 0.02))
    log.set("perf/mfu", 0.4 * times.min() / times * _any(rng, 0.1, 0.7, 1.0))
    if rng.random() < 0.5:
        del log.columns[str(rng.choice([TIME, TOKENS]))]
    for row in range(50, count, int(_any(rng, 50, 300))):
        log.events.append(Event("checkpoint", row * 100 + 60, row + 1, "saved", step=row))
    return _restarts(log, rng, 1)


LEVELS = "divergence loss_spike loss_drop plateau oscillation validation resume"
KINDS: dict[Callable[[Chance], Made], str] = {
    start: "above_start never_learns plateau memorised",
    zero: "masked_nan nonfinite loss_drop",
    unscaled: "loss_scale skipped_steps nonfinite masked_nan",
    learnt: "memorised validation generalization_gap loss_drop plateau score_plateau",
    norms: "clip_saturation grad_spike grad_vanish loss_spike",
    rates: "lr_anomaly resume divergence lost_work",
    worse: f"{LEVELS} above_start grad_spike",
    scores: "score_floor score_plateau validation plateau",
    players: "policy_collapse policy_shift reward_collapse discriminator",
    speeds: "step_time throughput jitter stalls data_bound low_mfu",
}
"""How a run goes wrong -> the rules that judge it."""
