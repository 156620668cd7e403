"""The run ended before its end, and why: it died, or was stopped.

Reason: the first error of many ranks explains the rest, and it is rarely the last
line of the log.
Formula: an event that may end a run is pending. It fires at once when its kind
leaves no way on (killed, segmentation fault, cancelled by the scheduler), else when
the log has been silent for `settle` seconds and two usual gaps between training
rows, or has ended. `survive` training rows after it whose steps continue clear it: the
exception was handled. An error that may have been caught, with twenty lines of other output
behind it, is no end: of several a warning says that nothing was trained since. Rows may be read
after a process has died that wrote them before: its death is survived only while another process
of the run lives; and rows of another file of the same attempt survive it only if they were written
later. What trains behind the end of a launcher is another launch. So is
what first trains, or what fails as well, behind an exception that began in the program's own file, and
ended it. A restart
after it makes it certain, and over: it fires and resolves where training continued, or
at the next launch's own error; a warning where no training preceded it: nothing was lost, and a note where
nothing up to it shows a program that trains. A launch begins
where the first words of the log come again, or something compiles or loads after the launcher's end. An
exception that begins inside the program was caught there: a launch proves nothing, unless it is less than
twenty lines behind it.
Cause: of all errors since training last moved, what the kernel or the driver says wins,
then what can begin a crash, then what only follows from another (a collective that
aborts); among equals the first, but an exception that ended the program goes before one that it may have
caught. Where a launcher's table says
which rank failed first, what that rank said, or the signal that killed it, goes before
what others said, unless it only ended because of others (SIGTERM, SIGABRT).
What ended it decides the severity: a crash is critical, but a warning where no row, setting, launcher or
word of its traceback shows that the program trains: a server or an evaluation; a time limit, a preemption and
a SIGTERM from somebody unknown are warnings; an interrupt by hand is a note; so is
nothing that is in the way of a relaunch. A failure behind the word that training is
over is a warning, unless it is that of a checkpoint: without its last one a run has not finished. The run
has finished before it, unless an exception ended the program.

Example: 'crashed on rank 2: torch.OutOfMemoryError: CUDA out of memory', though 63
other ranks print NCCL errors below it.

What to do: read the cause that is named, not the last line of the log; do what the
advice beneath it says; resume from the last complete checkpoint.

Traps: ranks print at their own pace, so a row or two may follow the error of
another rank; a process group that complains after the finish line is no crash;
a program that receives a signal does not know the sender: the scheduler's word goes first;
where a program says that it skips a batch for which its memory was not enough, it lives; if it skipped
the last eight or more, and trained nothing between them, its end is a warning that says so.

Source: the causal roles of NVIDIA's restart agent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RunRule, last_place, place, threshold
from runwatch.alerts.rules.common.pace import Pace
from runwatch.alerts.rules.common.purpose import shows_training
from runwatch.alerts.rules.common.signatures import (
    CERTAIN_KINDS,
    LAUNCHER_ENDS,
    Role,
    classify,
)
from runwatch.alerts.rules.life.death import Death, ends_program, is_seen
from runwatch.core.batch import CRASH_KINDS, Event
from runwatch.core.block import Block, Moment, Status
from runwatch.core.ending import COMPLETE, NO_END, End
from runwatch.core.findings import Finding, Severity, Verdict

_QUOTED = ("source", "host", "exitcode")
"""What an event says that is worth keeping."""
_STARTS = frozenset({"start", "resume", "load", "compile", "launch"})
"""Kinds of events of a program that begins."""
_BEGINS_AGAIN = (_STARTS - {"load"}) | {"tracker"}  # an evaluation behind the end loads too
_JUDGED = CRASH_KINDS | _STARTS | _BEGINS_AGAIN | {"facts", "finished", "over", "skip"}
"""Kinds of event that change anything here."""
_OF_SAVE = re.compile(r"PytorchStreamWriter|\b(?:save|torch_save|save_\w+|_save\w*)\b")
"""Words of an error, or of its traceback, that came while a checkpoint was written."""
_PREFIX = re.compile(
    r"\A(?:(?:runwatch|(?:slurmstepd: )?error): |what\(\): +|\[[IWEF]\d{3,8} [^\]]{1,80}\] "
    r"|\[[\w.]{1,80}\]\[[A-Z]{4,8}\] - |(?:WARNING|ERROR|CRITICAL):[\w.]{1,80}:"
    r"|(?:[\d-]{10} [\d:.]{8,15}: )?[IWEF] [\w./]{1,120}:\d+\] "
    r"|object repr {5}: |Error Message Summary: |Error executing job with overrides: \[.{0,200}?\] (?=\w))"
)
"""Who reported it, before the words: also C++, and the loggers of Python, torch, Hydra and TensorFlow."""
_SHOWN = 160
"""Characters of an error's words that a title has; all of them are in the evidence."""
_PREAMBLE = 2
"""Lines between two exceptions that ended programs from which the second is of another launch."""
_CONTINUES = 20
"""Lines behind an exception that may have been caught from which the program continues."""
_SKIPS = 8
"""Batches skipped without a training row between them from which nothing may be left to train."""


@dataclass
class Crash(RunRule):
    """Fires when the run died, and names the first cause."""

    name: ClassVar[str] = "crash"
    summary: ClassVar[str] = "The run ended before its end; names the first cause, not the last line."

    settle: float = threshold(5.0, "seconds of silence after an error that make it a crash")
    survive: int = threshold(3, "training rows after an error that show it was handled")
    complete: ClassVar[float] = COMPLETE
    """Progress from which an error is no longer critical."""

    _death: Death | None = field(default=None, init=False, repr=False)
    _last: Place = field(default=NOWHERE, init=False, repr=False)
    """The newest training row."""
    _finished: bool = field(default=False, init=False, repr=False)
    _over: Moment = field(default_factory=Moment, init=False, repr=False)
    """Where it said so."""
    _pace: Pace = field(default_factory=Pace, init=False, repr=False)
    _skips: int = field(default=0, init=False, repr=False)
    """Batches since the newest training row that the program says it skips."""
    _trains: bool = field(default=False, init=False, repr=False)
    """Whether anything shows that it is a training."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge events and the training rows between them, in stream order."""
        self._pace.push(block)
        rows = block.progress.offset if block.progress is not None else np.empty(0)
        found: list[Finding] = []
        done = self._before(block)
        trained, self._trains = self._trains, self._trains or done > 0
        if self._trains > trained and self._death is not None and self._death.firing:
            found.append(self._finding(self._death, Verdict.FIRING))
        events = (event for event in block.events if event.kind in _JUDGED)
        for event in sorted(events, key=lambda event: event.offset):
            upto = int(np.searchsorted(rows, event.offset))
            found += self._advance(block, done, upto)
            found += self._skip(event) if event.kind == "skip" else self._take(event, block)
            done = max(done, upto)
        return found + self._advance(block, done, len(rows))

    def _before(self, block: Block) -> int:
        """Return how many rows precede the error, though they come after it.

        A format that is learned is believed after several rows, which are read only then.
        """
        death, rows = self._death, block.progress
        if death is None or rows is None or (death.source, death.at.source) != (block.rank, block.source):
            return 0
        before = int(np.searchsorted(rows.offset, death.at.offset))
        if before:
            self._last = place(rows, before - 1)
            death.last_step = self._last.step
        return before

    def _advance(self, block: Block, low: int, high: int) -> list[Finding]:
        """Training continued: rows [low, high) of the block's progress."""
        progress = block.progress
        if progress is None or low >= high:
            return []
        self._finished &= not self._over.precedes(block, float(progress.offset[high - 1]))
        self._last, self._trains, self._skips = place(progress, high - 1), True, 0
        death = self._death
        if death is None or death.source != block.rank:
            return []
        certain = death.root.kind in CERTAIN_KINDS
        survive = self.survive * (20 if certain else 1)  # a job may be warned of its end and continue
        survived = low + max(survive - death.rows, 1) - 1
        starts = (
            [low] if death.relaunched else sorted(np.searchsorted(progress.offset, block.restarts).tolist())
        )
        restart = next((row for row in starts if low <= row < high and row <= survived), None)
        if restart is not None:
            where = place(progress, restart)
            return self._relaunched(death, where)
        if death.final and not death.at.precedes(block, float(progress.offset[high - 1])):
            return self._late(death, block)  # another file may be written late
        if survived < high and (death.ended or not death.pids):
            return self._survive(death, place(progress, survived))
        death.rows += high - low
        return self._late(death, block)

    def _late(self, death: Death, block: Block) -> list[Finding]:
        """Take rows of another file than the error's: it is read later, and shows how far the run came."""
        if block.source == death.at.source or death.root.step is not None:
            return []
        death.last_step = self._last.step
        return [self._finding(death, Verdict.FIRING)] if death.firing else []

    def _survive(self, death: Death, where: Place) -> list[Finding]:
        """Training continues: behind the end of a launcher or a program it is that of another launch."""
        if death.closed:
            return self._relaunched(death, where)
        self._death = None
        return [self._survived(where)]

    def _take(self, event: Event, block: Block) -> list[Finding]:
        trained, self._trains = self._trains, self._trains or shows_training(event)
        if event.kind in {"finished", "over"}:
            return self._finish(event, block)
        death = self._death
        self._finished &= event.kind not in _BEGINS_AGAIN
        if death is not None and event.kind == "launch":
            death.over = True
            death.sure |= event.line - death.newest < _CONTINUES  # nothing came of catching it
        if death and (event.kind == "resume" or (death.over and event.kind in _STARTS)):
            death.relaunched = True
        if event.kind not in CRASH_KINDS:
            return []
        if death and ((death.over and death.relaunched) or _begins_anew(death, event)):
            found = self._relaunched(death, Place(event.step, event.line))
            return [*found, *self._take(event, block)]
        signature = classify(event)
        # what finished before the first training row was no training, but a launcher's end is one
        ended = self._last.line is None and event.title.startswith(LAUNCHER_ENDS)
        follows = signature.role is Role.CASCADE or signature.end is End.INTERRUPTED
        if self._finished and follows and not ended:
            return []
        before = death.explanation() if death is not None else None
        if death is None:
            step = event.step if event.step is not None else self._last.step
            behind = self._finished and self._last.line is not None  # else what finished was no training
            untrained = self._last.line is None
            death = self._death = Death(
                block.rank, event, signature, step, behind=behind, untrained=untrained
            )
        death.take(event, signature)
        death.trains |= self._trains
        if death.source == block.rank:
            death.at = Moment.of(block, event.offset)
        changed = death.explanation() != before or (death.firing and self._trains > trained)
        certain = event.kind in CERTAIN_KINDS and not death.firing
        death.firing |= certain
        if certain or changed:
            return [self._finding(death, Verdict.FIRING if death.firing else Verdict.PENDING)]
        return []

    def _finish(self, event: Event, block: Block) -> list[Finding]:
        """Take the log's word that training is over."""
        death, where = self._death, Place(event.step or self._last.step, event.line)
        if event.kind == "over" and death is not None and death.asked:
            return []  # so end programs that are asked to, and the hooks of trackers
        self._finished, self._over, self._death = True, Moment.of(block, event.offset), None
        if death is not None and (death.over or (death.closed and death.rows)):
            return self._relaunched(death, where)  # what finished is another launch
        return [self._survived(where)] if death else []

    def _skip(self, event: Event) -> list[Finding]:
        """Take the log's word that a batch is skipped: the memory that it had asked for is not needed."""
        self._skips += 1
        death = self._death
        if death is None or death.root.kind != "oom" or death.final:
            return []
        death.skipped = self._skips >= _SKIPS
        if death.skipped:
            return []
        self._death = None
        return [self._survived(Place(event.step, event.line))]

    def _relaunched(self, death: Death, where: Place) -> list[Finding]:
        """Another launch has begun: the one before had ended, unless its error was one that it caught."""
        self._death = None
        death.mild |= death.untrained
        death.minor = not death.trains
        certain = [] if death.firing or not death.sure else [self._finding(death, Verdict.FIRING)]
        return [*certain, self.clear(where)]

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Silence after an error, or the end of the log, makes it certain."""
        death = self._death
        if death is not None and death.rows >= self.survive and _others_live(death, status):
            self._death = None
            return [self._survived(last_place(status))]
        if death is None or death.firing:
            return ()
        if status.live and (death.skipped or status.log_silent_for < max(self.settle, 2 * self._pace.median)):
            return ()
        death.firing = True
        lines = status.lines.get(death.at.source) or max(status.lines.values(), default=0)
        if death.skipped or (death.doubtful and lines - death.newest >= _CONTINUES):
            return [self._survivor(death)]
        trained = self._last.line is not None  # else a bar is of something before it
        mild = trained and status.fraction is not None and status.fraction >= self.complete
        loose = death.root.kind == "error" and "frames" not in death.root.data  # words alone, no traceback
        death.mild = mild or (status.fraction is None and loose)
        return [self._finding(death, Verdict.FIRING)]

    def _survived(self, where: Place) -> Finding:
        return self.clear(where, evidence={"ending": NO_END})

    def _survivor(self, death: Death) -> Finding:
        """Return what is said of errors that were printed, and behind which nothing was trained so far."""
        root, signature, rank = death.explanation()
        count = max(death.count, self._skips if death.skipped else 0)
        times = f", {count} errors in all" if count > 1 else ""
        return self.say(
            Verdict.FIRING,
            Severity.WARNING if count > 1 else Severity.INFO,
            f"an error was caught, and nothing was trained since{times}: {_short(root.title)}",
            Place(death.last_step, root.line),
            cause=signature.cause,
            advice=signature.advice,
            evidence={
                "ending": NO_END,
                "signature": signature.name,
                "failed_rank": rank,
                "events": count,
            },
        )

    def _finding(self, death: Death, verdict: Verdict) -> Finding:
        root, signature, rank = death.explanation()
        rank = rank if rank is not None else self.rank
        unsaved = bool(root.data.get("state") == "failed" and _OF_SAVE.search(_words(root)))
        behind = death.behind and not unsaved  # without its last checkpoint it has not finished
        end = End.FINISHED if behind and not death.uncaught else signature.end
        evidence: dict[str, float | int | str | None] = {
            "ending": end.value,
            "reported_by": _reported_by(root),
            "signature": signature.name,
            "kind": root.kind,
            "failed_rank": rank,
            "last_step": death.last_step,
            "events": death.count,
        }
        if others := [name for name in death.symptoms if name != signature.name]:
            evidence["also_reported"] = ", ".join(others)
        evidence |= {key: value for key, value in root.data.items() if key in _QUOTED}
        if death.first is not None:
            evidence["failed_first"] = death.first.rank
            evidence |= {
                key: death.first.data[key] for key in ("host", "exitcode") if key in death.first.data
            }
        if len(_short(root.title, 1000)) > _SHOWN:
            evidence["message"] = _short(root.title, 1000)
        if death.led_to not in ("", root.title):
            evidence["led_to"] = _short(death.led_to)
        if "frames" in root.data:
            evidence["frames"] = _newest_lines(root.data["frames"], 2000)
        severity = signature.severity
        trains = self._trains or signature.role is Role.PROOF  # the kernel's word weighs by itself
        if severity is Severity.CRITICAL and not unsaved and (death.mild or behind or not trains):
            severity = Severity.WARNING
        severity = Severity.INFO if death.minor else severity
        by = "" if rank is None or root is death.first else f" on rank {rank}"
        said = "failed after training was over" if behind else signature.said
        if verdict is Verdict.PENDING and said == "crashed":  # it may be one that is handled
            said = "error"
        return self.say(
            verdict,
            severity,
            f"{said}{by}: {_short(root.title)}",
            Place(death.last_step, root.line),
            cause=("a checkpoint could not be written" if unsaved else signature.cause)
            + _elsewhere(death.first, rank)
            + ("" if trains else "; nothing shows that it is a training"),
            advice=signature.advice,
            evidence=evidence,
        )


def _begins_anew(death: Death, event: Event) -> bool:
    """Return whether an exception is of a program that began after the one that had ended."""
    if not (death.uncaught and ends_program(event)):
        return False
    return int(event.data["main"]) - death.newest > _PREAMBLE


def _words(event: Event) -> str:
    """Return what an event says, with its traceback."""
    return f"{event.title}\n{event.data.get('frames', '')}"


def _reported_by(event: Event) -> str:
    """Return who reported how it ended."""
    if event.kind in ("xid", "host_oom"):
        return "kernel"
    if event.kind in ("scheduler", "elastic"):
        return "launcher" if event.kind == "elastic" else "scheduler"
    return "process" if is_seen(event) else "log"


def _others_live(death: Death, status: Status) -> bool:
    """Return whether a process of the run lives, though some were seen to die."""
    own = status.machine.own() if death.pids and status.machine is not None else ()
    return any(process.pid not in death.pids for process in own)


def _elsewhere(first: Event | None, rank: int | None) -> str:
    if first is None or first.rank == rank:
        return ""
    return f"; the launcher saw rank {first.rank} fail first"


def _newest_lines(text: str, limit: int) -> str:
    """Return the last lines of a text, all of them whole, in at most so many characters."""
    return text if len(text) <= limit else text[-limit - 1 :].partition("\n")[2]


def _short(title: str, limit: int = _SHOWN) -> str:
    title = _PREFIX.sub("", title).strip("* ")
    return title if len(title) <= limit else title[: limit - 1] + "…"
