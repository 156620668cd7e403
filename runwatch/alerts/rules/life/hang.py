"""Training makes no progress any more, though it is not finished and did not crash.

Reason: a deadlocked collective or a dead mount prints nothing, and holds every GPU
of the job until somebody looks.
Formula: silence is judged against max(`least`, 10 median gaps, 3 longest gaps),
gaps being seconds between training rows: step time times steps per row where the
log has it, else time between live arrivals. In 628 hours of real runs this raised
no false alarm, where 3 median gaps raised 42. From half of it on it is shown, not sent. Evaluation and
checkpoints may take `pause` seconds or 3 times their longest so far, and so may what follows the last
planned step; a start `starting` seconds. While files of a checkpoint are written, nothing is silent.
While the run has not yet shown how long its pauses are (`familiar` silences above 3 median gaps that
ended well), `unfamiliar` seconds are the least, and the median gaps count as many times more: where
rows are minutes apart, so are its pauses. A process of the run that a signal has stopped for `stopped`
seconds, in which training did not move, needs no longer silence.

Example: 'no progress while evaluating, since step 4,200'.

What to do: see whether the processes live. If they do, look where they are (py-spy
dump) on every rank and whether the mounts answer; then kill the job and resume from the
last checkpoint. If they do not, the scheduler and dmesg say why.

Traps: many programs end without saying so. Where neither the run's length nor a
process of it is known, silence is a warning: it hangs, or it has ended; and nothing is
said of a log that did not grow since it is watched: it had ended before. Where its
length is known, that is a warning too, until a process of it is found. Buffered output
arrives in bursts and fakes silence; while other lines still arrive, three times the
silence is asked for, as while a process of the run works on a machine with too few
processors. A crash explains silence and is not a hang, nor is a run whose processes
have ended. What they do goes along as evidence (where they are in their code only if
`stack` is set, since it reads their memory). Of a log at rest that just ends a note
says so, if it is known how far it should go, or within an epoch: it may be a copy, its
run may continue elsewhere, and many programs end without a word.

Sources: NVIDIA's resiliency extension, whose timeouts are multiples of the longest
gap; measured on 628 hours of real runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runwatch.alerts.rules.base import Place, RunRule, last_place, place, threshold
from runwatch.alerts.rules.common.lastwords import LastWords
from runwatch.alerts.rules.common.pace import Pace
from runwatch.alerts.rules.common.saving import saving_since_training
from runwatch.alerts.rules.common.witness import witness
from runwatch.core.block import Block, Status
from runwatch.core.ending import COMPLETE, End
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.sample import process_key
from runwatch.render import numbers

_ADVICE = "Look at the stacks of all ranks (py-spy dump), GPU power and the mounts it reads and writes."
_ENDED = (
    "If it still runs, look at its stacks (py-spy dump); if not, at the scheduler, dmesg and the OOM killer."
)
_QUIET_PHASES = frozenset({"finished", "crashed"})
_BEHIND = "behind the last step"
_PAUSES = frozenset({"evaluating", "checkpointing", _BEHIND})
"""Phases in which no training row is due."""
_STARTS = frozenset({"starting", "warmup"})
_PRESSURE = 0.5
"""Part of the time in which something waited for a processor, from which a machine is crowded."""
_CROWDED = 3.0
"""Multiple of the silence that is a hang there, while the run gets some of a processor."""
_IDLE = 0.05
"""Cores below which a process does nothing."""


@dataclass
class Hang(RunRule):
    """Fires when nothing has moved for much longer than usual."""

    name: ClassVar[str] = "hang"
    summary: ClassVar[str] = "Training makes no progress, though it is neither finished nor crashed."

    least: float = threshold(300.0, "seconds of silence below which nothing is a hang")
    unfamiliar: float = threshold(600.0, "the same, while the run's pauses are not known yet")
    familiar: int = threshold(5, "silences above 3 median gaps that ended well, from which they are known")
    medians: float = threshold(10.0, "median gaps between training rows that are a hang")
    longest: float = threshold(3.0, "longest gaps so far that are a hang")
    pause: float = threshold(600.0, "seconds an evaluation or checkpoint may always take")
    starting: float = threshold(900.0, "seconds a start may take")
    stopped: float = threshold(15.0, "seconds for which a process of the run may be stopped by a signal")
    complete: ClassVar[float] = COMPLETE
    """Progress from which a log that ends is finished."""

    stack: bool = threshold(False, "whether to look where processes are, with py-spy, once it is pending")

    _pace: Pace = field(default_factory=Pace, init=False, repr=False)
    _silence: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """Longest silence of each phase since training last moved."""
    _pauses: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    """Longest silence of each phase that ended well."""
    _paused: int = field(default=0, init=False, repr=False)
    """Silences far above the usual gap that ended well."""
    _launching: bool = field(default=False, init=False, repr=False)
    """Whether it said that it starts or resumes, and has not moved since."""
    _words: LastWords = field(default_factory=LastWords, init=False, repr=False)
    _open: Verdict | None = field(default=None, init=False, repr=False)
    _doubted: bool = field(default=False, init=False, repr=False)
    """Whether it was reported though the run may have ended before anyone watched it."""
    _stopped_at: float | None = field(default=None, init=False, repr=False)
    """Unix time since which a process of the run is seen to be stopped."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Learn how long gaps are; progress ends a hang."""
        self._pace.push(block)
        self._words.push(block)
        progress = block.progress
        last_progress = float(progress.offset[-1]) if progress is not None else -1.0
        resumed = max((e.offset for e in block.events if e.kind in {"resume", "start"}), default=-1.0)
        self._launching = resumed > last_progress if resumed >= 0 or last_progress >= 0 else self._launching
        if progress is None:
            return ()
        for phase, silence in self._silence.items():
            self._pauses[phase] = max(self._pauses.get(phase, 0.0), silence)
            self._paused += silence > 3 * self._pace.median > 0
        self._silence.clear()
        if self._open is None:
            return ()
        self._open = None
        return [self.clear(place(progress, 0))]

    def timeout(self, phase: str, *, patient: bool = True) -> float:
        """Return the seconds of silence that are a hang in `phase`.

        Where not `patient`, median gaps count no more while the pauses are not known.
        """
        strange = (
            max(1.0, self.unfamiliar / self.least) if self._paused < self.familiar and self.least else 1.0
        )
        least = max(self.least * strange, self.medians * self._pace.median * (strange if patient else 1.0))
        longest = max(self._pace.longest, self._pauses.get(phase, 0.0))
        usual = max(least, self.longest * longest)
        if phase in _PAUSES:
            return max(usual, self.pause)
        if phase in _STARTS or self._launching:
            return max(usual, self.starting)
        return usual

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge the silence at this moment."""
        ended = status.machine is not None and status.machine.ended is not None
        if status.finished or self._words.fatal or ended or status.phase in _QUIET_PHASES:
            return self._calm(status)
        if not status.live:
            return self._judge_end(status, self.timeout(status.phase))
        saved = saving_since_training(status)
        phase = _awaited(status, saves=saved is not None)
        limit = self.timeout(phase) * (_CROWDED if _starves(status) else 1.0)
        alive = status.machine is not None and any(status.machine.own())
        unknown = status.fraction is None and not self._within(status)
        if unknown and not alive and not status.lived:
            return self._calm(status)
        over = not alive and (unknown or not status.lived)
        self._silence[phase] = max(self._silence.get(phase, 0.0), status.silent_for)
        halted = self._halted(status)
        silent_for = status.silent_for if saved is None else status.now - saved
        if silent_for < limit / 2 and not halted:
            return self._calm(status)
        quiet = status.log_silent_for >= min(silent_for, limit) / 2
        lasted = silent_for >= (limit if quiet else 3 * self.timeout(phase, patient=False))
        firing = lasted or halted
        verdict = Verdict.FIRING if firing else Verdict.PENDING
        certain = self._doubted and firing and not over
        if self._open in {verdict, Verdict.FIRING} and not certain:
            return ()
        self._open, self._doubted = verdict, over
        severity = Severity.CRITICAL if firing and not over else Severity.WARNING
        what = "stopped by a signal" if halted else "no progress"  # for how long is its age, which grows
        title = f"{what} {phase if phase == _BEHIND else f'while {phase}'}"
        title += f", since {Place(status.last_step, None)}" if status.last_step is not None else ""
        if over:
            title += ": it hangs, or has ended without a word"
        return [self._finding(verdict, severity, title, status, limit)]

    def _halted(self, status: Status) -> bool:
        """Whether a process of the run has been stopped for long, and training did not move since."""
        own = status.machine.own() if status.machine is not None else ()
        if not any(process.state == "stopped" for process in own):
            self._stopped_at = None
            return False
        self._stopped_at = status.now if self._stopped_at is None else self._stopped_at
        return min(status.now - self._stopped_at, status.silent_for) >= self.stopped

    def _judge_end(self, status: Status, limit: float) -> Sequence[Finding]:
        """Judge a log that nobody writes any more, and that shows no end."""
        if status.silent_for <= limit or self._open is Verdict.FIRING:
            return ()
        last = last_place(status)
        if status.fraction is not None and status.fraction < self.complete:
            title = f"log ends at {last} of {numbers.step(status.total)} without an error or a finish line"
        elif self._within(status):
            title = f"log ends within an epoch, at {last}, without an error or a finish line"
        elif status.fraction is None and status.phase == "evaluating":
            title = f"log ends in an evaluation after {last}, and shows no result or end"
        else:
            return ()
        self._open = Verdict.FIRING
        return [self._finding(Verdict.FIRING, Severity.INFO, title, status, limit, _ENDED)]

    def _within(self, status: Status) -> bool:
        """Whether it is within an epoch, where a run does not end by itself."""
        return status.epoch is not None and status.epoch < self.complete and not status.last_row

    def _calm(self, status: Status) -> Sequence[Finding]:
        if self._open is None:
            return ()
        self._open = None
        return [self.clear(last_place(status))]

    def _finding(
        self,
        verdict: Verdict,
        severity: Severity,
        title: str,
        status: Status,
        limit: float,
        advice: str = _ADVICE,
    ) -> Finding:
        seen = witness(status.machine, status.now, status.now - status.silent_for)
        return self.say(
            verdict,
            severity,
            title,
            last_place(status),
            cause=seen.cause,
            advice=seen.advice or advice,
            evidence={
                "ending": (End.HUNG if status.live else End.VANISHED).value,
                "silent_for": status.silent_for,
                "log_silent_for": status.log_silent_for,
                "timeout": limit,
                "phase": status.phase,
                "median_gap": self._pace.median,
                "longest_gap": self._pace.longest,
                **seen.evidence,
            },
        )


def _starves(status: Status) -> bool:
    """Whether the machine has too few processors for what it runs, and a process of the run uses one."""
    machine, now = status.machine, status.now
    if machine is None or (machine.value("host/cpu_pressure", now) or 0.0) < _PRESSURE:
        return False
    used = (machine.value(f"proc/{process_key(process)}/cores", now) for process in machine.own())
    return any(cores is not None and cores > _IDLE for cores in used)


def _awaited(status: Status, *, saves: bool) -> str:
    """Return what the silence is of: the phase, unless files show a save, or no step is left to train."""
    if status.phase != "training":
        return status.phase
    if saves:
        return "checkpointing"
    return _BEHIND if status.fraction is not None and status.fraction >= 1.0 else status.phase
