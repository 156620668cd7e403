"""How runs of a group begin: by themselves, as a stage of the one before, or again from another source."""

from __future__ import annotations

from runwatch.alerts.incidents.incidents import IncidentBook
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.fold.run import Run
from runwatch.core.series import Detail
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.judging import adapted
from runwatch.watcher.engine.packable import Rules
from runwatch.watcher.engine.watched import WatchedRun

MAX_FORMER = 8
"""Names that a group had before and that are remembered."""
MAX_RUNS = 64
"""Runs kept per group; of a longer pipeline the oldest are forgotten."""


def begin(group: Group, rules: Ruleset, detail: Detail) -> None:
    """Begin another run of a group; the one that was put aside, if there is one."""
    if group.aside is not None:
        group.runs.append(group.aside)
        group.aside = None
        return
    group.begun += 1
    group.launches += 1
    number = "" if group.launches <= 1 else f"#{group.launches}"
    run = Run(f"{group.id}#{group.begun}", group.name + number, detail=detail)
    run.add_facts(group.facts if group.begun == 1 else {})
    group.runs.append(_watched(run, rules, tuple(name + number for name in group.former)))
    del group.runs[:-MAX_RUNS]


def follow(group: Group) -> None:
    """Make the newest run of a group a further stage of the run before it."""
    before, stage = group.runs[-2:]
    group.launches -= 1
    stage.follows, stage.number, stage.run.name = True, before.number + 1, before.run.name
    stage.incidents.rename(stage.run.name)
    stage.run.stage.follow(before.run.stage)


def led_anew(watched: WatchedRun, rules: Ruleset, follower: str | None) -> WatchedRun:
    """Return a run whose steps another source has from the first; `follower` led before."""
    anew = _watched(watched.run.led_anew(follower), rules, watched.incidents.former)
    anew.number, anew.follows, anew.repeats = watched.number, watched.follows, watched.repeats
    return anew


def rename(group: Group, name: str, rules: Ruleset) -> None:
    """Call a group and its runs by another name; what rules have learned stays."""
    before, group.name = group.name, name
    if group.runs and before not in group.former:
        group.former = (*group.former, before)[-MAX_FORMER:]
    for watched in group.runs:
        number = watched.run.name.removeprefix(before)
        watched.run.name = name + number
        watched.incidents.rename(watched.run.name, tuple(old + number for old in group.former))
        watched.rules = adapted(watched.rules, rules.build(watched.run.name, watched.incidents.former))


def _watched(run: Run, rules: Ruleset, former: tuple[str, ...]) -> WatchedRun:
    return WatchedRun(run, Rules(rules.build(run.name, former)), IncidentBook(run.id, run.name, former))
