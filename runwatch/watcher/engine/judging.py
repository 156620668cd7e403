"""The rules of a run are asked, and what they find goes into its incidents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from msgspec.structs import replace

from runwatch.alerts.incidents.incidents import Change
from runwatch.alerts.rules.base import Rule, restore, state_of
from runwatch.core.block import Block, Status
from runwatch.core.ending import advised
from runwatch.core.findings import Finding
from runwatch.watcher.engine.evidence import placed
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.watched import WatchedRun

T = TypeVar("T")


class Judging:
    """Asks rules; one that fails is switched off."""

    def __init__(self, troubles: list[str]) -> None:
        """`troubles` takes what went wrong, for people."""
        self._troubles = troubles

    def judge(self, watched: WatchedRun, block: Block) -> list[Change]:
        """Let the rules judge a block; return what changed in incidents."""
        changes: list[Change] = []
        # Records of another rank repeat what the leading one says: only rules about ranks look at them.
        others = block
        if block.rank is not None:
            others = Block({}, None, events=block.events, live=block.live, arrival=block.arrival)
        for rule in tuple(watched.rules):
            seen = block if rule.of_ranks else others
            found = self._ask(watched, rule, rule.observe, seen)
            changes += _apply(watched, found, block.arrival or None, send=block.live, source=block.source)
        return changes

    def take(self, group: Group, block: Block) -> list[Change]:
        """Let the newest run of a group take events, with and without what is provisional of it."""
        if (twin := group.twin) is not None:
            twin.run.fold(block)
            self.judge(twin, block)
        watched = group.runs[-1]
        watched.run.fold(block)
        return self.judge(watched, block)

    def tick(self, watched: WatchedRun, status: Status, now: float | None, *, send: bool) -> list[Change]:
        """Let the rules judge the passing of time; return what changed in incidents."""
        changes: list[Change] = []
        for rule in tuple(watched.rules):
            if _needs_sight(rule, status):
                continue
            found = self._ask(watched, rule, rule.tick, status)
            if status.finished:
                found = [replace(each, advice=advised(each.advice, over=True)) for each in found]
            changes += _apply(watched, found, now, send=send, source=watched.source)
        return changes

    def _ask(
        self, watched: WatchedRun, rule: Rule, ask: Callable[[T], Iterable[Finding]], about: T
    ) -> list[Finding]:
        """Return what a rule finds. One that fails is switched off and reported; the rest continue."""
        try:
            found = list(ask(about))
            if not all(isinstance(finding, Finding) for finding in found):
                raise TypeError("it gave something that is no Finding")
            return found
        except Exception as error:  # a rule may be anybody's code
            watched.rules.remove(rule)
            what = f"{type(error).__name__}: {error}"
            self._troubles.append(f"rule {rule.name} failed and is off for {watched.run.name}: {what}")
            return []


def _needs_sight(rule: Rule, status: Status) -> bool:
    """Return whether a rule has to wait: what it judges time by cannot be read."""
    if status.blind is not None:
        return getattr(rule, "needs_log", True)  # a rule of a package may not say
    return status.blind_ranks and rule.of_ranks


def _apply(
    watched: WatchedRun, findings: Iterable[Finding], now: float | None, *, send: bool, source: str
) -> Iterator[Change]:
    for finding in findings:
        change = watched.incidents.apply(placed(finding, watched.run, source), now=now, live=send)
        if change is not None:
            yield change


def adapted(old: Iterable[Rule], new: Iterable[Rule]) -> list[Rule]:
    """Return the new rules with the state of the old ones: all of theirs that is no threshold.

    A rule of the user's that looks at another metric begins again.
    """
    known = {rule.name: rule for rule in old}
    out: list[Rule] = []
    for rule in new:
        kept = known.get(rule.name)
        if kept is not None and getattr(kept, "metric", None) == getattr(rule, "metric", None):
            restore(rule, state_of(kept))
        out.append(rule)
    return out


def released(watched: WatchedRun) -> list[Change]:
    """Return the changes that were held back, now that the run was seen alive."""
    if not watched.held:
        return []
    held, watched.held = set(watched.held), []
    leading = [row.id for row in watched.incidents.rows() if row.id in held]
    return [change for key in leading if (change := watched.incidents.announce(key)) is not None]
