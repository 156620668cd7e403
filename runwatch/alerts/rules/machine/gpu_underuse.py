"""GPUs of the run do little, though it trains; and what they wait for.

Reason: a GPU that waits for data costs as much as one that works.
Formula: while the run has been training for `seconds`, and for 24 usual rows if these
take longer (at most half an hour), without a pause, the median use of its GPUs over
that time is below `drop` of what it was in its best hour: a warning; or it is below
`low`, and always was: a note. Use is SM activity where the driver shows
it, else utilization. Ends at twice `low`, or at 0.75 of the usual use.
Cause, the first that fits: processes blocked in the kernel or the machine waiting for
disks (storage); data workers that use their cores, or a machine without idle ones
(decoding); a training process at a full core (Python, launches); one GPU idle next to
busy ones (device map, dead rank).

Example: 'the GPUs are 31 % busy while training, usually 88 %', its processes wait for
storage.

What to do: look at what it waits for, which the alarm names: storage, decoding, one
Python core, or another GPU.

Traps: small models on large GPUs are slow by nature, so a low level alone is a note;
evaluation, checkpoints and starts are no training, and two rests of up to three rows that
no line reports, with a few slow rows near them, are no half of 24; GPUs that are not
known to be the run's are not judged; a run that makes no progress is a hang.

Source: the order of causes in the studies of underused GPUs by Microsoft (Philly,
Jeon et al. 2019; Gao et al. 2024).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import threshold
from runwatch.alerts.rules.common.pace import Pace
from runwatch.alerts.rules.machine.symptoms import Held, MachineRule, Symptom
from runwatch.core.block import Block, Status
from runwatch.core.findings import Finding, Severity
from runwatch.core.machine import KEPT, Machine
from runwatch.core.sample import process_key

_SPAN = 1800.0
"""Most seconds over which use is judged, for the sake of slow rows; an hour is remembered."""
_ROWS = 24
"""Usual rows over which it is judged, where these take longer."""


@dataclass
class GpuUnderuse(MachineRule):
    """Fires when the run's GPUs wait, and says for what."""

    name: ClassVar[str] = "gpu_underuse"
    summary: ClassVar[str] = "The run's GPUs do little while it trains; says what they wait for."
    needs_log: ClassVar[bool] = True

    seconds: float = threshold(600.0, "seconds of training over which use is judged", most=KEPT)
    low: float = threshold(0.3, "use below which it is noted")
    drop: float = threshold(0.5, "part of its usual use below which it is a warning")
    still: float = threshold(60.0, "seconds without progress (or three usual rows) that are a pause")

    _pace: Pace = field(default_factory=Pace, init=False, repr=False)
    _best: float | None = field(default=None, init=False, repr=False)
    """Highest median use of an hour so far."""
    _span: float = field(default=0.0, init=False, repr=False)
    """Seconds over which use is judged now."""
    _training: Held = field(default_factory=Held, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Learn how far apart rows are: what is no longer than three of that is no pause."""
        self._pace.push(block)
        return ()

    def look(self, machine: Machine, status: Status) -> Iterator[Symptom]:
        """Judge the GPUs of the run together."""
        self._span = max(self.seconds, min(_SPAN, _ROWS * self._pace.median))
        usual = self._usual(machine, status.now)
        self._best = max((use for use in (self._best, usual) if use is not None), default=None)
        still = max(self.still, 3 * self._pace.median)
        trains = status.phase == "training" and status.silent_for < still
        if self._training.hold(status.now, trains) < self._span:
            return
        use = {index: self._use(machine, index, status.now) for index in machine.owned()}
        known = {index: median for index, median in use.items() if median is not None}
        if not known:
            return
        now = statistics.median(known.values())
        usual = self._best
        fell = usual is not None and now < self.drop * usual
        if now >= 2 * self.low or (usual is not None and usual >= self.low and now >= 0.75 * usual):
            yield Symptom("gpu/use", None)
        elif fell or now < self.low:
            cause, advice, evidence = starved_of(machine, status.now, known)
            was = f", usually {100 * usual:.0f} %" if usual is not None else ""
            yield Symptom(
                "gpu/use",
                Severity.WARNING if fell else Severity.INFO,
                f"the GPUs are {100 * now:.0f} % busy while training{was}",
                cause,
                advice,
                {"use": round(now, 3), "usual_use": usual, **evidence},
            )

    def _use(self, machine: Machine, index: str, now: float) -> float | None:
        means = machine.window(_measure(machine, index), now, self._span)
        return statistics.median(means) if means else None

    def _usual(self, machine: Machine, now: float) -> float | None:
        """Return the median use in the hour before the time that is judged; None if little is known."""
        found = []
        for index in machine.owned():
            trail = machine.trails.get(_measure(machine, index))
            found += [mean for t, mean in trail.points() if t < now - self._span] if trail else []
        enough = len(found) * 10.0 >= self.seconds * max(1, len(machine.owned()))
        return statistics.median(found) if enough else None


def _measure(machine: Machine, index: str) -> str:
    return f"gpu/{index}/{'sm_activity' if machine.gpu(index).measure == 'sm_activity' else 'util'}"


def starved_of(
    machine: Machine, now: float, use: dict[str, float]
) -> tuple[str, str, dict[str, float | int | str | None]]:
    """Return (cause, advice, evidence) of GPUs that wait, from what the processes did in the last minute."""
    own = [process_key(process) for process in machine.own()]

    def mean(name: str) -> float:
        means = machine.window(name, now, 60.0)
        return sum(means) / len(means) if means else 0.0

    blocked = max(
        (mean(f"proc/{key}/{what}") for key in own for what in ("blocked", "workers_blocked")), default=0
    )
    cores = max((mean(f"proc/{key}/cores") for key in own), default=0.0)
    workers = sum(machine.value(f"proc/{key}/workers", now) or 0.0 for key in own)
    decoding = sum(mean(f"proc/{key}/workers_cores") for key in own)
    io, cpu = mean("host/io_pressure"), mean("host/cpu")
    evidence: dict[str, float | int | str | None] = {
        "io_pressure": round(io, 3),
        "host_cpu": round(cpu, 3),
        "main_cores": round(cores, 2),
        "workers": workers,
        "workers_cores": round(decoding, 2),
    }
    if blocked > 0.3 or io > 0.2:
        return "its processes wait for storage", "Look at the data's mount; cache or prefetch more.", evidence
    if (workers and decoding >= 0.9 * workers) or cpu > 0.95:
        advice = "Add data loader workers or cores, or prepare the data beforehand."
        return "preparing data uses all processors it has", advice, evidence
    if min(use.values()) < 0.05 and max(use.values()) > 0.5:
        idle = ", ".join(index for index, part in use.items() if part < 0.05)
        return f"GPU {idle} idles, others are busy", "Check the device map and that all ranks live.", evidence
    if cores >= 0.95:
        advice = "Fuse or compile small kernels, or move work out of the training loop; see with py-spy."
        return "the training process is bound by one core", advice, evidence
    return "", "See where the training process waits (py-spy dump) and compare data with step time.", evidence
