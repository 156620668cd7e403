"""What rules about the machine share: they look at it as it is now, and say what is wrong with what.

A look gives one symptom per thing that can be judged, well or not; an incident
opens, gets more severe and ends by them. What cannot be seen at the moment gives no
symptom, and leaves its incident as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from runwatch.alerts.rules.base import RunRule, last_place
from runwatch.core.block import Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.machine import Machine

BEFORE = 60.0
"""Seconds before its first look of which a rule still takes events; older ones befell another run."""

_APART = 10.0
"""Seconds between the counts of a counter that are kept."""


class Symptom(NamedTuple):
    """The state of one thing."""

    metric: str | None
    """Name of the value that shows it, which identifies the thing: gpu/3/power."""
    severity: Severity | None
    """None if all is well."""
    title: str = ""
    cause: str = ""
    advice: str = ""
    evidence: Mapping[str, float | int | str | None] = MappingProxyType({})


@dataclass
class Held:
    """For how long a condition has held, by the clock."""

    since: float | None = None

    def hold(self, now: float, holds: bool) -> float:
        """Return the seconds for which it has held at `now`; -1 if it does not."""
        if not holds:
            self.since = None
            return -1.0
        self.since = now if self.since is None else self.since
        return now - self.since


@dataclass
class Counter:
    """What a counter showed lately."""

    counts: deque[tuple[float, float]] = field(default_factory=deque)
    """(Unix time, count), oldest first."""

    def rate(self, now: float, count: float, window: float) -> float | None:
        """Return its growth a minute over the last `window` seconds; None if not half of that is known."""
        if self.counts and count < self.counts[-1][1]:
            self.counts.clear()  # it was reset
        if not self.counts or now - self.counts[-1][0] >= _APART:
            self.counts.append((now, count))
        while now - self.counts[0][0] > window:
            self.counts.popleft()
        begin, before = self.counts[0]
        return 60.0 * (count - before) / window if now - begin >= window / 2 else None


@dataclass
class MachineRule(RunRule):
    """A rule that looks at the machine under a run."""

    needs_log: ClassVar[bool] = False
    _open: dict[str | None, Severity] = field(default_factory=dict, init=False, repr=False)

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Look at the machine as it is now."""
        if status.machine is None or not status.live:
            return ()
        found = (self._change(symptom, status) for symptom in self.look(status.machine, status))
        return [finding for finding in found if finding is not None]

    def look(self, machine: Machine, status: Status) -> Iterable[Symptom]:
        """Return how each thing is that can be judged now."""
        raise NotImplementedError

    def _change(self, symptom: Symptom, status: Status) -> Finding | None:
        before, now = self._open.get(symptom.metric), symptom.severity
        if now is before:
            return None
        here = last_place(status)
        if now is None:
            del self._open[symptom.metric]
            return self.clear(here, symptom.metric, evidence=dict(symptom.evidence))
        self._open[symptom.metric] = now
        return self.say(
            Verdict.FIRING,
            now,
            symptom.title,
            here,
            metric=symptom.metric,
            cause=symptom.cause,
            advice=symptom.advice,
            evidence=dict(symptom.evidence),
        )
