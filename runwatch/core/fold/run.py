"""A run: its progress, phase, ranks, checkpoints, series and ETA. A fold over blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from runwatch.core.batch import CRASH_KINDS, EVAL, RANK, TRAIN, Event
from runwatch.core.block import Block, Moment
from runwatch.core.checkpoint import Checkpoint, Checkpoints, last_good
from runwatch.core.ending import COMPLETE, ENDS
from runwatch.core.fold.eta import Estimate
from runwatch.core.fold.launches import Launches
from runwatch.core.fold.planned import Plan
from runwatch.core.fold.position import Position
from runwatch.core.fold.rank_state import RankState
from runwatch.core.fold.regular_end import Close, EarlyStop, is_last_row
from runwatch.core.fold.saves import Reconciled, Saves, is_about_save, reconcile
from runwatch.core.fold.stages import Stage
from runwatch.core.fold.timing import Timing, remaining
from runwatch.core.metrics import DONE, EPOCH, REMAINING, STEP_TIME
from runwatch.core.series import FULL, Detail, Series
from runwatch.core.snapshot import Progress

MAX_SERIES = 512
"""Metrics kept per run; a log that prints ever new names cannot exhaust memory."""
MAX_RANKS = 8192
MAX_FACTS = 1024
MAX_EVENTS = 200
_FEW = 2
"""Records that may all be those of the last step: a run of one epoch."""
REST = 60.0
"""Seconds of silence after which it does; a quarter of it after its very last step."""
_PHASES = {
    TRAIN: "training",
    EVAL: "training",
    RANK: "evaluating",
    "eval_begin": "evaluating",
    "eval_end": "training",
    "checkpoint": "checkpointing",
    "save_part": "checkpointing",
} | dict.fromkeys(ENDS, "finished")

_NOWHERE = Moment()


@dataclass(slots=True)
class Run:
    """One run's state. Its size does not depend on how long the run is."""

    id: str
    name: str
    format: str | None = None
    records: int = 0
    """Training records parsed."""
    plan: Plan = field(default_factory=Plan)
    """What its configuration plans, where `about` names it."""
    by_epoch: bool = False
    """Whether its newest step is an epoch."""
    finished: bool = False
    probable: str = ""
    """Why it has probably finished, where its log just ends and no line says so."""
    series: dict[str, Series] = field(default_factory=dict)
    ranks: dict[int, RankState] = field(default_factory=dict)
    lead: int | None = None
    """The rank whose records make the series, where the log shows them."""
    saves: Saves = field(default_factory=Saves)
    """Checkpoints that logs report."""
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    """Checkpoints that were seen in directories."""
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    """The newest things that happened."""
    title: str = ""
    """What a tracker calls it, if one does."""
    about: dict[str, str] = field(default_factory=dict)
    """What trackers and files next to the log say of the run: its configuration, where it runs."""
    stage: Stage = field(default_factory=Stage)
    """What the log says of it as a stage of a pipeline."""
    restarts: deque[int] = field(default_factory=lambda: deque(maxlen=64))
    """Steps from which training continued after going back."""
    launches: Launches = field(default_factory=Launches)
    position: Position = field(default_factory=Position)
    """Where it is in its steps."""
    owners: dict[str, str] = field(default_factory=dict)
    """Metric -> id of the source that provides it, where a run has several; "" for the one that leads."""
    printed: dict[str, str] = field(default_factory=dict)
    last_line: int | None = None
    """Line of the newest training record."""
    progressed: float | None = None
    """Unix time at which the newest progress arrived, if seen live."""
    detail: Detail = FULL
    """How much of it is kept."""
    _phase: str = "starting"
    _ended: Moment = _NOWHERE
    """Where its end was reported last, if it has not continued since."""
    _early: EarlyStop = field(default_factory=EarlyStop)
    _timing: Timing = field(default_factory=Timing)
    """When its steps were reached."""
    _reconciled: tuple[tuple[int, int], Reconciled] | None = None
    """Of which versions of saves and checkpoints it is."""

    def fold(self, block: Block) -> None:
        """Take in the next block."""
        if block.rank is not None:
            self._note(block.events)
            self._fold_rank(block.rank, block)
            return
        before = (self.records, self.last_step)
        self.launches.observe(block, self.records, self.position.newest)
        self.stage.observe(block, first=not self.records)
        for name, samples in block.samples.items():
            if name not in self.series:
                if len(self.series) >= MAX_SERIES:
                    continue
                self.series[name] = Series(name, self.detail)
            self.series[name].add(samples, block.begins_again)
        if block.begins_again < np.inf:
            for name in self.series.keys() - block.samples.keys():
                self.series[name].summary.begins_again = True
        if block.progress is not None:
            self._advance(block)
        self.position.observe(block)
        self.by_epoch = self.by_epoch if block.by_epoch is None else block.by_epoch
        self._follow_phase(block)
        self._take_ranks(block)
        self.lead = self.lead if block.lead is None else block.lead
        if self.lead is not None:
            self._fold_rank(self.lead, block)
        self._note(block.events)
        moved = (self.records, self.last_step) != before
        self._timing.observe(block, self.last_step, moved=moved, detail=self.detail)
        if block.live and moved:
            self.progressed = block.arrival

    def _note(self, events: Iterable[Event]) -> None:
        """Remember what happened."""
        for event in events:
            if event.kind == "facts":
                self.add_facts(event.data)
                continue
            if event.kind in ("result", "tracker"):
                continue  # see stage
            self.events.append(event)
            if event.kind == "checkpoint":
                save = self.saves.add(event)
                self._timing.mark(save.at)
            elif is_about_save(event):
                self.saves.withdraw(event)

    def _advance(self, block: Block) -> None:
        assert block.progress is not None
        rows = block.progress
        self.records += len(rows)
        self.last_line = int(rows.line[-1])
        for offset in block.restarts:
            step = rows.step[np.searchsorted(rows.offset, offset)]
            self.restarts.append(int(step))

    def rest(self, silent_for: float) -> None:
        """Take a run that reached its end and fell silent for finished: not every program says so.

        One whose first records were there already has not reached it: what is planned counts something else.
        """
        planned = self.planned
        if planned is not None and self.records > _FEW and (self.first_step or 0) >= planned:
            return
        done = self.fraction if self.planned is None else self.covered  # another epoch may follow
        if done is not None and done >= COMPLETE and (self.planned is not None or self._close().closed):
            last = done >= 1.0
            self.finished = self.finished or silent_for >= (REST / 4 if last else REST)

    def end(self, before: Sequence[str] = (), behind: Sequence[str] = (), alike: int = 0) -> None:
        """Take it that nothing more will come of its log: it may end where runs end, without a word.

        `before` and `behind` are the newest lines up to the newest training record, and those after it.
        """
        if self.finished:
            return
        since = self.last_line or 0
        failed = any(event.kind in CRASH_KINDS and event.line >= since for event in self.events)
        if not failed and not self.stage.next_trains and self._phase != "evaluating":
            if self._early.holds(1):  # the record of the epoch that it stopped behind is printed last
                self.finished, self._early.records = True, 0
                return
            self.probable = self._close(before, behind).reason(alike)
            self.finished = self.probable != ""

    def _follow_phase(self, block: Block) -> None:
        """Take the phase that the newest mark shows; blocks come in the order they were written."""
        for kind, _ in sorted(block.marks.items(), key=lambda mark: mark[1]):
            phase = _PHASES.get(kind)
            if phase is not None and not (phase == "training" and self.records == 0):
                self._phase = phase  # an evaluation before the first step is no training
        ended = max(block.marks.get(kind, -1) for kind in ENDS)
        if ended >= 0:
            self._ended = Moment.of(block, ended)
        if self._ended.precedes_training(block):
            self.finished, self.probable, self._ended = False, "", _NOWHERE
        elif self._ended.offset >= 0 and (self.records or block.bar):
            self.finished = True
        self._early.observe(block)

    def _take_ranks(self, block: Block) -> None:
        for rank, progress in block.ranks.items():
            self.rank(rank).evaluate(block, progress)

    def rank(self, rank: int) -> RankState:
        """Return what is known of one rank, to be added to."""
        if rank not in self.ranks and len(self.ranks) < MAX_RANKS:
            self.ranks[rank] = RankState()
        return self.ranks.get(rank) or RankState()

    def _fold_rank(self, rank: int, block: Block) -> None:
        if block.samples or block.progress is not None:
            self.rank(rank).fold(block)
        if block.live and block.progress is not None:  # as long as any rank continues, the run does
            self.progressed = block.arrival

    def claim(
        self, names: Iterable[str], source: str, older: Container[str] = (), over: Container[str] = ()
    ) -> set[str]:
        """Return those metrics that `source` is to provide.

        It is if it was the first to, if it follows one of the `older` sources, or if it
        goes `over` another, whose series is none of the run's any more.
        """
        mine = set()
        for name in names:
            owner = self.owners.setdefault(name, source)
            if owner in over:
                self.series.pop(name, None)
            if owner == source or owner in over or owner in older:
                self.owners[name] = source
                mine.add(name)
        return mine

    def take_over(self, names: Iterable[str]) -> None:
        """Let the leading source provide these metrics from now on, and drop those of others."""
        for name in names:
            if self.owners.setdefault(name, "") != "":
                self.owners[name] = ""
                del self.series[name]

    def led_anew(self, before: str | None) -> Run:
        """Return this run without the steps so far: another source has them from the first.

        It keeps checkpoints, the facts, and the metrics that others provide.
        The source that led, `before`, is one of them from now on, unless that is None.
        """
        owners = {name: owner or before for name, owner in self.owners.items()}
        kept = {name: owner for name, owner in owners.items() if owner is not None and name in self.series}
        series = {name: self.series[name] for name in kept}
        return Run(
            self.id,
            self.name,
            title=self.title,
            series=series,
            saves=self.saves,
            checkpoints=self.checkpoints,
            plan=self.plan,
            about=self.about,
            owners=kept,
            detail=self.detail,
        )

    def add_facts(self, facts: Mapping[str, str]) -> None:
        """Learn facts about the run; a newer one of the same name replaces the older."""
        for name, value in facts.items():
            if name in self.about or len(self.about) < MAX_FACTS:
                self.about[name] = value
        self.plan.learn(self.about)

    # -- what others ask -----------------------------------------------------------------------

    @property
    def first_step(self) -> int | None:
        """Its first step."""
        return self.position.first

    @property
    def last_step(self) -> int | None:
        """Its newest step."""
        return self.position.last

    @property
    def total(self) -> int | None:
        """Steps that it prints as planned; with `epoch_steps`, where its epoch ends."""
        return self.position.total

    @property
    def epoch_steps(self) -> int | None:
        """Steps of an epoch, where the total is but where the newest one ends."""
        return self.position.epoch_steps

    @property
    def stage_name(self) -> str:
        """What its stage of a pipeline is called; "" if nothing says so."""
        return self.stage.named(save.path for save in self.saves.newest())

    @property
    def moments(self) -> Series | None:
        """When its steps were reached; see Timing."""
        return self._timing.moments

    def _close(self, before: Sequence[str] = (), behind: Sequence[str] = ()) -> Close:
        """Return what it is like where its log ends."""
        return Close(
            self.series,
            self.records,
            self.first_step,
            self.last_step,
            self.by_epoch,
            self.epoch_steps,
            self.total,
            None if self.plan.epochs is None else self.plan.epochs[0],
            self.planned,
            evaluated=bool(self.stage.results),
            saved=self._phase == "checkpointing",
            before=before,
            behind=behind,
            stride=self.position.stride,
        )

    @property
    def results(self) -> Mapping[str, float]:
        """Metric -> its value in the evaluation behind the end of training; nothing while it trains."""
        return self.stage.results if self.finished else {}

    @property
    def stopped_early(self) -> bool:
        """Whether it has finished by its own word before its end."""
        return self.finished and self._early.holds()

    @property
    def goes_on(self) -> bool:
        """Whether something is evaluated or drawn behind the end of its training."""
        ended = self._ended
        return self.finished and ended.offset >= 0 and self.stage.newest.get(ended.source, -1) > ended.offset

    @property
    def bare(self) -> bool:
        """Whether nothing is known of it."""
        seen = self.records or self.series or self.ranks or self.events or len(self.checkpoints)
        return not seen and self.last_step is None

    @property
    def phase(self) -> str:
        """Phase as the log shows it; ends that incidents report are laid over it elsewhere."""
        return "finished" if self.finished else self._phase

    @property
    def planned(self) -> int | None:
        """Planned number of steps, if one is known: `total` may be but where the epoch ends."""
        return self._plan[0]

    @property
    def _plan(self) -> tuple[int | None, str]:
        """The planned number of steps, and the setting that says so where step lines do not.

        Settings that say less than was done count something else.
        """
        if self.total is not None and self.epoch_steps is None:
            return self.total, ""
        of_epochs = self.plan.epochs if self.by_epoch else None
        if self.plan.epochs is not None and self.epoch_steps is not None:
            epochs, name = self.plan.epochs
            of_epochs = epochs * self.epoch_steps, f"{name} x {self.epoch_steps} steps of an epoch"
        for plan in (self.plan.steps, of_epochs):
            if plan is not None and (self.last_step or 0) <= plan[0]:
                return plan
        return None, ""

    @property
    def fraction(self) -> float | None:
        """Progress in [0, 1], if need be of the epoch; None if the total or the step is not known."""
        if self.total is None or self.epoch_steps is None or self.last_step is None:
            return self.covered
        return 1.0 if self.epoch_steps <= 0 else 1.0 - max(0, self.total - self.last_step) / self.epoch_steps

    @property
    def last_row(self) -> bool:
        """Whether no other record is due in its epoch, which is the last one if that is planned."""
        if self.total is None or self.epoch_steps is None or self.last_step is None:
            return False
        if self.planned is not None and self.total < self.planned:
            return False
        return is_last_row(self.total - self.last_step, self.position.stride, self.first_step)

    @property
    def covered(self) -> float | None:
        """Progress in [0, 1] of the whole run; None if only the epoch's end is known and more may come."""
        total = self.total if self.finished and self.planned is None else self.planned
        share = None if total is not None else self.latest(DONE)
        if share is not None and 0.0 <= share <= 1.0:
            return 1.0 if self.finished and share >= COMPLETE else share
        if total is None or total <= 0 or self.last_step is None:
            return None
        done = self.last_step + (self.first_step == 0 and self.records > 0)
        if self.finished and done >= COMPLETE * total:  # what finishes earlier has not done all of it
            return 1.0
        return min(1.0, max(0.0, done / total))

    def progress(self) -> Progress:
        """Return step, total, fraction, ETA and its spread in seconds, and steps per second."""
        estimate, source = self._estimate()
        eta = spread = rate = None
        if estimate is not None:
            rate = 1.0 / estimate.pace if estimate.pace > 0 else None
            if self.covered is None:
                estimate, source = remaining(self.series.get(REMAINING), estimate.pace)
            if estimate is not None and not self.finished:
                eta, spread = estimate.seconds, estimate.half_width
        if self.finished:
            eta, spread = 0.0, None
        epoch = self.latest(EPOCH) if self.last_step is None else None
        records = self.records if self.last_step is None and epoch is None else 0
        covered, total_source = self.covered, self._plan[1]
        return Progress(
            self.last_step, self.planned, covered, eta, spread, rate, epoch, records, source, total_source
        )

    def _estimate(self) -> tuple[Estimate | None, str]:
        """Return how long the rest takes, and what says so.

        Moments count pauses, printed step times do not, but are known at once.
        """
        printed = self._timing.printed(self.series.get(STEP_TIME))
        if self.last_step is not None:
            total = self._ends_at or self.last_step
            done = self.last_step + (self.first_step == 0 and self.last_step < total)
            observed, source = self._timing.observed(done, total, printed=printed is not None)
            if observed is not None:
                return observed, source
        if printed is None:
            return None, ""
        left = 0.0
        if self.covered is not None and self._ends_at is not None:
            left = max(0.0, self._ends_at * (1.0 - self.covered))
        return Estimate(left * printed[0], left * printed[1], printed[0]), "printed step times"

    @property
    def _ends_at(self) -> int | None:
        """The planned number of steps; where only a share is printed, what that comes to."""
        share = self.latest(DONE)
        if self.planned is not None or self.last_step is None or share is None or not 0.0 < share <= 1.0:
            return self.planned
        return round(self.last_step / share)

    def latest(self, metric: str) -> float | None:
        """Return the newest value of `metric` (it may be NaN), or None if there is none."""
        series = self.series.get(metric)
        newest = () if series is None else series.tail(1).tolist()
        return next(iter(newest), None)

    def good_before(self, step: int | None, line: int | None = None) -> int | None:
        """Return the step of the newest good checkpoint, of those not after `step` if that is given.

        One that was seen complete; where no directory was seen, one that the log reports, and
        not after `line`: what was saved again after a restart is no place to go back to from before it.
        """
        if len(self.checkpoints):
            good = self.last_good(step)
            return None if good is None else good.at
        reported = self.saves.newest(line) or self.saves.newest()
        steps = (save.at for save in reported if save.at is not None)
        return next((at for at in steps if step is None or at <= step), None)

    def last_good(self, until: int | None = None) -> Checkpoint | None:
        """Return the newest complete checkpoint that was seen, of those not after a step if that is given.

        Where its name has no step, logs may.
        """
        steps = self.reconciled().steps
        if not steps:
            return self.checkpoints.last_good(until)
        placed = (replace(c, step=steps[c.id]) if c.id in steps else c for c in self.checkpoints)
        return last_good(placed, until)

    def reconciled(self) -> Reconciled:
        """Return what logs report of checkpoints, laid over what was seen of them."""
        version = self.saves.version, self.checkpoints.version
        if self._reconciled is None or self._reconciled[0] != version:
            self._reconciled = version, reconcile(self.saves, self.checkpoints)
        return self._reconciled[1]

    def facts(self) -> Mapping[str, str]:
        """Return what rules may name in their findings."""
        seen = self.checkpoints.summary().last_good
        good = seen.at if seen is not None and seen.at is not None else self.good_before(None)
        return {} if good is None else {"last_checkpoint": str(good)}
