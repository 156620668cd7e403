"""The host's memory, or the limit of the run's container, is nearly used up.

Reason: the kernel then kills a rank or a data worker, with no word in the log.
Formula: what is left, of the container's limit or of the host, is below `low` of it
for `seconds`: a warning; below `very_low`: critical. Or it shrank in each quarter of
the last `trend` seconds and will be gone within `soon` at that slope: a warning. A
kill in the container is critical at once. Ends at twice `low`.

Example: 'the memory of the container will be used up in 25m'.

What to do: see which process grows (a data loader's workers, most often) and restart it
with fewer workers, before the kernel kills one.

Traps: the page cache is given back when needed, so "available" is judged, not "free";
loading a data set shrinks it once, and is no trend.

Source: the kernel's MemAvailable and cgroup v2 accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import threshold
from runwatch.alerts.rules.common.trend import FEWEST, seconds_to
from runwatch.alerts.rules.machine.symptoms import BEFORE, Held, MachineRule, Symptom
from runwatch.core.block import Status
from runwatch.core.findings import Severity
from runwatch.core.machine import KEPT, MEAN, Machine
from runwatch.render.numbers import brief

_ADVICE = "Lower data loader workers or what they cache; see which process grows."
_KILLED_FOR = 600.0


@dataclass
class HostMemory(MachineRule):
    """Fires when the run is about to be killed for want of memory."""

    name: ClassVar[str] = "host_memory"
    summary: ClassVar[str] = "The memory of the host or container is nearly used up."

    low: float = threshold(0.08, "part of the memory left that is a warning")
    very_low: float = threshold(0.03, "part of the memory left that is critical")
    seconds: float = threshold(120.0, "seconds for which it must be so")
    trend: float = threshold(1800.0, "seconds over which a trend is judged", least=FEWEST * MEAN, most=KEPT)
    soon: float = threshold(3600.0, "seconds until none is left that are a warning")

    _low: dict[str, Held] = field(default_factory=dict, init=False, repr=False)
    _very_low: dict[str, Held] = field(default_factory=dict, init=False, repr=False)
    _taken: int = field(default=0, init=False, repr=False)
    _since: float | None = field(default=None, init=False, repr=False)
    _killed: float = field(default=float("-inf"), init=False, repr=False)

    def look(self, machine: Machine, status: Status) -> Iterator[Symptom]:
        """Judge the host and the container."""
        now = status.now
        self._taken, news = machine.events(self._taken)
        self._since = now - BEFORE if self._since is None else self._since
        kills = (event.time for event in news if event.kind == "oom_kill" and event.time >= self._since)
        self._killed = max([self._killed, *kills])
        if any(machine.own()):
            recent = now - self._killed < _KILLED_FOR
            title = "the kernel killed a process of this run for want of memory"
            yield Symptom("host/oom_kills", Severity.CRITICAL if recent else None, title, "", _ADVICE)
            used = machine.value("host/cgroup_memory_used", now)
            limit = machine.value("host/cgroup_memory_limit", now)
            if used is not None and limit:
                what = "the memory limit of its container"
                yield from self._judge(
                    "host/cgroup_memory_used", what, machine, now, limit - used, limit, limit
                )
            available = machine.value("host/memory_available", now)
            total = machine.value("host/memory_total", now)
            if available is not None and total:
                what = "the memory of the host"
                yield from self._judge("host/memory_available", what, machine, now, available, total, 0.0)

    def _judge(
        self, name: str, what: str, machine: Machine, now: float, left: float, total: float, end: float
    ) -> Iterator[Symptom]:
        part = left / total
        very = self._very_low.setdefault(name, Held()).hold(now, part < self.very_low) >= self.seconds
        low = self._low.setdefault(name, Held()).hold(now, part < self.low) >= self.seconds
        grows = machine.window(name, now, self.trend)
        points = machine.trails[name].points(now - self.trend) if grows else []
        gone = seconds_to(points, end, least=0.02 * total)
        evidence: dict[str, float | int | str | None] = {"left": left, "total": total}
        if very or low:
            severity = Severity.CRITICAL if very else Severity.WARNING
            yield Symptom(name, severity, f"only {100 * part:.1f} % of {what} is left", "", _ADVICE, evidence)
        elif gone is not None and gone < self.soon and part < 0.5:
            title = f"{what} will be used up in {brief(gone)}"
            cause = "something grows steadily: often what data workers keep"
            yield Symptom(
                name, Severity.WARNING, title, cause, _ADVICE, {**evidence, "seconds_left": round(gone)}
            )
        elif part > 2 * self.low and gone is None:
            yield Symptom(name, None)
