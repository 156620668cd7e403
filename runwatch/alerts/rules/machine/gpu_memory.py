"""A GPU's memory grows steadily and will be full soon.

Reason: a leak of a few MB a step ends a run after hours, at the worst moment.
Formula: over the last `seconds`, memory in use grew in each quarter of the time, by
`least` of the capacity in all, and reaches it within `soon` at that slope (the median
of all slopes). A warning; ends when it does not grow any more.

Example: 'the memory of GPU 0 will be full in 40m'.

What to do: save soon. Look for tensors that are kept from step to step (losses that are
summed with their graph, growing caches).

Traps: caching allocators are at 95 % and are healthy, so the level alone says
nothing; they grow in steps during the first steps, evaluation and checkpoints, and a
step up that stays is no growth; the first `begin` seconds of training are left out.

Source: Theil and Sen's slope; memory of real runs that rises by a quarter and stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import threshold
from runwatch.alerts.rules.common.trend import FEWEST, seconds_to
from runwatch.alerts.rules.machine.symptoms import Held, MachineRule, Symptom
from runwatch.core.block import Status
from runwatch.core.findings import Severity
from runwatch.core.machine import KEPT, MEAN, Machine
from runwatch.render.numbers import brief


@dataclass
class GpuMemory(MachineRule):
    """Fires when a GPU's memory will be full soon."""

    name: ClassVar[str] = "gpu_memory"
    summary: ClassVar[str] = "A GPU's memory grows steadily and will be full soon."

    seconds: float = threshold(3000.0, "seconds over which growth is judged", least=FEWEST * MEAN, most=KEPT)
    begin: float = threshold(600.0, "seconds of training that are left out")
    least: float = threshold(0.01, "growth that counts, as a part of the capacity")
    soon: float = threshold(7200.0, "seconds until it is full that are a warning")

    _training: Held = field(default_factory=Held, init=False, repr=False)

    def look(self, machine: Machine, status: Status) -> Iterator[Symptom]:
        """Judge each GPU of the run."""
        trains = status.phase not in {"starting", "warmup", "finished", "crashed"}
        if self._training.hold(status.now, trains) < self.begin + self.seconds:
            return
        for index in machine.owned():
            name = f"gpu/{index}/memory_used"
            total = machine.value(f"gpu/{index}/memory_total", status.now)
            if not total or not machine.window(name, status.now, self.seconds):
                continue
            points = machine.trails[name].points(status.now - self.seconds)
            left = seconds_to(points, total, least=self.least * total)
            if left is None:
                yield Symptom(name, None)
            elif left < self.soon:
                yield Symptom(
                    name,
                    Severity.WARNING,
                    f"the memory of GPU {index} will be full in {brief(left)}",
                    "it grows steadily: something keeps tensors (losses in a list, a graph never freed)",
                    "Save a checkpoint before; look for tensors kept across steps (detach, item).",
                    {"used": points[-1][1], "total": total, "seconds_left": round(left)},
                )
