"""All that is known of runs at rest: what the engine of `check` has folded, as frozen data.

The numbers of a metric come as columns. Of a long series they are condensed: `Curve.points` are stretches of
samples, each with its lowest, highest, mean and last value; the figures of the summary are exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from runwatch.core.batch import Event
from runwatch.core.checkpoint import Checkpoint
from runwatch.core.ending import HALTED, Ending
from runwatch.core.fold.rank_state import RankState
from runwatch.core.fold.run import Run
from runwatch.core.fold.saves import Save
from runwatch.core.metrics import EPOCH, STEP_TIME
from runwatch.core.series import Floats, Points, Series, Summary
from runwatch.core.snapshot import IncidentRow
from runwatch.reports import printed
from runwatch.reports.facts import Facts, sort_facts
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.evidence import sound, spoilt
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.pipelines import Pipeline
from runwatch.watcher.engine.watched import WatchedRun
from runwatch.watcher.sources.member import LOG

COUNTED = ("total time", "train_time", "time/elapsed", "time/time_elapsed", "time_total_s", "wall")
"""Metrics with the seconds of training so far, as programs print them."""
DAY = 86_400.0
"""Seconds; a time below some days is a clock's without a date."""
_ITERATION = re.compile(r"(?i)(?<![a-z])(?:dt|it|iter(?:ation)?s?|batch(?:es)?|steps?)(?![a-z])")
LINES = 40
"""Newest log lines that are kept."""
MOST_LOGS = 4
"""Logs of a run that are searched again: those of further ranks say the same."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of one stage."""

    metric: str
    printed: str
    """Its name as the log prints it."""
    summary: Summary
    """Exact: count, nonfinite, first, last, minimum and maximum and their steps."""
    points: Points
    """Stretches of samples in stream order; arrays (n,)."""
    newest_steps: Floats
    newest_values: Floats
    """The newest samples one by one, 4,096 or more of a long series; NaN and Inf as they were printed."""

    @property
    def broken(self) -> bool:
        """Whether its newest value is NaN or Inf."""
        return bool(len(self.newest_values)) and not bool(np.isfinite(self.newest_values[-1]))

    @property
    def exact(self) -> bool:
        """Whether `points` are all samples one by one."""
        return len(self.points.count) == self.summary.count or bool((self.points.count == 1).all())

    @property
    def placed(self) -> bool:
        """Whether its values have steps; else they are counted."""
        return self.summary.last_step is not None

    @property
    def steps(self) -> Floats:
        """Step of the last sample of each stretch; the number of the sample if the log has no steps."""
        return self.points.last_x

    @property
    def values(self) -> Floats:
        """Mean of each stretch; NaN where all of it is NaN or Inf."""
        return self.points.mean

    @property
    def mean(self) -> float:
        """Mean of all finite samples; NaN without any."""
        finite = np.isfinite(self.points.mean)
        weight = (self.points.count - self.points.nonfinite)[finite]
        return float(np.average(self.points.mean[finite], weights=weight)) if weight.sum() else float("nan")


@dataclass(frozen=True, slots=True)
class Clock:
    """When steps were reached: arrays (n,) in stream order. A restart lets steps go back, never seconds."""

    steps: Floats
    seconds: Floats
    """Since the first record."""
    began: float | None
    """Unix time of the first record; None if only differences are known."""
    source: str
    """What says so, for people."""
    pauses: bool
    """Whether evaluations, checkpoints and other pauses are part of it."""
    each: float = 1.0
    """Steps for each of which one step time counts, where step times make the clock."""

    @property
    def length(self) -> float:
        """Seconds from the first record to the last."""
        return float(self.seconds[-1]) if len(self.seconds) else 0.0

    def at(self, steps: Floats) -> Floats:
        """Return the seconds at which steps were reached, the last time; NaN outside of what is known."""
        keep = last_pass(self.steps)
        return np.interp(steps, self.steps[keep], self.seconds[keep], left=np.nan, right=np.nan)


@dataclass(frozen=True, slots=True)
class StageEvidence:
    """One training: a run, or a stage of a pipeline."""

    name: str
    """What the stage is called."""
    state: str
    """running, stalled, crashed, finished, blind or unknown, as in `check --json`."""
    phase: str
    """The same in finer words: preempted, time_limit, vanished ..."""
    ending: Ending | None
    records: int
    first_step: int | None
    last_step: int | None
    total: int | None
    """Planned number of steps, if known."""
    fraction: float | None
    epoch_steps: int | None
    by_epoch: bool
    """Whether its newest step is an epoch."""
    restarts: tuple[int, ...]
    """Steps from which training continued after going back."""
    launches: tuple[tuple[int, int | None], ...]
    """Records and newest step before each further launch that the log shows and that may have trained."""
    curves: Mapping[str, Curve]
    clock: Clock | None
    ranks: Mapping[int, RankState]
    checkpoints: tuple[Checkpoint, ...]
    """Those seen in directories, oldest first."""
    saves: tuple[Save, ...]
    """Those that only logs report, oldest first."""
    spoilt: tuple[int, str] | None
    """Step up to which the weights are good, and what they are after it; None where all may be good."""
    last_good: int | None
    """Step of the newest good checkpoint."""
    incidents: tuple[IncidentRow, ...]
    results: Mapping[str, float]
    """What was evaluated after the last training record."""
    events: tuple[Event, ...]
    """The newest things that happened, oldest first."""

    @property
    def begun_again(self) -> tuple[int, ...]:
        """Steps from which all of it was trained once more: its figures are of several trainings."""
        again = tuple(step for step in self.restarts if step <= (self.first_step or 0) + 1)
        return () if self.within_epochs else again

    @property
    def of_iterations(self) -> bool:
        """Whether its steps are epochs, and the step times are of the iterations within them."""
        return self.by_epoch and STEP_TIME in self.curves and _of_iterations(self.curves[STEP_TIME])

    @property
    def within_epochs(self) -> bool:
        """Whether steps went back while the epoch only grew: the log counts them within an epoch."""
        epochs = self.curves.get(EPOCH)
        if epochs is None or not self.restarts or self.epochs_fell:
            return False
        grown = epochs.summary.maximum - epochs.summary.minimum
        return 0.5 * grown <= len(self.restarts) <= grown

    @property
    def epochs_fell(self) -> int:
        """How often the epoch began again: it fell to less than half."""
        epochs = self.curves.get(EPOCH)
        values = epochs.points.last[np.isfinite(epochs.points.last)] if epochs is not None else np.empty(0)
        return int(np.sum(values[1:] < 0.5 * values[:-1]))


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """One run as people see it."""

    id: str
    name: str
    format: str | None
    sources: tuple[str, ...]
    """Paths, the one whose records are the run's steps first."""
    facts: Facts
    lines: int
    unparsed: int
    state: str
    phase: str
    health: str
    """ok, warning or critical."""
    reason: str
    """Why it is blind, or what is wrong with a run that has finished; else ""."""
    stages: tuple[StageEvidence, ...]
    """Oldest first; at least one."""
    unseen: tuple[tuple[str, str], ...]
    """Path and reason of what could not be read."""
    log: tuple[tuple[int, str], ...]
    """Number and text of the newest lines."""
    logs: tuple[str, ...] = ()
    """Paths of its logs, the leading one first."""

    @property
    def main(self) -> StageEvidence:
        """The stage with most training records."""
        return max(self.stages, key=lambda stage: stage.records)

    @property
    def newest(self) -> StageEvidence:
        """The stage that is under way, or was last."""
        return self.stages[-1]

    @property
    def over(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.phase in HALTED


def gather(engine: Engine, now: float, sidecars: Mapping[str, str] | None = None) -> tuple[RunEvidence, ...]:
    """Return the evidence of every run that an engine has read to its end; `now` is Unix time.

    `sidecars`: facts that belong to the run, if there is only one. The beginning of its log is read again for
    the settings that it shows.
    """
    pipelines = list(engine.pipelines())
    more = dict(sidecars or {}) if len(pipelines) == 1 else {}
    settings = cache(printed.of_log)  # many runs may be in one log
    return tuple(_run(engine, pipeline, now, more, settings) for pipeline in pipelines)


def _run(
    engine: Engine,
    pipeline: Pipeline,
    now: float,
    more: Mapping[str, str],
    settings: Callable[[str], Mapping[str, str]],
) -> RunEvidence:
    group, newest = pipeline.group, pipeline.newest
    logs = [source.path for source in group.sources.values() if source.member.kind == LOG]
    logs.sort(key=lambda path: group.paths.index(path) if path in group.paths else len(logs))
    about = {**(settings(logs[0]) if logs else {}), **more}
    for stage in pipeline.stages:
        about |= stage.run.about
    speaker = group.speaker()
    unseen = [(source.id, lost.reason) for source in group.sources.values() if (lost := source.unseen)]
    return RunEvidence(
        id=pipeline.id,
        name=newest.run.name,
        format=newest.run.format,
        sources=group.paths,
        facts=sort_facts(about),
        lines=group.lines,
        unparsed=group.unparsed,
        state=engine.state(group, newest, now),
        phase=group.shown_phase(newest, now),
        health=newest.health,
        reason=newest.reason,
        stages=tuple(
            _stage(engine, group, stage, name, now)
            for stage, name in zip(pipeline.stages, _named(pipeline.stages), strict=True)
        ),
        unseen=tuple(unseen),
        log=tuple(speaker.log)[-LINES:] if speaker is not None else (),
        logs=tuple(logs[:MOST_LOGS]),
    )


def _named(stages: Sequence[WatchedRun]) -> list[str]:
    """Return what stages are called; of those with one name the second is `base (2)`."""
    names: list[str] = []
    for stage in stages:
        before = sum(each.stage == stage.stage for each in stages[: len(names)])
        names.append(f"{stage.stage} ({before + 1})" if before else stage.stage)
    return names


def _stage(engine: Engine, group: Group, watched: WatchedRun, name: str, now: float) -> StageEvidence:
    run = watched.run
    saves = run.reconciled()
    curves = {name: _curve(name, run.printed.get(name, ""), series) for name, series in run.series.items()}
    return StageEvidence(
        name=name,
        state=engine.state(group, watched, now),
        phase=group.shown_phase(watched, now),
        ending=watched.ending,
        records=run.records,
        first_step=run.first_step,
        last_step=run.last_step,
        total=run.planned,
        fraction=run.covered,
        epoch_steps=run.epoch_steps,
        by_epoch=run.by_epoch,
        restarts=tuple(run.restarts),
        launches=tuple(run.launches.known),
        curves=curves,
        clock=_clock(run, curves),
        ranks=dict(sorted(run.ranks.items())),
        checkpoints=tuple(run.checkpoints),
        saves=saves.unseen,
        spoilt=spoilt(watched.incidents.rows()),
        last_good=run.good_before(sound(watched.incidents.rows())),
        incidents=watched.incident_rows(),
        results=dict(run.results),
        events=tuple(run.events),
    )


def _curve(metric: str, printed: str, series: Series) -> Curve:
    return Curve(metric, printed, series.summary, series.points(), *series.newest())


def _clock(run: Run, curves: Mapping[str, Curve]) -> Clock | None:
    """Return when steps were reached: as lines are dated, else as the program counts, else its step times."""
    if run.moments is not None and len(run.moments) > 1:
        dates = run.moments.points()
        steps, times = dates.last_x, dates.last
        if dates.count[0] > 1:
            steps = np.concatenate((dates.first_x[:1], steps))
            times = np.concatenate(([run.moments.summary.first], times))
        dated = float(times[0]) > 3660 * DAY
        seconds = np.maximum.accumulate(times - times[0])
        return Clock(steps, seconds, float(times[0]) if dated else None, "the times of its lines", True)
    counted = next((curves[name] for name in COUNTED if name in curves), None)
    took = curves.get(STEP_TIME)
    if took is not None and run.by_epoch and _of_iterations(took):
        took = None
    if counted is not None and counted.placed and counted.summary.count > 1 and counted.summary.last > 0:
        seconds = np.maximum.accumulate(np.nan_to_num(counted.points.last))
        return Clock(counted.steps, seconds, None, "the training time that it prints", False)
    if took is not None and took.summary.count > 1 and took.placed:
        finite = np.isfinite(took.points.mean)
        steps, first = took.steps[finite], took.points.first_x[finite]
        each = stride(took)
        done = np.diff(steps, prepend=float(first[0]) - each if len(first) else 0.0)
        done = np.where(done > 0, done, took.points.count[finite] * each)
        seconds = np.cumsum(took.points.mean[finite] * done)
        return Clock(steps, seconds, None, "the step times that it prints", False, each)
    return None


def _of_iterations(times: Curve) -> bool:
    """Return whether the name of step times says that they are of iterations, whatever the steps are."""
    return _ITERATION.search(times.printed) is not None


def stride(curve: Curve) -> float:
    """Return the usual number of steps from one value to the next."""
    apart = np.diff(curve.newest_steps)
    apart = apart[apart > 0]
    return float(np.median(apart)) if len(apart) else 1.0


def last_pass(steps: Floats) -> NDArray[np.bool_]:
    """Return which steps are not repeated or passed again later: what a restart did over counts once."""
    later = np.minimum.accumulate(steps[::-1])[::-1]
    after = np.concatenate((later[1:], [np.inf]))
    kept: NDArray[np.bool_] = steps < after
    return kept
