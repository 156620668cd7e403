"""A directory of checkpoints that is looked at again and again, and the time at which it is."""

from __future__ import annotations

import json
import os

from runwatch.core.checkpoint import Checkpoints
from runwatch.watcher.checkpoints.directory import CheckpointSource
from tests.checkpoints.made import archive, put, tensors

NOW = 1_700_000_000.0
OLD = NOW - 3600


class Watched:
    """A source, what is known from it, and a clock that tests move."""

    def __init__(self, top, quiet=30.0):
        self.source, self.known, self.now = CheckpointSource(str(top), quiet=quiet), Checkpoints(), NOW

    def look(self, later=0.0):
        self.now += later
        look = self.source.look(self.now)
        self.known.fold(look)
        return look

    def __getitem__(self, step):
        return next(c for c in self.known if c.at == step)

    @property
    def states(self):
        return {c.at if c.at is not None else os.path.basename(c.path): c.state.value for c in self.known}


def only(top, later=0.0):
    """Return the one checkpoint in a directory, as a first look shows it."""
    watched = Watched(top)
    watched.look(later)
    (found,) = watched.known
    return found


def hf(top, step, when, **more):
    here = top / f"checkpoint-{step}"
    put(here / "model.safetensors", tensors(), now=when)
    put(here / "optimizer.pt", archive(), now=when)
    put(
        here / "trainer_state.json", json.dumps({"epoch": 0.5, "best_metric": 1.5, **more}).encode(), now=when
    )
    return here
