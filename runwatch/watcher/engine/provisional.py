"""What sources report provisionally: how their runs would be if their logs ended here.

A parser may hold a record back until it has seen what follows. Where a log rests, the worker reports
what it would come to (StreamParser.provisional); it is folded like any batch, and taken back as
soon as more is reported (see supposing).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from runwatch.core.batch import Batch
from runwatch.watcher.engine.source import Source
from runwatch.watcher.engine.watched import WatchedRun


@dataclass(frozen=True, slots=True)
class Provisional:
    """What one source reports provisionally; the rest is as of the batch before it (see Engine.fold)."""

    batch: Batch
    live: bool = False
    arrival: float = 0.0
    late: bool = False

    def uncounted(self) -> Provisional:
        """Return what it reports when its lines have been counted, as more came that reported nothing."""
        return replace(self, batch=msgspec.structs.replace(self.batch, lines=0, unparsed=0, strange=0))


@dataclass(slots=True)
class Settled:
    """The state of a group without what is provisional."""

    runs: list[WatchedRun]
    sources: dict[str, Source]
    leader: Source | None
    begun: int
    launches: int
    aside: WatchedRun | None


def is_news(batch: Batch) -> bool:
    """Return whether a batch is of more than what was read before."""
    return bool(batch.tables or batch.events or batch.lines or batch.end > batch.start)
