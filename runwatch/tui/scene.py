"""What is on the screen: the newest snapshot and what the person chose to see of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from runwatch.core.snapshot import (
    Columns,
    IncidentRow,
    Latest,
    Progress,
    RankRow,
    Replay,
    RunRow,
    RunView,
    Silenced,
    Snapshot,
)
from runwatch.core.stale import stale
from runwatch.render import numbers, plain, run_table, states
from runwatch.render.cells import Row
from runwatch.render.charts import xaxis
from runwatch.render.charts.smooth import FACTORS
from runwatch.render.glyphs import UNICODE, Glyphs
from runwatch.tui.actions import Registry
from runwatch.tui.step_range import StepRange

_ACTION = re.compile(r"\{(\w+)\}")
_CHOICE = 3.0
"""Seconds that the engine has for choosing a run; after that the screen jumps to no other by itself."""
_READING = 60.0
"""Seconds that it may take longer, while logs are read."""


@dataclass
class Scene(StepRange):
    """State shared by all views. The app changes it; widgets only read it."""

    glyphs: Glyphs = UNICODE
    title: str = ""
    alone: bool = False
    """Whether no daemon is behind it: silences end with the screen."""
    registry: Registry = field(default_factory=Registry)
    clock: Callable[[], float] = time.monotonic
    snapshot: Snapshot | None = None
    columns: dict[str, Columns] = field(default_factory=dict)
    """Newest columns of every metric asked for in this run and window, so that views switch at once."""
    others: dict[str, dict[str, Columns]] = field(default_factory=dict)
    """Columns of the runs that are laid over, by id."""
    received: float = 0.0
    """When the newest snapshot came, by `clock`."""
    link: str = "connecting"
    """connecting, live or lost."""
    lost: str = "watching stopped"
    """What became of the other end, in two words, if the link is lost."""
    reason: str = ""
    """What else is known of that, and what to do."""
    pending: Snapshot | None = None
    """Newest snapshot while paused."""
    paused: bool = False
    due: int = 0
    """Pictures that are taken though paused."""
    run_id: str | None = None
    """The run that a person asked for."""
    order: run_table.Order = field(default_factory=run_table.Order)
    """How the runs are sorted."""
    began: float | None = None
    """When the first snapshot came, by `clock`."""
    smoothing: float = FACTORS[1]
    log_y: bool = False
    axis: str = xaxis.STEP
    marks: bool = True
    """Whether charts show marks and shades."""
    overlays: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Run -> ids of the runs that are laid over its charts: they belong to it, and to no other."""
    measure: str = ""
    """What the rank grid shows; "" is what distinguishes ranks best."""
    grouping: str = ""
    """What ranks are grouped by in the grid: node, tp, cp, pp or dp; "" for all in a row."""
    said: str = ""
    """The newest answer to a key that changes nothing on the screen, such as where a file was written."""
    log_source: str | None = None
    """Path of the source whose log lines are shown; None leaves it to the one that leads."""
    filters: dict[str, str] = field(default_factory=dict)
    """What the lists of views are filtered by, in the words of the person."""
    incident: str | None = None
    """Id of the selected incident."""
    interval: float = 0.5
    asked: bool = False
    """Whether the person has pressed a key: the run that is shown stays."""

    @property
    def run(self) -> RunView | None:
        """The run on the screen."""
        return self.snapshot.run if self.snapshot else None

    @property
    def runs(self) -> tuple[RunRow, ...]:
        """All runs that are known."""
        return self.snapshot.runs if self.snapshot else ()

    @property
    def ranks(self) -> tuple[RankRow, ...]:
        """The ranks of the run."""
        return self.run.ranks if self.run else ()

    @property
    def notices(self) -> tuple[str, ...]:
        """What runwatch has to say of itself."""
        return self.snapshot.notices if self.snapshot else ()

    @property
    def ordered_runs(self) -> list[RunRow]:
        """All runs, in the order of their table."""
        return run_table.ordered(self.runs, self.order)

    @property
    def replay(self) -> Replay | None:
        """How far a replay is; None where a run is watched."""
        return self.snapshot.replay if self.snapshot else None

    @property
    def compare(self) -> tuple[str, ...]:
        """Ids of other runs that are laid over the charts of this one."""
        return tuple(map(self.now_called, self.overlays.get(self._shown(), ())))

    def lay_over(self, others: tuple[str, ...]) -> None:
        """Lay other runs over the charts of this one."""
        self.overlays[self._shown()] = others

    def _inherit(self, before: str | None, now: str | None) -> None:
        """Lay over the next attempt or stage of a run what was laid over the one before."""
        if before in self.overlays and now is not None:
            self.overlays.setdefault(now, self.overlays[before])

    def now_called(self, name: str) -> str:
        """Return the id by which a run is known now: it gets its own once its log was read."""
        if name != _source(name) or any(row.id == name for row in self.runs):
            return name
        return next((row.id for row in reversed(self.runs) if _source(row.id) == name), name)

    def _shown(self) -> str:
        return self.run_id or (self.run.id if self.run else "")

    def accept(self, snapshot: Snapshot) -> None:
        """Take the newest picture, or keep it for later while paused."""
        self.link, self.reason = "live", ""
        if self.began is None:
            self.began = self.clock()
        if self.paused and not self.due:
            self.pending = snapshot
            return
        self.due = max(0, self.due - 1)
        before = self.run.id if self.run else None
        if self.run and snapshot.run and self.run_id in {stage.id for stage in self.run.stages[-1:]}:
            left = self.run_id
            self.run_id = next((stage.id for stage in snapshot.run.stages[-1:]), self.run_id)
            self._inherit(left, self.run_id)
        if snapshot.run is None and snapshot.runs and self.run_id is not None:
            # It is known by another id now, or turned out to be no run.
            left, here = self.run_id, _source(self.run_id)
            self.run_id = next((row.id for row in reversed(snapshot.runs) if _source(row.id) == here), None)
            self._inherit(left, self.run_id)
        self.snapshot, self.received = snapshot, self.clock() - snapshot.late
        if snapshot.lost:
            self.link, self.lost, self.reason = "lost", snapshot.lost, snapshot.advice
        if snapshot.run and before and self.run_id is None and _source(before) == _source(snapshot.run.id):
            self._inherit(before, snapshot.run.id)
        if snapshot.run is None or snapshot.run.id != before:
            self.columns.clear()
            self.cursor = self.log_source = self.right = self.picked = None
        if snapshot.run is not None:
            self.columns.update((columns.metric, columns) for columns in snapshot.run.charts)
        # Of other runs only what this picture has: they may have been left out meanwhile.
        self.others = {other.id: {c.metric: c for c in other.charts} for other in snapshot.compared}

    def began_within(self, seconds: float) -> bool:
        """Return whether the first picture came no longer ago than that."""
        return self.began is None or self.clock() - self.began < seconds

    def several(self) -> bool:
        """Return whether more than one run is known, attempts of the same one not counted."""
        return len({_source(row.id) for row in self.runs if row.progress.begun}) > 1

    def settling(self) -> bool:
        """Return whether runs are still being found and read: another may be the most urgent soon."""
        unread = self.run is not None and self.run.history is not None
        unread = unread or not all(row.progress.begun for row in self.runs)
        return self.began_within(_CHOICE) or (unread and self.began_within(_READING))

    def choosing(self) -> bool:
        """Return whether the run that is shown may still change by itself: it is not selected then."""
        return self.run_id is None and not self.asked and self.settling()

    def wanted_run(self) -> str | None:
        """Return the id of the run to ask for; None leaves the choice to the engine.

        Of several live runs, now this and now that one would be the most urgent: after
        a moment the screen stays with what it shows, and with its next attempt.
        """
        if self.run_id is not None or self.run is None or self.began is None:
            return self.run_id
        if self.choosing():
            return None
        here = _source(self.run.id)
        attempts = [row.id for row in self.runs if _source(row.id) == here]
        return attempts[-1] if attempts and len(attempts) < len(self.runs) else None

    def hold(self) -> None:
        """Show this picture until `resume`."""
        self.paused, self.due = True, 0

    def resume(self) -> None:
        """Show the newest picture again."""
        self.paused = False
        if self.pending is not None:
            snapshot, self.pending = self.pending, None
            link, reason = self.link, self.reason
            self.accept(snapshot)
            self.link, self.reason = link, reason

    def since_frame(self) -> float:
        """Return seconds since the newest snapshot."""
        return max(0.0, self.clock() - self.received)

    def now(self) -> float | None:
        """Return the Unix time of the picture."""
        return self.snapshot.time if self.snapshot else None

    def engine_time(self) -> float:
        """Return the Unix time at the engine now; 0 before the first picture."""
        return self.snapshot.time + self.since_frame() if self.snapshot else 0.0

    def age(self) -> float | None:
        """Return seconds since the run last printed a line, now."""
        if self.run is None or self.run.age is None:
            return None
        return self.run.age + self.since_frame()

    def stale(self) -> bool:
        """Return whether the run has been silent for longer than its own pace explains."""
        age, run = self.age(), self.run
        return run is not None and not states.ended(run.phase) and stale(run.progress, age)

    def progress(self) -> Progress:
        """Return how far the run is; where it does not advance there is no ETA."""
        run = self.run
        return Progress() if run is None else plain.current(run.progress, run.phase, self.age())

    def key(self, action: str) -> str:
        """Return the key of an action as this screen writes it."""
        return self.registry.shown(action, self.glyphs)

    def worded(self, text: str) -> str:
        """Return a text of ours with the key of each action that it has in braces."""
        return _ACTION.sub(lambda found: self.key(found[1]), text)

    def axes(self) -> list[str]:
        """Return what the x axis can show in this run."""
        return xaxis.choices([item.metric for item in self.run.latest] if self.run else [])

    def places(self, run: str | None = None) -> xaxis.Axis:
        """Return where steps of this run, or of one that is laid over it, lie on the x axis."""
        return xaxis.axis(self.axis, self.columns if run is None else self.others.get(run, {}))

    def name_of(self, run: str) -> str:
        """Return the name of a run by its id."""
        return next((row.name for row in self.runs if row.id == run), run)

    def silenced(self, name: str) -> Silenced | None:
        """Return what silences an incident or a run, by its id; None where it is sent."""
        found = self.snapshot.silenced.get(name) if self.snapshot else None
        return found if found is not None and found.ends > self.engine_time() else None

    def silence_left(self, name: str) -> str:
        """Return `silenced 58m` for an incident or a run, by its id; "" where it is sent."""
        if (found := self.silenced(name)) is None:
            return ""
        left = found.ends - self.engine_time()
        # Of an hour that began a moment ago an hour is left.
        return f"silenced {numbers.brief(round(left / 60) * 60 if left > 60 else left)}"

    def latest(self, metric: str) -> Latest | None:
        """Return the newest value of a metric."""
        found = (item for item in (self.run.latest if self.run else ()) if item.metric == metric)
        return next(found, None)

    def incidents(self) -> list[IncidentRow]:
        """Return the incidents of the run, most urgent first."""
        return sorted(self.run.incidents, key=states.urgency) if self.run else []

    def firing(self) -> list[IncidentRow]:
        """Return the incidents that want attention now, most urgent first."""
        return states.firing(self.run) if self.run else []

    def elsewhere(self) -> int:
        """Return how many critical alerts other runs have."""
        here = self.run.id if self.run else None
        return sum(row.critical for row in self.runs if row.id != here)

    def selected(self) -> IncidentRow | None:
        """Return the selected incident, or the most urgent one."""
        rows = self.incidents()
        return next((row for row in rows if row.id == self.incident), rows[0] if rows else None)

    def fits(self, view: str, *texts: str) -> bool:
        """Return whether a row with these texts is let through by the filter of a view."""
        wanted = self.filters.get(view, "").lower().split()
        text = " ".join(texts).lower()
        return all(word in text for word in wanted)

    def abbreviated(self, view: str, text: str) -> bool:
        """Return whether the words of a filter are short for this text, as `nrm` is for `grad norm`."""
        wanted = self.filters.get(view, "").lower().split()
        return all(abbreviates(word, text.lower()) for word in wanted)

    def filtered(self, view: str, count: int) -> Row:
        """Return for a title what a view is filtered by; nothing where it is not."""
        wanted = self.filters.get(view, "")
        return [(f"  only {wanted!r}: {count}", "warn")] if wanted else []

    def waiting_for(self) -> str:
        """Return what an empty screen waits for."""
        if self.link == "lost":
            return f"{self.lost}: {self.reason}" if self.reason else self.lost
        if self.snapshot is None:
            return "starting"
        if self.run is None:
            return f"waiting for a run in {self.title}" if self.title else "waiting for a run"
        if self.run.history is not None:
            return "reading the log"
        if states.ended(self.run.phase):
            return "no training step was found"
        return "waiting for the first training step"


def abbreviates(short: str, text: str) -> bool:
    """Return whether letters are all in a text in their order, the first of them where a word begins."""
    for word in re.finditer(r"\b\w", text):
        rest = iter(text[word.start() :])
        if text[word.start()] == short[:1] and all(letter in rest for letter in short):
            return True
    return False


def _source(run: str) -> str:
    """Return what the ids of all attempts of a run begin with."""
    head, mark, _ = run.rpartition("#")
    return head if mark else run
