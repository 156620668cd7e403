"""Reads a synthetic run through the real parser and engine, with a simulated clock."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.detection.faults.base import BEGIN
from benchmarks.detection.styles import STYLES, text
from benchmarks.detection.trace import Trace
from runwatch.alerts.incidents.incidents import Change
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.sources.member import DIRECTORY, Member
from runwatch.watcher.sources.sidecars import SidecarFacts

COARSE = 64
"""Rows that arrive together where nothing is at stake."""


@dataclass(frozen=True)
class Alarm:
    """An incident that began to fire, or got worse."""

    rule: str
    severity: str
    row: int
    """Row after which it was raised."""
    time: float
    """Seconds since the run began."""
    text: str
    sent: bool
    """Whether a person would have been told: symptoms of a known incident are not."""


class Replay:
    """One run going past; `fine` rows arrive one by one."""

    def __init__(self, trace: Trace, fine: range, rules: Ruleset | None = None) -> None:
        self._trace = trace
        self._fine = fine
        self._engine = Engine(rules)
        self._parser = StreamParser(tuple(catalogue()))
        self._world = trace.world
        if self._world is not None and self._world.deadline is not None:
            self._engine.deadline = BEGIN + self._world.deadline
        self._engine.add_source("run", "run", "run.log")
        if self._world is not None and self._world.checkpoints:
            self._engine.add_source("out", "out", "out", Member("run", DIRECTORY))
        self._next = BEGIN
        self.alarms: list[Alarm] = []
        self._clock = BEGIN
        self._row = 0

    def run(self) -> list[Alarm]:
        """Return what was raised, in order."""
        t = self._trace
        timed = "seconds" in STYLES[t.style].has and t.world is None
        row = 0
        while row < t.rows:
            coarse = COARSE if timed and row not in self._fine else 1
            last = min(row + coarse, t.rows)
            if row < self._fine.start < last:
                last = self._fine.start
            self._pass(float(t.wait[row:last].sum()), single=last - row == 1)
            self._row = last - 1
            self._read("".join(text(t, number) for number in range(row, last)))
            row = last
        if t.end:
            self._read("\n".join(t.end) + "\n")
        self._watch()
        self._note(self._engine.finish(self._clock))
        assert not self._engine.troubles, self._engine.troubles
        return self.alarms

    def _pass(self, seconds: float, *, single: bool) -> None:
        """Let time go by; ask just before the next bytes, when the silence is longest."""
        until = self._clock + seconds
        if self._world is not None:
            self._live(until)
        self._clock = until
        if single and seconds > 30 and self._row > 0:
            self._note(self._engine.tick(self._clock))

    def _live(self, until: float) -> None:
        """Let the world go on, and look at it."""
        world = self._world
        assert world is not None
        while self._next <= until:
            t, self._next = self._next - BEGIN, self._next + world.every
            self._clock = self._next - world.every
            for message in world.messages(t):
                self._note(self._engine.sample("run", message))
            look = world.look(t)
            if look is not None:
                beside = SidecarFacts()
                self._note(self._engine.look("out", look, beside, live=True, arrival=self._clock))
            self._note(self._engine.tick(self._clock))
        self._clock = max(self._clock, until)

    def _read(self, lines: str) -> None:
        batch = self._parser.feed(lines.encode())
        changes = self._engine.fold("run", batch, live=True, arrival=self._clock, written=self._clock)
        self._note(changes)

    def _watch(self) -> None:
        """Stay after the last line."""
        t, begin = self._trace, self._clock
        talk = begin + t.chatter
        batch = self._parser.flush()
        self._note(self._engine.fold("run", batch, live=True, arrival=begin, written=begin))
        while self._clock < begin + t.silence:
            step = 10.0 if self._clock < begin + 1800 else 60.0
            if self._world is not None:
                self._live(self._clock + step)
            else:
                self._clock += step
            if t.chatter and self._clock >= talk:
                self._read("health check: all daemons answer\n")
                talk += t.chatter
            self._note(self._engine.tick(self._clock))

    def _note(self, changes: list[Change]) -> None:
        for change in changes:
            if change.kind in ("firing", "escalated"):
                row = change.row
                said = f"{row.title} | {row.cause} | {row.evidence.get('phase', '')}"
                self.alarms.append(
                    Alarm(row.rule, row.severity, self._row, self._clock - BEGIN, said, change.send)
                )
