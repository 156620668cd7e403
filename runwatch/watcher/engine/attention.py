"""What deserves a look now: with many runs, those that continue, and the silent ones ever less often."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from runwatch.core.ending import OVER
from runwatch.watcher.engine.group import FRESH, REST, Group

SLOWEST = 30.0
"""Most seconds between two judgements of a group's silence, until it is at rest."""
RAREST = 3600.0
"""Most seconds between two judgements in any case: a login node has a thousand runs of the past."""
CALM = 1.5
"""Seconds between two judgements of what silence says, at least, where nobody looks all the time."""
IDLE = 86_400.0
"""Seconds after its last line for which the machine under an unfinished run is looked at."""

SOUGHT = 30.0
"""Seconds after its last line until which a process of a run that was not seen alive is looked for."""


class Attention:
    """When the silence of each group is judged next."""

    def __init__(self, least: float = 0.0) -> None:
        """`least`: seconds between two judgements of a group, at least."""
        self._least = least
        self._due: dict[str, float] = {}

    def due(self, groups: Iterable[Group], now: float) -> list[Group]:
        """Return those to be judged at Unix time `now`, the one that waits for longest first."""
        waiting = [(due, group) for group in groups if (due := self._due.get(group.id, 0.0)) <= now]
        return [group for _, group in sorted(waiting, key=itemgetter(0))]

    def judged(self, group: Group, now: float) -> None:
        """Note that a group is judged."""
        silent = now - (group.written or now)
        pause = silent / 60.0 if silent >= REST else min(SLOWEST, silent / 60.0)
        self._due[group.id] = now + max(self._least, min(RAREST, pause))

    def forget(self, group_id: str) -> None:
        """Forget a group that is watched no longer."""
        self._due.pop(group_id, None)

    def reset(self) -> None:
        """Judge all of them next: the clock was set."""
        self._due.clear()


def goes_on(group: Group, now: float) -> bool:
    """Return whether the machine under a group is worth a look: its newest run may continue or hang."""
    silent = now - (group.written or 0.0)
    nobody = group.machine.note and not group.machine.processes
    if nobody and not group.lived and silent > SOUGHT:
        return False  # it had ended before: others are worth the look
    if silent < FRESH or silent > IDLE:
        return silent < FRESH
    return bool(group.runs) and group.runs[-1].phase not in OVER


def newest(groups: Iterable[Group]) -> list[Group]:
    """Return the groups, the one written to last first."""
    return sorted(groups, key=lambda group: -(group.written or 0.0))
