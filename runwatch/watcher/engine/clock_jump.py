"""What is known of times of arrival moves with a clock that was set."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import msgspec

from runwatch.watcher.engine.group import Group


def shift(group: Group, seconds: float) -> None:
    """Move the times of a group by so many seconds."""
    for source in group.sources.values():
        source.written = _moved(source.written, seconds)
        if source.lost is not None:
            source.lost = msgspec.structs.replace(source.lost, since=source.lost.since + seconds)
    ended = group.machine.ended
    group.machine.ended = ended and replace(ended, time=ended.time + seconds)
    group.dark_since = _moved(group.dark_since, seconds)
    group.dark = deque(((a + seconds, b + seconds) for a, b in group.dark), group.dark.maxlen)
    for watched in filter(None, (*group.runs[-1:], group.twin)):
        watched.run.progressed = _moved(watched.run.progressed, seconds)
        for rank in watched.run.ranks.values():
            rank.seen = _moved(rank.seen, seconds)


def _moved(time: float | None, seconds: float) -> float | None:
    return None if time is None else time + seconds
