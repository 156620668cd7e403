"""What a worker sees of directories of checkpoints and facts: each look that finds something new is sent."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from runwatch.core.checkpoint import LOOK_EVERY, Checkpoint
from runwatch.watcher.checkpoints.directory import CheckpointSource
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.feeds import Send, source_id
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.sidecars import BesideSource

FIRST_LOOK = 64
"""Checkpoints of the first look at a directory, the newest: all of thousands take seconds."""


class DirectorySource:
    """One directory of checkpoints, or of facts: looked at now and then."""

    history = left = 0

    def __init__(
        self,
        found: discover.Found,
        pulse: Callable[[], object] = lambda: None,
        resume: wire.Resume | None = None,
    ) -> None:
        self.path, self.name, self.member = found
        self.id = source_id(found.path)
        self._checkpoints = CheckpointSource(found.path, most=FIRST_LOOK, pulse=pulse)
        self._nearby = BesideSource(found.path)
        for name, place in resume.files.items() if resume is not None else ():
            self._nearby.recall(name, place.told, place.offset, place.line)
        self._due = 0.0
        self._live = False
        self._begun: dict[str, Checkpoint] | None = None
        """What the first look reported, by its id, until all were looked at: that look is to report all."""
        self._problem = ""

    def written(self) -> None:
        """Return None: what was was written there may be of a run that has ended."""

    def arrived(self, since: float | None = None) -> None:
        """Do nothing: each checkpoint has its own times."""

    def step(self, send: Send) -> bool:
        """Look if it is time; return True if there is more to be looked at, at once."""
        begun = time.monotonic()
        if begun < self._due:
            return False
        now = time.time()
        look, nearby = self._checkpoints.look(now), self._nearby.look()
        every = max(LOOK_EVERY, 20 * (time.monotonic() - begun))
        look = msgspec.structs.replace(look, every=every)
        partial = self._begun is None and look.left_out > 0
        if not self._live:
            reported = (self._begun or {}) | {change.id: change for change in look.changes}
            look = msgspec.structs.replace(look, changes=tuple(reported.values()))
            self._begun = reported if partial else {}
        news = look.changes or look.settings or nearby.facts or nearby.batches
        if news or look.problem != self._problem or not self._live:
            files = {
                name: wire.Resume(None, offset, line, None, reported)
                for name, reported, offset, line in self._nearby.places()
            }
            resume = wire.Resume(None, 0, 1, None, files=files)
            send(wire.Looked(self.id, look, nearby, self._live, now, partial, resume))
        self._problem, self._live = look.problem, not partial
        if partial:
            self._checkpoints.widen()
            return True
        self._due = begun + every
        return False
