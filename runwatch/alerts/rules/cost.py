"""What judging costs: every rule timed on the same made-up rows, on this machine, now."""

from __future__ import annotations

import time

import numpy as np

from runwatch.alerts.rules.base import Rule
from runwatch.core.block import Block, Samples
from runwatch.core.metrics import GRAD_NORM, LEARNING_RATE, LOSS, MFU, STEP_TIME, TOKENS_PER_SEC

ROWS, BLOCKS = 2048, 8
"""Rows that arrive together, as when a log is read, and how often."""


def per_million(rules: list[Rule]) -> dict[str, float]:
    """Return the milliseconds of CPU time that each rule takes for a million rows of a healthy run."""
    blocks = [_block(number) for number in range(BLOCKS)]
    costs: dict[str, float] = {}
    for rule in rules:
        rule.observe(blocks[0])  # imports, and what is made once
        begin = time.process_time_ns()
        for block in blocks[1:]:
            rule.observe(block)
        costs[rule.name] = (time.process_time_ns() - begin) / ROWS / (BLOCKS - 1)
    return costs


def _block(number: int) -> Block:
    rng = np.random.default_rng(number)
    step = number * ROWS + np.arange(ROWS, dtype=float)
    noise = {name: np.exp(0.02 * rng.normal(size=ROWS)) for name in (LOSS, GRAD_NORM, STEP_TIME, MFU)}
    values = {
        LOSS: (2 + 8 / (1 + step / 100)) * noise[LOSS],
        GRAD_NORM: noise[GRAD_NORM],
        LEARNING_RATE: np.full(ROWS, 1e-3),
        STEP_TIME: 0.2 * noise[STEP_TIME],
        TOKENS_PER_SEC: 1e5 / noise[STEP_TIME],
        MFU: 0.4 / noise[STEP_TIME],
    }
    samples = {name: Samples(step * 100, step + 1, step, value) for name, value in values.items()}
    return Block(samples, Samples(step * 100, step + 1, step, step))
