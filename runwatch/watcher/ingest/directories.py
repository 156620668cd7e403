"""What a worker sees of directories of checkpoints and facts: each look that finds something new is sent."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from runwatch.core.checkpoint import LOOK_EVERY, Checkpoint, Look
from runwatch.watcher.checkpoints.directory import CheckpointSource
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.feeds import Send, source_id
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.sidecars import SidecarSource

FIRST_LOOK = 64
"""Checkpoints of the first look at a directory, the newest: all of thousands take seconds."""
RAREST = 300.0
"""Most seconds between two looks at a directory that has not changed for long."""
_CALM = 120.0
"""Part of the time since its newest change that passes between two looks: a login node has thousands."""


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
        self._nearby = SidecarSource(found.path)
        for name, place in resume.files.items() if resume is not None else ():
            self._nearby.recall(name, place.resume_state, place.offset, place.line)
        self._due = self._looked = 0.0
        self._changed = 0.0
        """Unix time of the newest change that is known."""
        self._live = False
        self._begun: dict[str, Checkpoint] | None = None
        """What the first look reported, by its id, until all were looked at: that look is to report all."""
        self._problem = ""

    def written(self) -> None:
        """Return None: what was written there may be of a run that has ended."""

    def hurry(self) -> None:
        """Look soon: the log of its run grows."""
        self._due = min(self._due, self._looked + LOOK_EVERY)

    def arrived(self, since: float | None = None) -> None:
        """Do nothing: each checkpoint has its own times."""

    def step(self, send: Send) -> bool:
        """Look if it is time; return True if there is more to be looked at, at once."""
        begun = time.monotonic()
        if begun < self._due:
            return False
        now = time.time()
        look, nearby = self._checkpoints.look(now), self._nearby.look()
        news = bool(look.changes or look.settings or nearby.facts or nearby.batches)
        self._changed = max(self._changed, now if self._live and news else _newest(look))
        # One without a log next to it has nothing else to say that its run continues.
        calm = min(RAREST, (now - self._changed) / _CALM) if self.member.group else 0.0
        every = max(LOOK_EVERY, calm, 20 * (time.monotonic() - begun))
        look = msgspec.structs.replace(look, every=every)
        partial = self._begun is None and look.left_out > 0
        if not self._live:
            reported = (self._begun or {}) | {change.id: change for change in look.changes}
            look = msgspec.structs.replace(look, changes=tuple(reported.values()))
            self._begun = reported if partial else {}
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
        self._looked, self._due = begun, begun + every
        return False


def _newest(look: Look) -> float:
    """Return the Unix time of the newest change that a look reports; 0 if it reports none."""
    return max((each.written or 0.0 for each in look.changes), default=0.0)
