"""A file system that the run writes to is full, read-only, or will be full soon.

Reason: a checkpoint that cannot be written is lost work, and often the end of the run.
Formula: less than `least` bytes free, or mounted read-only: critical; under `inodes` of its
inodes left: a warning. Free space shrank in each quarter of the last `trend`
seconds and will be gone within `soon`: a warning, within `very_soon`: critical.

Example: '/scratch will be full in 3h'.

What to do: delete or move something now; the next checkpoint fails.

Traps: large shared file systems are healthy at 98 %, so the level alone says nothing;
checkpoints that are rotated make a saw-tooth, which is no trend.

Source: Theil and Sen's slope; statvfs shows what an ordinary user may write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from runwatch.alerts.rules.base import threshold
from runwatch.alerts.rules.common.trend import FEWEST, seconds_to
from runwatch.alerts.rules.machine.symptoms import MachineRule, Symptom
from runwatch.core.block import Status
from runwatch.core.findings import Severity
from runwatch.core.machine import KEPT_ROOM, MEAN_ROOM, Machine
from runwatch.core.sample import Space
from runwatch.render.numbers import brief

_ADVICE = "Free space, or keep fewer checkpoints."
_FRESH = 300.0


@dataclass
class DiskFull(MachineRule):
    """Fires when there is or soon will be no room to write."""

    name: ClassVar[str] = "disk_full"
    summary: ClassVar[str] = "A file system that the run writes to is full or will be soon."

    least: float = threshold(256e6, "free bytes that are critical")
    inodes: float = threshold(0.005, "part of the inodes left that is a warning")
    trend: float = threshold(
        7200.0, "seconds over which a trend is judged", least=FEWEST * MEAN_ROOM, most=KEPT_ROOM
    )
    soon: float = threshold(28800.0, "seconds until it is full that are a warning")
    very_soon: float = threshold(7200.0, "seconds until it is full that are critical")

    def look(self, machine: Machine, status: Status) -> Iterator[Symptom]:
        """Judge each mount; one that a finished run no longer writes to does not matter."""
        if status.finished or status.phase in {"finished", "crashed"}:
            return
        for mount, space in machine.spaces.items():
            if status.now - space.time <= _FRESH:
                yield self._judge(machine, mount, space, status.now)

    def _judge(self, machine: Machine, mount: str, space: Space, now: float) -> Symptom:
        name = f"space {mount}"
        evidence: dict[str, float | int | str | None] = {
            "free": space.free,
            "total": space.total,
            "inodes_free": space.inodes_free,
            "file_system": space.fstype,
        }
        if space.read_only:
            title = f"{mount} is mounted read-only: nothing can be saved there"
            return Symptom(
                name, Severity.CRITICAL, title, "often an error of the disk", "See dmesg.", evidence
            )
        if space.total and space.free < self.least:
            return Symptom(name, Severity.CRITICAL, f"{mount} is full", "", _ADVICE, evidence)
        trail = machine.rooms[mount]
        points = trail.points(now - self.trend) if trail.window(now, self.trend) else []
        gone = seconds_to(points, 0.0, least=0.01 * space.total)
        if gone is not None and gone < self.soon:
            severity = Severity.CRITICAL if gone < self.very_soon else Severity.WARNING
            evidence["seconds_left"] = round(gone)
            return Symptom(name, severity, f"{mount} will be full in {brief(gone)}", "", _ADVICE, evidence)
        if space.inodes_free < self.inodes * space.inodes_total:
            title = f"{mount} has room for {space.inodes_free:,} more files only"
            return Symptom(name, Severity.WARNING, title, "", "Delete small files.", evidence)
        return Symptom(name, None)
