"""A GPU of the run is slowed by heat or by its power supply.

Reason: one hot GPU slows all ranks by a third, and no log shows it.
Formula: for half (`part`) of the last `seconds` the driver named heat, a power brake or
a hardware slowdown as the reason for lower clocks. A warning. Ends when it was less
than half of `part`. Or it has been no more than `margin` degrees below where it slows
down for `close` seconds: a warning, which ends at twice the margin.

Example: 'GPU 5 is slowed: hardware thermal', at 60 % of its clock.

What to do: look at the fans, the air and the power supply of that node; take it out if
others wait for it.

Traps: the power cap is normal at full load and never alarms, nor do idle clocks and
clocks that a user has set.

Source: the clock event reasons of NVML; gpud's rate of hardware slowdowns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import threshold
from runwatch.alerts.rules.machine.symptoms import Held, MachineRule, Symptom
from runwatch.core.block import Status
from runwatch.core.findings import Severity
from runwatch.core.machine import KEPT, SLOWED, Machine
from runwatch.core.sample import throttle_reasons


@dataclass
class GpuSlowed(MachineRule):
    """Fires when heat or power supply slow a GPU for long."""

    name: ClassVar[str] = "gpu_slowed"
    summary: ClassVar[str] = "A GPU of the run is slowed by heat or by its power supply."

    seconds: float = threshold(600.0, "seconds over which it is judged", most=KEPT)
    part: float = threshold(0.5, "part of them in which it was slowed")
    margin: float = threshold(5.0, "degrees below its limit that are a warning")
    close: float = threshold(300.0, "seconds for which it is that close")

    _reasons: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """GPU -> the newest reasons that were no normal ones."""
    _close: dict[str, Held] = field(default_factory=dict, init=False, repr=False)

    def look(self, machine: Machine, status: Status) -> Iterator[Symptom]:
        """Judge each GPU of the run."""
        for index in machine.owned():
            yield from self._near(machine, index, status.now)
            bits = int(machine.value(f"gpu/{index}/throttle", status.now) or 0) & SLOWED
            self._reasons[index] = bits or self._reasons.get(index, 0)
            means = machine.window(f"gpu/{index}/slowed", status.now, self.seconds)
            if not means:
                continue
            part = sum(means) / len(means)
            metric = f"gpu/{index}/throttle"
            if part < self.part / 2:
                yield Symptom(metric, None)
            elif part >= self.part:
                words = ", ".join(throttle_reasons(self._reasons[index]))
                yield Symptom(
                    metric,
                    Severity.WARNING,
                    f"GPU {index} is slowed: {words}",
                    "cooling or power supply",
                    "Check fans, air and power of the node; compare with its other GPUs.",
                    {
                        "part_of_time": round(part, 3),
                        "temperature": machine.value(f"gpu/{index}/temperature", status.now),
                        "sm_clock": machine.value(f"gpu/{index}/sm_clock", status.now),
                        "sm_clock_max": machine.value(f"gpu/{index}/sm_clock_max", status.now),
                    },
                )

    def _near(self, machine: Machine, index: str, now: float) -> Iterator[Symptom]:
        """Judge how far it is from where it slows down."""
        left, metric = (
            machine.value(f"gpu/{index}/temperature_margin", now),
            f"gpu/{index}/temperature_margin",
        )
        if left is None:
            return
        held = self._close.setdefault(index, Held()).hold(now, left <= self.margin)
        if held >= self.close:
            title = f"GPU {index} is {left:.0f} °C below where it slows down"
            advice = "Check fans and air of the node; compare with its other GPUs."
            yield Symptom(metric, Severity.WARNING, title, "cooling", advice, {"margin": left})
        elif left > 2 * self.margin:
            yield Symptom(metric, None)
