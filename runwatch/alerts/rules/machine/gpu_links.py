"""The links of a GPU are failing: NVLinks went down, or transfers over NVLink or PCIe are repeated.

Reason: a link that repeats its transfers slows every collective, and a link that is down
sends them another way or ends the job; the log shows slower steps at the most.
Formula: fewer NVLinks are active than at the most so far, for `seconds`: a warning.
PCIe replays, or NVLink errors of all kinds, grew by more than `replays` or `errors` a
minute, over the last `window` seconds: a warning. Ends when all links are back, or the
rate is below a fourth.

Example: 'GPU 3 has 17 of its 18 NVLinks', since a cable came loose.

What to do: have the cable or bridge of that GPU looked at; until then expect slow or
failing collectives.

Traps: counters count from when the driver was loaded, and begin again at a reset, so
only their growth is judged; a few errors an hour are corrected and cost nothing; only
GPUs of the run count.

Source: NVIDIA's DCGM, whose policy for PCIe replays is 8 a minute, and its documentation
of NVLink's CRC and recovery counters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import threshold
from runwatch.alerts.rules.machine.symptoms import Counter, Held, MachineRule, Symptom
from runwatch.core.block import Status
from runwatch.core.findings import Severity
from runwatch.core.machine import Machine

_ADVICE = "Look at nvidia-smi nvlink -s, nvidia-smi -q -d PCIE and dmesg; reseat or replace the link."


@dataclass
class GpuLinks(MachineRule):
    """Fires when NVLinks are lost, or links repeat what they send."""

    name: ClassVar[str] = "gpu_links"
    summary: ClassVar[str] = "The links of a GPU are failing: NVLinks down, or transfers repeated."

    seconds: float = threshold(60.0, "seconds for which a link is down")
    replays: float = threshold(8.0, "PCIe replays a minute that are a warning")
    errors: float = threshold(100.0, "NVLink errors a minute that are a warning")
    window: float = threshold(300.0, "seconds over which counters are compared", least=20.0)

    _most: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """GPU -> NVLinks that were active at the most."""
    _down: dict[str, Held] = field(default_factory=dict, init=False, repr=False)
    _counters: dict[str, Counter] = field(default_factory=dict, init=False, repr=False)

    def look(self, machine: Machine, status: Status) -> Iterator[Symptom]:
        """Judge the links of each GPU of the run."""
        for index in machine.owned():
            active = machine.value(f"gpu/{index}/nvlink_active", status.now)
            if active is not None:
                yield from self._links(index, active, status.now)
            for what, limit, words in (
                ("pcie_replays", self.replays, "repeats {:.0f} transfers a minute on PCIe"),
                ("nvlink_errors", self.errors, "has {:.0f} NVLink errors a minute"),
            ):
                name = f"gpu/{index}/{what}"
                count = machine.value(name, status.now)
                if count is None:
                    continue
                rate = self._counters.setdefault(name, Counter()).rate(status.now, count, self.window)
                if rate is not None and rate > limit:
                    title = f"GPU {index} {words.format(rate)}"
                    yield Symptom(name, Severity.WARNING, title, "a bad link", _ADVICE, {"per_minute": rate})
                elif rate is not None and rate <= limit / 4:
                    yield Symptom(name, None)

    def _links(self, index: str, active: float, now: float) -> Iterator[Symptom]:
        most = self._most[index] = max(active, self._most.get(index, 0.0))
        name = f"gpu/{index}/nvlink_active"
        if self._down.setdefault(index, Held()).hold(now, active < most) >= self.seconds:
            title = f"GPU {index} has {active:.0f} of its {most:.0f} NVLinks"
            yield Symptom(name, Severity.WARNING, title, "a link is down", _ADVICE, {"links": active})
        elif active >= most:
            yield Symptom(name, None)
