"""Made-up runs of ranks that are as slow, as far apart, or as silent as it takes for a rule, or hardly less."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np

from runwatch.core.block import Block, RankProgress, Samples, Status

from .columns import GRAD, LOSS, TIME, TOKENS

RULES = ("rank_divergence", "silent_rank", "straggler")
T0, ROUNDS = 1_000_000.0, 24
SLOW = (1.0, 1.0, 1.0, 1.09, 1.11, 1.29, 1.31, 2.0, 0.8)
APART = (0.0, 0.0, 0.0, 0.9e-4, 1.1e-4, 0.9e-3, 1.1e-3)
NAMES = (TIME, TIME, TOKENS, "data_time", "forward_ms", "compute_time_ms")


def ranked(seed: int) -> Iterator[Block | Status]:
    """Yield what rules are shown of one of these runs, in order."""
    rng = Random(3100 + seed)
    ranks, live, name = rng.randrange(2, 7), rng.random() < 0.7, rng.choice(NAMES)
    each, scatter = rng.choice([5, 25, 40]), rng.choice([0.0, 0.001, 0.02])
    slow, apart = dict.fromkeys(range(ranks), 1.0), dict.fromkeys(range(ranks), 0.0)
    broken: set[int] = set()
    steps, silent = dict.fromkeys(range(ranks), 0), rng.randrange(ranks + 2)
    begins, lead = rng.randrange(4, 14), rng.random() < 0.2
    for number in range(ROUNDS):
        now = T0 + 30 * number
        if rng.random() < 0.15:
            slow[rng.randrange(ranks)] = rng.choice(SLOW)
        if rng.random() < 0.3:
            apart[rng.randrange(ranks)] = rng.choice(APART)
        if rng.random() < 0.2:
            broken = set(rng.sample(range(ranks), rng.choice([0, 0, 1, 1, ranks])))
        if rng.random() < 0.1 and number > 4:
            name = rng.choice(NAMES)
        for rank in rng.sample(range(ranks), ranks):
            if rng.random() < 0.1 or (rank == silent and number >= begins):
                continue
            rows = np.arange(steps[rank], steps[rank] + rng.choice([each, each, 1, 2 * each]), dtype=float)
            steps[rank] = int(rows[-1]) + 1 - (each if rng.random() < 0.03 else 0)
            noise = 1 + scatter * np.sin((7 + rank) * rows)
            seconds = slow[rank] * noise
            norms = (1 + 0.1 * np.sin(rows)) * (1 + apart[rank])
            losses = np.where((rank in broken) & (rows % 3 > 0), np.nan, 2.0)
            values = {name: 1 / seconds if name == TOKENS else seconds, GRAD: norms, LOSS: losses}
            where = rows if rng.random() < 0.97 else np.full(len(rows), np.nan)
            samples = {
                metric: Samples(rows * 100, rows + 1 + rank, where, value)
                for metric, value in values.items()
                if rng.random() < 0.97
            }
            leads = lead and not rank
            yield Block(
                samples,
                Samples(rows * 100, rows + 1 + rank, where, where) if rng.random() < 0.95 else None,
                rank=None if leads else rank,
                lead=0 if leads else None,
                ranks={rng.randrange(ranks): RankProgress(5)} if rng.random() < 0.05 else {},
                source=f"rank{rank}.log" if seed % 2 else "",
                live=live,
                arrival=now + rank if live and rng.random() < 0.97 else 0.0,
                late=rng.random() < 0.05,
            )
        yield Status(
            now + rng.choice([10, 10, 29, 100, 500]),
            "finished" if rng.random() < 0.02 else "training",
            live=live,
            finished=rng.random() < 0.02,
            last_step=max(steps.values()),
            last_line=number,
        )
