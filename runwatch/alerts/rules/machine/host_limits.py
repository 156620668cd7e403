"""A limit of the system is nearly reached: shared memory, or the open files of a process.

Reason: a data worker that finds no room in /dev/shm dies of SIGBUS, and a process that
may open no more files fails at the next checkpoint or shard; neither is announced.
Formula: more than `shared` of the shared memory is in use, or a process of the run has
more than `files` of the files open that it may, for `seconds`: a warning. Ends below 0.9
of that.

Example: 'rank 0 (pid 4711) has 950 of its 1,024 files open': each shard that was read
is kept open.

What to do: enlarge /dev/shm (--shm-size) or the limit of open files (ulimit -n); close
what is not needed.

Traps: shared memory is filled for moments by batches on their way, so it must last;
others share it too, and a large one that others fill is still the run's trouble; a
process whose limits cannot be read is not judged.

Source: PyTorch's notes on sharing strategies, and its many issues about the 64 MB that
containers get.
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
from runwatch.core.machine import Machine
from runwatch.core.sample import process_key

_BACK = 0.9
"""Part of a threshold below which it is over."""


@dataclass
class HostLimits(MachineRule):
    """Fires when the run is about to be refused shared memory or another open file."""

    name: ClassVar[str] = "host_limits"
    summary: ClassVar[str] = "A limit is nearly reached: shared memory, or the open files of a process."

    shared: float = threshold(0.9, "part of /dev/shm in use that is a warning")
    files: float = threshold(0.8, "part of the open files allowed that is a warning")
    seconds: float = threshold(60.0, "seconds for which it must be so")

    _held: dict[str | None, Held] = field(default_factory=dict, init=False, repr=False)

    def look(self, machine: Machine, status: Status) -> Iterator[Symptom]:
        """Judge the shared memory, and each process that trains."""
        own, now = list(machine.own()), status.now
        if not own:
            return
        used, total = (machine.value(f"host/shm_{what}", now) for what in ("used", "total"))
        if used is not None and total:
            title = f"shared memory (/dev/shm) is {100 * used / total:.0f} % full"
            advice = "Raise its size (docker --shm-size), or lower data workers and prefetching."
            full = Symptom(
                "host/shm_used", Severity.WARNING, title, "", advice, {"used": used, "limit": total}
            )
            yield from self._judge(full, used, self.shared * total, now)
        for process in own:
            name = f"proc/{process_key(process)}/fds"
            fds, limit = machine.value(name, now), machine.value(f"{name[:-3]}fd_limit", now)
            if fds is not None and limit:
                title = f"{name_of(process)} has {fds:,.0f} of its {limit:,.0f} files open"
                advice = "Find what is opened and never closed (ls /proc/PID/fd), or raise ulimit -n."
                seen = {"open_files": fds, "file_limit": limit}
                full = Symptom(name, Severity.WARNING, title, "", advice, seen)
                yield from self._judge(full, fds, self.files * limit, now)

    def _judge(self, full: Symptom, used: float, most: float, now: float) -> Iterator[Symptom]:
        held = self._held.setdefault(full.metric, Held()).hold(now, used > most)
        if held >= self.seconds:
            yield full
        elif used < _BACK * most:
            yield Symptom(full.metric, None)
