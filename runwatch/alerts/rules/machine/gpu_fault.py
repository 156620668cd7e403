"""A GPU of the run failed: lost, an Xid error, memory that cannot be corrected, a driver that is silent.

Reason: a lost GPU stops every rank, and often nothing is printed; an uncorrectable
memory error makes numbers wrong before it stops anything.
Formula: a GPU that no longer answers is critical; an Xid of the hardware or driver,
an uncorrectable memory error after the first look, a failed row remap or a driver that
asks for a reset is critical; a pending remap, more than `corrected` corrected errors an
hour and other Xids are warnings. Xids by
which the driver only cleans up after a program (43, 45 and their like) are not reported.
An Xid incident ends after `quiet` seconds without another.

Example: 'GPU 3 reports Xid 79': it has fallen off the bus.

What to do: drain the node and reset the GPU; have it tested if the error comes back.
Resume elsewhere from the last checkpoint.

Traps: only GPUs of the run count, until a minute after its process has ended, which the
fault often ends before it is seen; where it is not known which are, all of the machine
do, one degree less severe. 13 and 31 mostly are bugs of the program: warnings, and the
crash that follows shows the rest; on a GPU that others use too they are a note, since
the driver does not say whose program it was.

Source: NVIDIA's catalogue of Xid errors, and its classes in gpud.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import threshold
from runwatch.alerts.rules.machine.symptoms import BEFORE, Counter, MachineRule, Symptom
from runwatch.core.block import Status
from runwatch.core.findings import Severity
from runwatch.core.machine import Machine

CLEANUP = frozenset({
    37, 38, 43, 44, 45, 66, 67, 93, 106, 107, 137, 141, 152, 153, 157, 162, 163, 164, 165, 170,
})  # fmt: skip
"""Xids that follow from the end of a program, or are only for information."""
CRITICAL_XIDS = frozenset({
    46, 48, 62, 64, 74, 79, 81, 94, 95, 109, 110, 119, 120, 136, 140, 143,
    *range(144, 151), 155, 156, 158, 167, 171, 172,
})  # fmt: skip
"""Xids after which the GPU, or what it holds, cannot be relied on."""
_PROGRAM = frozenset({13, 31})
"""Xids of an invalid access by a program."""
_AFTER = 60.0
"""Seconds after the end of its process for which a GPU is still the run's."""
_REPLACE = "Take the node out of the job and look at dmesg; relaunch from the last complete checkpoint."
_RESET = "Reset the GPU (nvidia-smi --gpu-reset) before the next run."


@dataclass
class GpuFault(MachineRule):
    """Fires when a GPU of the run, or its driver, fails."""

    name: ClassVar[str] = "gpu_fault"
    summary: ClassVar[str] = "A GPU of the run failed: lost, an Xid error, or bad memory."

    quiet: float = threshold(3600.0, "seconds without another Xid after which its incident ends")

    corrected: float = threshold(
        100.0, "memory errors an hour that could be corrected, from which it is reported"
    )

    _taken: int = field(default=0, init=False, repr=False)
    _since: float | None = field(default=None, init=False, repr=False)
    _xids: dict[str, tuple[float, int, Severity]] = field(default_factory=dict, init=False, repr=False)
    """GPU -> when it last reported an Xid, which, and how severe that was."""
    _ecc: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """GPU -> uncorrectable errors at the first look."""
    _owned: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """GPU -> when it was last known to be the run's."""
    _shared: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """GPU -> when others were last known to use it too."""
    _corrected: dict[str, Counter] = field(default_factory=dict, init=False, repr=False)

    def look(self, machine: Machine, status: Status) -> Iterator[Symptom]:
        """Judge the driver, each GPU of the run, and what they reported."""
        owned = self._own(machine, status.now)
        self._take(machine, status.now)
        blind = machine.blind.get("gpu")
        if blind is not None and blind.cause == "silent":
            evidence: dict[str, float | int | str | None] = {"message": blind.message}
            advice = "Look at dmesg for Xid errors, and whether nvidia-smi hangs too."
            yield Symptom("gpu", Severity.WARNING, "the NVIDIA driver does not answer", "", advice, evidence)
        else:
            yield Symptom("gpu", None)
        for gpu in machine.gpus:
            index = gpu.index
            if owned and index not in owned and index.partition(":")[0] not in owned:
                continue
            for symptom in self._judge(machine, index, gpu.state == "lost", status.now):
                doubtful = symptom.severity is Severity.INFO or (symptom.severity is not None and not owned)
                yield _milder(symptom) if doubtful else symptom

    def _own(self, machine: Machine, now: float) -> set[str]:
        """Return the GPUs that are the run's, or were until a moment ago."""
        owned = machine.owned()
        shared = [index for index in owned if machine.is_shared(index)]
        self._owned, self._shared = _until(self._owned, owned, now), _until(self._shared, shared, now)
        return set(self._owned)

    def _take(self, machine: Machine, now: float) -> None:
        self._since = now - BEFORE if self._since is None else self._since
        self._taken, news = machine.events(self._taken)
        for event in news:
            if event.kind == "xid" and event.gpu is not None and event.xid is not None:
                if event.xid in CLEANUP or event.time < self._since:
                    continue
                severity = Severity.CRITICAL if event.xid in CRITICAL_XIDS else Severity.WARNING
                if event.xid in _PROGRAM and event.gpu in self._shared:
                    severity = Severity.INFO
                before = self._xids.get(event.gpu)
                if before is None or severity.rank >= before[2].rank:
                    self._xids[event.gpu] = event.time, event.xid, severity

    def _judge(self, machine: Machine, index: str, lost: bool, now: float) -> Iterator[Symptom]:
        if lost:
            title = f"GPU {index} does not answer any more"
            yield Symptom(
                f"gpu/{index}",
                Severity.CRITICAL,
                title,
                "it fell off the bus or needs a reset",
                _REPLACE,
                {"name": machine.gpu(index).name, "bus": machine.gpu(index).bus},
            )
            return
        yield Symptom(f"gpu/{index}", None)
        if index in self._xids:
            at, xid, severity = self._xids[index]
            over = now - at > self.quiet
            if over:
                del self._xids[index]
            cause = "the program made an invalid access" if xid in _PROGRAM else "hardware or driver fault"
            yield Symptom(
                f"gpu/{index}/xid",
                None if over else severity,
                f"GPU {index} reports Xid {xid}",
                cause,
                _REPLACE if severity is Severity.CRITICAL else "Look at dmesg; repeated, it is hardware.",
                {"xid": xid},
            )
        yield from self._memory(machine, index, now)

    def _memory(self, machine: Machine, index: str, now: float) -> Iterator[Symptom]:
        head = f"gpu/{index}"
        count = machine.value(f"{head}/ecc_uncorrected", now)
        if count is not None:
            first = self._ecc[index] = min(self._ecc.get(index, count), count)
            more = count - first
            yield Symptom(
                f"{head}/ecc_uncorrected",
                Severity.CRITICAL if more > 0 else None,
                f"GPU {index} has {more:.0f} uncorrectable memory errors",
                "its memory is failing: results since may be wrong",
                _REPLACE,
                {"errors": more},
            )
        count = machine.value(f"{head}/ecc_corrected", now)
        rate = (
            self._corrected.setdefault(index, Counter()).rate(now, count, 3600.0)
            if count is not None
            else None
        )
        if rate is not None:
            title = f"GPU {index} had {60 * rate:.0f} memory errors within an hour, which were corrected"
            bad = Severity.WARNING if 60 * rate > self.corrected else None
            if bad or 60 * rate < self.corrected / 2:
                yield Symptom(f"{head}/ecc_corrected", bad, title, "its memory wears out", _RESET)
        failed, pending = (machine.value(f"{head}/remap_{what}", now) for what in ("failed", "pending"))
        if failed is not None or pending is not None:
            severity = Severity.CRITICAL if failed else Severity.WARNING if pending else None
            title = f"GPU {index} {'could not replace' if failed else 'is to replace'} a bad row of memory"
            yield Symptom(f"{head}/remap", severity, title, "", _REPLACE if failed else _RESET)
        action = machine.value(f"{head}/recovery_action", now)
        if action is not None:
            severity = Severity.CRITICAL if action >= 2 else Severity.WARNING if action >= 1 else None
            yield Symptom(
                f"{head}/recovery_action", severity, f"the driver asks to reset GPU {index}", "", _RESET
            )


def _until(before: dict[str, float], indices: Iterable[str], now: float) -> dict[str, float]:
    """Return which GPUs were in a set last when, without those that left it a while ago."""
    return {index: t for index, t in (before | dict.fromkeys(indices, now)).items() if now - t <= _AFTER}


def _milder(symptom: Symptom) -> Symptom:
    """Return a symptom of a GPU that may not be the run's."""
    milder = Severity.WARNING if symptom.severity is Severity.CRITICAL else Severity.INFO
    return symptom._replace(severity=milder, title=f"{symptom.title} (it may not be of this run)")
