"""A launcher's log next to that of its run: what it says of the end is said of that run.

torchrun, accelerate and srun keep a log of their own, or the one that ranks write their errors to. Without a
training record it is no run, but its words are those of the run next to it that ended at the same moment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from runwatch.core.batch import CRASH_KINDS
from runwatch.core.block import Block
from runwatch.watcher.engine.group import Group, of_source
from runwatch.watcher.engine.source import Source
from runwatch.watcher.engine.watched import WatchedRun
from runwatch.watcher.sources.member import LOG

SETTLED = 10.0
"""Seconds in which neither log may grow before it is decided whose the words are."""
TOGETHER = 60.0
"""Seconds by which the last words of both may lie apart."""
OURS = "runwatch: "
"""How `runwatch run` begins its last line: that log is of the command that ended, whatever is next to it."""
LATER = 15.0
"""Seconds for which the run may be written to after them: one that continues for longer is another run."""


def may_belong(source: Source, block: Block) -> bool:
    """Return whether a block without training may belong to the run of another log."""
    alone = source.member.kind == LOG and not source.member.group and source.id.startswith("/")
    wrapped = any(event.title.startswith(OURS) for event in block.events)
    return (
        alone and not wrapped and block.progress is None and not (block.samples or block.bar or block.ranks)
    )


def _near(source: Source, groups: Iterable[Group]) -> list[Group]:
    """Return the groups with logs in the directory of a log, or below it."""
    home = os.path.dirname(source.id)
    return [
        group
        for group in groups
        if source.id not in group.sources
        and any(each.member.kind == LOG and each.id.startswith(f"{home}/") for each in group.sources.values())
    ]


@dataclass
class Waiting:
    """The logs of which it is not decided yet whether their words are of another's run."""

    _seen: dict[str, tuple[tuple[int, ...], float]] = field(default_factory=dict)
    """Source id -> lines of it and of those next to it, and since when they are so many."""

    def _settled(self, source: Source, near: Iterable[Group], now: float) -> bool:
        """Return whether neither a log nor those that it may belong to have grown for a while."""
        lines = (source.lines, *(group.lines for group in near))
        known, since = self._seen.get(source.id, ((), now))
        self._seen[source.id] = lines, since if lines == known else now
        return lines == known and now - since >= SETTLED

    def decided(
        self, source: Source, group: Group, groups: Iterable[Group], now: float, *, live: bool
    ) -> tuple[Group | None, Block] | None:
        """Return the group whose run the words of a log about an end are of, and these words.

        That group is None where they are of a run of their own. Nothing is returned where there are no such
        words, or where more may come.
        """
        if not any(event.kind in CRASH_KINDS for event in source.unplaced):
            return None
        near = _ended_then(source, _near(source, groups))
        if live and near and not self._settled(source, near, now):
            return None
        self._seen.pop(source.id, None)
        lives = live and group.lived
        block = Block({}, None, events=source.unplaced, live=lives, arrival=now if lives else 0.0)
        if (found := _owner(source, near)) is None:
            return None, block
        _hand_on(source, group)
        return found, of_source(block, source)


def _ended_then(source: Source, near: Iterable[Group]) -> list[Group]:
    """Return those groups that were not written to for long after a log's last words."""
    return [group for group in near if (group.written or 0.0) <= (source.written or 0.0) + LATER]


def _owner(source: Source, near: Iterable[Group]) -> Group | None:
    """Return the group whose newest run a log's last words are of; None if none or several may be meant."""
    found = [group for group in near if group.runs and _may_own(source, group, group.runs[-1])]
    return found[0] if len(found) == 1 else None


def _may_own(source: Source, group: Group, watched: WatchedRun) -> bool:
    ended = watched.run.finished or watched.closed or not watched.run.records
    if ended or abs((group.written or 0.0) - (source.written or 0.0)) > TOGETHER:
        return False
    return watched.crashed or any(event.kind == "elastic" for event in source.unplaced)


def _hand_on(source: Source, group: Group) -> None:
    """Note that all that a log of a group has said so far was handed on, also in its lasting state."""
    upto = max((event.offset for event in source.early), default=source.handed_on)
    lasting = group.lasting.sources.get(source.id, source)
    source.handed_on = lasting.handed_on = upto
