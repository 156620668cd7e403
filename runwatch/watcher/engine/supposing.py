"""A group is put aside, what is provisional is folded into it, and it is taken back when more comes.

What passes with time and what people do goes into both states meanwhile, so that nothing but what
was provisional is undone. Of incidents each change is reported once, whether it arose from what was
provisional or from what confirms it; what is not confirmed is over after a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import msgspec

from runwatch.alerts.incidents.incidents import Change
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.provisional import Settled

DOUBTED = 10.0
"""Seconds after which what arose from a provisional record, and was not confirmed, is over."""
MOST_REPORTED_EARLY = 256
"""Changes remembered that arose while something was provisional."""


def put_aside(group: Group) -> None:
    """Keep a copy of a group's state, which what is provisional does not touch.

    What logs do not contain (checkpoints, facts, lines that were read) is shared by both.
    """
    shared: list[Any] = [*group.runs[:-1]]
    for source in group.sources.values():
        shared += [source.tail, source.read_when, source.member]
    for watched in group.runs[-1:]:
        shared += [watched.run.checkpoints, watched.run.about, watched.run.plan]
    state = Settled(group.runs, group.sources, group.leader, group.begun, group.launches, group.aside)
    group.settled = deepcopy(state, {id(one): one for one in shared})


def take_back(group: Group, now: float) -> None:
    """Restore a group as it was before anything provisional was folded, at Unix time `now`."""
    settled, twin = group.settled, group.twin
    if settled is None:
        return
    if twin is not None:
        doubts = group.runs[-1].incidents.doubts(twin.incidents, now)
        group.doubts.update((doubt.row.id, doubt) for doubt in doubts)
    for key, source in settled.sources.items():
        if (known := group.sources.get(key)) is not None:
            source.written, source.ended = known.written, known.ended
            source.lost, source.looked = known.lost, known.looked
    group.runs, group.sources, group.leader = settled.runs, settled.sources, settled.leader
    group.begun, group.launches = settled.begun, settled.launches
    group.aside, group.settled = settled.aside, None


def unreported(group: Group, changes: Iterable[Change]) -> list[Change]:
    """Return those changes that were not reported when what they arise from was provisional."""
    new = [change for change in changes if (change.id, change.send) not in group.reported_early]
    if group.settled is not None:
        group.reported_early.update(dict.fromkeys((change.id, change.send) for change in new))
        for key in [*group.reported_early][:-MOST_REPORTED_EARLY]:
            del group.reported_early[key]
    return new


def withdrawn(group: Group, now: float) -> list[Change]:
    """Return what is over at Unix time `now`, since what followed did not confirm it."""
    changes: list[Change] = []
    for key, doubt in tuple(group.doubts.items()):
        runs = [watched for watched in group.runs if watched.run.id == doubt.run]
        since = doubt.since or now
        if not doubt.since:  # it was taken back where nobody looked at the clock
            group.doubts[key] = msgspec.structs.replace(doubt, since=now)
        if not runs or any(row.id == key for row in runs[0].incidents.every()):
            del group.doubts[key]
        elif now - since >= DOUBTED:
            del group.doubts[key]
            if (twin := group.twin) is not None and twin.run.id == doubt.run:
                twin.incidents.withdraw(doubt)
            change = runs[0].incidents.withdraw(doubt)
            changes += [] if change is None else [change]
    return changes
