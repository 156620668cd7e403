"""What may have ended a run: the events since training last moved, and which of them explains it best."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from runwatch.alerts.rules.common.signatures import (
    CERTAIN_KINDS,
    LAUNCHER_ENDS,
    Role,
    Signature,
    classify,
    is_caught,
    may_be_caught,
)
from runwatch.core.batch import Event
from runwatch.core.block import Moment

_KEPT = 16
"""Distinct later symptoms that are remembered by name, and ranks whose errors are."""
_CHAIN = 100
"""Lines between two exceptions of a chain."""
_FINAL = CERTAIN_KINDS | {"signal"}
_ENDED_BY_OTHERS = frozenset({"-6", "-15"})


@dataclass
class Death:
    """Events that may have ended the run, since training last moved."""

    source: int | None
    """Rank of the log that reported it; only its rows can show that it was survived."""
    root: Event
    signature: Signature
    last_step: int | None
    count: int = 0
    symptoms: dict[str, None] = field(default_factory=dict)
    by_rank: dict[int, tuple[Event, Signature]] = field(default_factory=dict)
    """What explains best how each rank ended, of the first few."""
    led_to: str = ""
    """The newest exception that was raised because of another one, as the log's last words show it."""
    first: Event | None = None
    """What the launcher says of the rank that failed first."""
    rows: int = 0
    """Training rows since the newest event."""
    newest: int = 0
    """Line of the newest event."""
    doubtful: bool = True
    """Whether all of it may have been caught by the program itself."""
    over: bool = False
    """Whether nothing of it may be left: a process was killed, or the launcher has ended."""
    ended: bool = False
    """Whether the launcher itself has ended, and with it all ranks."""
    relaunched: bool = False
    pids: set[int] = field(default_factory=set)
    """Processes that were seen to die."""
    sure: bool = False
    """Whether anything of it was not caught by the program itself."""
    final: bool = False
    """Whether anything of it leaves a process no way on: a signal, or an exception that nothing caught."""
    uncaught: bool = False
    """Whether the program, no rank of it, could not start or ended by an exception that nothing caught."""
    untrained: bool = False
    """Whether no training preceded it: what trains behind the end of a program is another launch."""
    trains: bool = False
    """Whether anything up to it shows that it is a training."""
    minor: bool = False
    """Whether another launch has begun behind what shows none."""
    behind: bool = False
    """It came after the word that training is over."""
    skipped: bool = False
    """Whether the program skipped the batch that failed, as all others since training last moved."""
    firing: bool = False
    mild: bool = False
    """Whether it is less than critical: training was nearly over or had not begun, or only words say so."""
    at: Moment = field(default_factory=Moment)
    """Where the newest event was said."""

    def take(self, event: Event, signature: Signature) -> None:
        """Note one more event; the best role wins, among equals the first."""
        self.count += 1
        self.rows, self.skipped = 0, False
        self.sure |= not is_caught(event)
        self.newest = event.line
        self.doubtful &= may_be_caught(event)
        self.final |= event.kind in _FINAL or ("frames" in event.data and not is_caught(event))
        self.uncaught |= ends_program(event) or signature.name == "not_started"
        self.led_to = event.title if "chained" in event.data else self.led_to
        if is_seen(event):
            self.pids.add(int(event.data["pid"]))
        self.ended |= event.title.startswith(LAUNCHER_ENDS)
        self.over |= self.ended or event.kind == "killed"
        if self._replaces(event, signature):
            self.root, self.signature = event, replace(signature, role=self.signature.role)
        elif signature.outranks(self.signature):
            self._add_symptom(self.signature)
            self.root, self.signature = event, signature
        elif signature.name != self.signature.name:
            self._add_symptom(signature)
        if event.rank is None:
            return
        if event.title.startswith(f"rank {event.rank} failed first"):
            if self.first is None and event.data.get("exitcode") not in _ENDED_BY_OTHERS:
                self.first = event
        elif event.rank not in self.by_rank:
            if len(self.by_rank) < _KEPT:
                self.by_rank[event.rank] = event, signature
        elif signature.outranks(self.by_rank[event.rank][1]):
            self.by_rank[event.rank] = event, signature

    def _replaces(self, event: Event, signature: Signature) -> bool:
        """Whether an exception takes the place of the root, one of the same process that was caught.

        It was raised while the root was handled, in what the root's traceback quotes; or it ended the
        program, which the root may not have done.
        """
        if event.rank != self.root.rank or not signature.name == self.signature.name == "exception":
            return False
        near = is_caught(event) and 0 <= event.line - self.root.line < _CHAIN
        final = may_be_caught(self.root) and not may_be_caught(event) and "chained" not in event.data
        return ("handling" in event.data and near) or (final and signature.role >= self.signature.role)

    @property
    def closed(self) -> bool:
        """Whether what trains behind it is of another launch."""
        return self.ended or (self.uncaught and self.untrained)

    @property
    def asked(self) -> bool:
        """Whether a signal asked it to end."""
        return self.signature.name == "terminated"

    def _add_symptom(self, signature: Signature) -> None:
        if len(self.symptoms) < _KEPT:
            self.symptoms[signature.name] = None

    def explanation(self) -> tuple[Event, Signature, int | None]:
        """Return what ended the run, what that means, and the rank on which it happened."""
        root, signature, first = self.root, self.signature, self.first
        if first is None or first.rank is None:
            return root, signature, root.rank
        if signature.role is Role.PROOF:
            return root, signature, first.rank if root.rank is None else root.rank
        own = self.by_rank.get(first.rank)
        if own is not None and own[1].role > Role.CASCADE:
            return *own, first.rank
        if signature.role > Role.CASCADE and first.kind == "elastic":  # its own words are elsewhere
            return root, signature, first.rank if root.rank is None else root.rank
        return first, classify(first), first.rank


def ends_program(event: Event) -> bool:
    """Return whether an event is an exception that began in a program's own file, and nothing caught."""
    return "main" in event.data and event.rank is None


def is_seen(event: Event) -> bool:
    """Return whether a process was seen to die, be there words of it or not."""
    return "pid" in event.data and "exitcode" not in event.data
