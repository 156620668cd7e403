"""Healthy runs with what surrounds them: a machine at work, checkpoints on a disk, ranks, a deadline."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.faults.base import BEGIN
from benchmarks.detection.healthy import SHAPES, shape
from benchmarks.detection.styles import RANKS
from benchmarks.detection.trace import Trace
from benchmarks.detection.world import GB, World, last, quiet, saved

__all__ = ["SHAPES"]
"""Those of `healthy`, with the shapes of this file."""


@shape(pauses=True)
def machine_at_work(t: Trace) -> None:
    """Use a machine: GPUs rest in pauses, caches come and go."""
    last(t, (2.0, 8.0))
    t.world = World(t, BEGIN, machine=True)
    t.world.free = lambda now: (900 - 200 * ((now / 5400) % 1)) * GB  # checkpoints that take turns


@shape("own", pauses=True)
def rests_without_a_word(t: Trace) -> None:
    """Evaluate and save one after the other, for several rows' time, and print nothing about it."""
    t.before, t.saves = {}, []
    t.wait = t.columns["seconds"] * t.every
    for row in range(60, t.rows - 5, max(60, t.rows // 6)):
        t.wait[row] *= t.rng.uniform(2.0, 2.9)
        t.wait[row + 1] *= t.rng.uniform(3.0, 6.0)
    t.wait *= min(t.rows * 60.0, 30 * 3600.0) / float(t.wait.sum())
    t.columns["seconds"] = np.full(t.rows, float(np.median(t.wait)) / t.every)
    t.world = World(t, BEGIN, machine=True)


@shape(pauses=True)
def checkpoints_on_disk(t: Trace) -> None:
    """Save at equal distances; what is written last is an export of the weights alone."""
    last(t, (2.0, 8.0))
    quiet(t)
    world = t.world = World(t, BEGIN, deadline=3 * float(t.wait.sum()))
    gap = max(20, t.rows // int(t.rng.integers(5, 15)))
    for row in range(gap, t.rows, gap):
        saved(world, row)
    world.room = lambda now: 4000 * GB


@shape("ranks", pauses=True)
def ranks_at_work(t: Trace) -> None:
    """Print a line for each rank, one of them a little slower."""
    last(t, (1.0, 5.0))
    t.world = World(t, BEGIN)
    t.extra[f"seconds/{int(t.rng.integers(RANKS))}"] = np.full(t.rows, 1.04)


@shape("nanochat", "megatron", "llmc", "hf", "own")
def tight_deadline(t: Trace) -> None:
    """Have a tenth to a half more time than is needed; the first steps compile."""
    last(t, (1.0, 8.0))
    t.world = World(t, BEGIN, deadline=float(t.wait.sum()) * t.rng.uniform(1.1, 1.5))
