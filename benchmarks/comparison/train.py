"""A small language model in numpy: several seeds of one configuration are trained at once.

Residual blocks with layer norm predict the next token of a Markov source of second order. Each seed has its
own weights and batches. Bugs can be planted: a detached block, logits that are divided by the width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weights = dict[str, Floats]

VOCAB, CONTEXT, WIDTH, BLOCKS, LENGTH = 24, 4, 32, 2, 24
EVERY = 50
"""Steps between evaluations."""
_WARMUP = 50
_HELD = 100


@dataclass(frozen=True)
class Setting:
    """What is trained; `bug` is in the code, so no configuration shows it."""

    lr: float = 3e-3
    schedule: str = "cosine"
    optimizer: str = "adam"
    batch_size: int = 32
    hidden: int = 64
    sequences: int = 4000
    """Of the data; with few of them the model learns them by heart."""
    steps: int = 800
    bug: str = ""

    def other(self, **changes: object) -> Setting:
        """Return it with changes."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Trained:
    """Losses of several seeds."""

    train: Floats
    """(seeds, steps)"""
    rates: Floats
    """(steps,)"""
    held_out: Floats
    """(seeds, steps / EVERY)"""


class Model:
    """The weights of all seeds, arrays (seeds, ...), and what training does with them."""

    def __init__(self, seeds: list[np.random.Generator], setting: Setting) -> None:
        self.setting, self.count = setting, len(seeds)
        hidden = setting.hidden
        shapes = {
            "embed": ((VOCAB, WIDTH), 1.0),
            "in": ((CONTEXT * WIDTH, hidden), (CONTEXT * WIDTH) ** -0.5),
        }
        for block in range(BLOCKS):
            shapes[f"up{block}"] = ((hidden, 2 * hidden), hidden**-0.5)
            shapes[f"down{block}"] = ((2 * hidden, hidden), 0.5 * (2 * hidden) ** -0.5)
        shapes["out"] = ((hidden, VOCAB), 0.5 * hidden**-0.5)
        self.weights: Weights = {
            name: np.stack([seed.normal(0, scale, shape) for seed in seeds])
            for name, (shape, scale) in shapes.items()
        }
        self._first = {name: np.zeros_like(held) for name, held in self.weights.items()}
        self._second = {name: np.zeros_like(held) for name, held in self.weights.items()}
        self._scale = 1 / hidden if setting.bug == "wrong normalization" else 1.0

    def losses(self, context: Ints, target: Ints) -> tuple[Floats, Weights]:
        """Return the loss of each seed and the gradients; context (seeds, n, CONTEXT), target (seeds, n)."""
        w, rows = self.weights, context.shape[1]
        seeds, at = np.arange(self.count)[:, None], np.arange(rows)
        x = w["embed"][seeds[..., None], context].reshape(self.count, rows, -1)
        h, kept = x @ w["in"], []
        for block in range(BLOCKS):
            y, size = _norm(h)
            up = y @ w[f"up{block}"]
            kept.append((y, size, up))
            h = h + np.maximum(up, 0) @ w[f"down{block}"]
        y, size = _norm(h)
        logits = y @ w["out"] * self._scale
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        odds /= odds.sum(-1, keepdims=True)
        loss = -np.log(odds[seeds, at, target] + 1e-12).mean(1)
        odds[seeds, at, target] -= 1
        odds *= self._scale / rows
        grads = {"out": _t(y) @ odds}
        dh = _norm_back(odds @ _t(w["out"]), y, size)
        for block in reversed(range(BLOCKS)):
            y, size, up = kept[block]
            grads[f"down{block}"] = _t(np.maximum(up, 0)) @ dh
            du = (dh @ _t(w[f"down{block}"])) * (up > 0)
            grads[f"up{block}"] = _t(y) @ du
            dh = dh + _norm_back(du @ _t(w[f"up{block}"]), y, size)
            if self.setting.bug == "detached" and block:
                dh = np.zeros_like(dh)
        grads["in"] = _t(x) @ dh
        dx = (dh @ _t(w["in"])).reshape(self.count, rows, CONTEXT, WIDTH)
        grads["embed"] = np.zeros_like(w["embed"])
        for seed in range(self.count):
            np.add.at(grads["embed"][seed], context[seed], dx[seed])
        return loss, grads

    def update(self, grads: Weights, rate: float, step: int) -> None:
        """Change the weights, with the norm of the gradient clipped to 1."""
        norm = np.sqrt(sum((each.reshape(self.count, -1) ** 2).sum(1) for each in grads.values()))
        clip = np.minimum(1, 1 / (norm + 1e-9))
        for name, held in self.weights.items():
            grad = grads[name] * clip.reshape(-1, *[1] * (held.ndim - 1))
            first, second = self._first[name], self._second[name]
            if self.setting.optimizer == "adam":
                first += 0.1 * (grad - first)
                second += 0.01 * (grad**2 - second)
                change = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
            else:
                first *= 0.9
                first += grad
                change = first
            self.weights[name] = held - rate * change


def _norm(x: Floats) -> tuple[Floats, Floats]:
    centered = x - x.mean(-1, keepdims=True)
    size = np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-5)
    return centered / size, size


def _norm_back(grad: Floats, y: Floats, size: Floats) -> Floats:
    back: Floats = grad - grad.mean(-1, keepdims=True) - y * (grad * y).mean(-1, keepdims=True)
    return back / size


def train(setting: Setting, seeds: list[int]) -> Trained:
    """Train one model for each seed."""
    table = _source(np.random.default_rng(1234))
    pool = _draw(table, np.random.default_rng(99), setting.sequences)
    held = _draw(table, np.random.default_rng(7), _HELD)
    windows = np.lib.stride_tricks.sliding_window_view(held, CONTEXT + 1, axis=1).reshape(-1, CONTEXT + 1)
    windows = np.broadcast_to(windows, (len(seeds), *windows.shape))
    streams = [np.random.default_rng(seed) for seed in seeds]
    model = Model(streams, setting)
    losses, rates, held_out = [], [], []
    for step in range(1, setting.steps + 1):
        rates.append(_rate(setting, step))
        batch = np.stack([_batch(pool, stream, setting.batch_size) for stream in streams])
        loss, grads = model.losses(batch[..., :CONTEXT], batch[..., CONTEXT])
        model.update(grads, rates[-1], step)
        losses.append(loss)
        if step % EVERY == 0:
            held_out.append(model.losses(windows[..., :CONTEXT], windows[..., CONTEXT])[0])
    return Trained(np.array(losses).T, np.array(rates), np.array(held_out).T)


def _rate(setting: Setting, step: int) -> float:
    rate = setting.lr * min(1.0, step / _WARMUP)
    if setting.schedule == "cosine":
        rate *= 0.1 + 0.45 * (1 + np.cos(np.pi * step / setting.steps))
    return float(rate)


def _source(random: np.random.Generator) -> Floats:
    """Return the cumulated chances of the next token after each two."""
    pairs = random.dirichlet(np.full(VOCAB, 0.1), size=(VOCAB, VOCAB))
    table: Floats = (0.5 * pairs + 0.5 * random.dirichlet(np.full(VOCAB, 0.1), size=VOCAB)).cumsum(-1)
    return table


def _draw(table: Floats, random: np.random.Generator, count: int) -> Ints:
    """Return sequences of tokens (count, LENGTH)."""
    drawn = np.empty((count, LENGTH), np.int64)
    drawn[:, :2] = random.integers(VOCAB, size=(count, 2))
    chance = random.random((count, LENGTH, 1))
    for at in range(2, LENGTH):
        next_token = (table[drawn[:, at - 2], drawn[:, at - 1]] < chance[:, at]).sum(1)
        drawn[:, at] = np.minimum(next_token, VOCAB - 1)
    return drawn


def _batch(pool: Ints, random: np.random.Generator, size: int) -> Ints:
    rows, begin = random.integers(len(pool), size=size), random.integers(LENGTH - CONTEXT, size=size)
    batch: Ints = pool[rows[:, None], begin[:, None] + np.arange(CONTEXT + 1)]
    return batch


def _t(x: Floats) -> Floats:
    return x.transpose(0, 2, 1)
