"""Processes of the run are stuck in the kernel, waiting for storage.

Reason: a sick mount or disk stops a run for minutes to hours before anything says so.
Formula: two of three signs: a training process or data worker in uninterruptible sleep
for most of the last `seconds`; the machine waiting for input or output (PSI,
full, over a minute) for more than `pressure` of the time; a file system of the run that
takes more than `slow` seconds to answer, or does not. A warning; critical once it has
held for `long` and training moves no more. Ends when no sign is left.

Example: 'the run waits for /data', python (pid 4711) is blocked in the kernel.

What to do: see whether the mount or disk that is named answers (df, dmesg), and who can fix
it. Killing the processes will not help while the kernel holds them.

Traps: short waits in D are normal while a checkpoint is written, and loading weights
or data for the first time causes pressure, so one sign alone says nothing.

Source: the kernel's pressure stall information and its hung task detector (120 s).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import threshold
from runwatch.alerts.rules.common.witness import name_of
from runwatch.alerts.rules.machine.symptoms import Held, MachineRule, Symptom
from runwatch.core.block import Status
from runwatch.core.findings import Severity
from runwatch.core.machine import KEPT, Machine
from runwatch.core.sample import process_key

_MOST = 0.75


@dataclass
class IoStall(MachineRule):
    """Fires when storage holds up the run's processes."""

    name: ClassVar[str] = "io_stall"
    summary: ClassVar[str] = "Processes of the run are stuck in the kernel, waiting for storage."

    seconds: float = threshold(60.0, "seconds over which it is judged", most=KEPT)
    pressure: float = threshold(0.2, "part of a minute in which the machine waited for input or output")
    slow: float = threshold(5.0, "seconds for an answer of a file system that are a sign")
    long: float = threshold(300.0, "seconds after which it is critical, if training makes no progress")

    _holds: Held = field(default_factory=Held, init=False, repr=False)

    def look(self, machine: Machine, status: Status) -> Iterator[Symptom]:
        """Count the signs."""
        if not any(machine.own()):
            return
        now = status.now
        stuck = [process for process in machine.own() if self._stuck(machine, process_key(process), now)]
        pressure = machine.value("host/io_pressure_60", now)
        slow = [space.mount for space in machine.spaces.values() if space.seconds > self.slow]
        slow += [
            name.removeprefix("space ")
            for name, blind in machine.blind.items()
            if name.startswith("space") and blind.cause == "silent"
        ]
        pressed = pressure is not None and pressure > self.pressure
        signs = bool(stuck) + pressed + bool(slow)
        held = self._holds.hold(now, signs >= 2)
        if not signs:
            yield Symptom("host/io_pressure", None)
        elif signs >= 2:
            waits = next((process.waits for process in stuck if process.waits), "")
            where = ", ".join(slow) or waits or "storage"
            grave = held >= self.long and status.silent_for >= self.long
            yield Symptom(
                "host/io_pressure",
                Severity.CRITICAL if grave else Severity.WARNING,
                f"the run waits for {where}",
                f"{name_of(stuck[0])} is blocked in the kernel" if stuck else "the file system is slow",
                "See whether the mount answers (df) and what dmesg says of it.",
                {
                    "blocked": ", ".join(name_of(process) for process in stuck[:4]) or None,
                    "io_pressure": pressure,
                    "slow_mounts": ", ".join(slow) or None,
                },
            )

    def _stuck(self, machine: Machine, key: str, now: float) -> bool:
        for what in ("blocked", "workers_blocked"):
            means = machine.window(f"proc/{key}/{what}", now, self.seconds)
            if means and sum(means) / len(means) >= _MOST:
                return True
        return False
