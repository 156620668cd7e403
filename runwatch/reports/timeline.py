"""Where the time went: what a run did when, by the pauses between its records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runwatch.core.metrics import EPOCH, STEP_TIME, of_held_out
from runwatch.core.series import Floats
from runwatch.reports.document import Part
from runwatch.reports.evidence import Clock, Curve, StageEvidence, stride

TRAINING, EVALUATING, SAVING = "training", "evaluation", "checkpointing"
BOTH = "evaluation and checkpointing"
WARMING, AGAIN, PAUSED = "warm-up", "steps done again", "pause without a known cause"
RESTARTING, BETWEEN = "restart", "change of epoch"
SHORT = "short pauses, by its step times"
"""What the clock has beyond plain steps and known pauses, where step times are printed."""
_UNPLACED = 0.02
"""Share of the time from which that is stated."""
FEWEST = 8
"""Records from which pauses are distinguished from plain steps."""
_PAUSE = 0.1
"""Time beyond that of plain steps, as a share of it, that makes a pause between two records at least."""
_NOISE = 4.0
"""Deviations of the usual times that it must exceed too."""
_SHORTEST = 0.5
"""Seconds of a pause at least."""
_FIRST = 8
"""Intervals at the begin that are slow by compiling and filling buffers, not by a pause."""
_AROUND = 25
_FEW = 8


@dataclass(frozen=True, slots=True)
class Lost:
    """Time that did not go into plain steps, by its cause."""

    cause: str
    times: int
    seconds: float
    longest: float
    longest_step: float
    """Step before the longest."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a stage did when, in seconds since its first record."""

    parts: tuple[Part, ...]
    lost: tuple[Lost, ...]
    """The largest first."""
    length: float
    plain: float
    """Seconds of plain steps."""
    condensed: bool
    """Whether short pauses may be missed, because the series is condensed."""


def course(stage: StageEvidence) -> Course | None:
    """Return what a stage did when; None if nothing dates its steps, or too few are known."""
    clock = stage.clock
    if clock is None or not clock.pauses or len(clock.steps) < FEWEST:
        return None
    done, took = np.diff(clock.steps), np.diff(clock.seconds)
    usual = _usual(done, took)
    if usual is None:
        return None
    condensed = len(clock.steps) < 0.75 * stage.records
    plain = np.where(done > 0, done, 0.0) * usual
    over = took - plain
    shortest = max(_SHORTEST, 1.5 * _resolution(clock.seconds))
    share = over[plain > 0] / plain[plain > 0]
    noise = 1.4826 * float(np.median(np.abs(share - np.median(share)))) if len(share) else 0.0
    pauses = (over > np.maximum(shortest, max(_PAUSE, _NOISE * noise) * plain)) | (done <= 0)
    evaluated, saved = _within(clock, _evaluations(stage)), _within(clock, _saves(stage))
    turned, launched = _within(clock, _epochs(stage)), _after(clock, _launches(stage))
    again = _again(clock.steps)
    causes = [
        RESTARTING
        if done[index] <= 0 or launched[index]
        else _cause(index, bool(evaluated[index]), bool(saved[index]), bool(turned[index]))
        for index in range(len(done))
    ]
    found: dict[str, list[tuple[float, float]]] = {}
    parts: list[Part] = []
    for index, cause in enumerate(causes):
        begin, end = float(clock.seconds[index]), float(clock.seconds[index + 1])
        if again[index] and not pauses[index]:
            found.setdefault(AGAIN, []).append((end - begin, float(clock.steps[index])))
            _extend(parts, AGAIN, begin, end)
        elif not pauses[index]:
            _extend(parts, TRAINING, begin, end)
        else:
            found.setdefault(cause, []).append((float(over[index]), float(clock.steps[index])))
            middle = end - float(over[index])
            _extend(parts, TRAINING, begin, middle)
            _extend(parts, cause, middle, end)
    lost = [_lost(cause, each) for cause, each in found.items()]
    rest = max(0.0, clock.length - sum(each.seconds for each in lost))
    short = rest - _stepping(stage, clock)
    if short > _UNPLACED * clock.length:
        lost.append(Lost(SHORT, 0, short, 0.0, float("nan")))
        rest -= short
    lost.sort(key=lambda each: -each.seconds)
    return Course(tuple(parts), tuple(lost), clock.length, rest, condensed)


def _stepping(stage: StageEvidence, clock: Clock) -> float:
    """Return the seconds that steps took by the step times that are printed; Inf where nothing says so.

    One that is printed for several steps may be of the last of them alone; of iterations, steps are epochs.
    """
    curve = stage.curves.get(STEP_TIME)
    if curve is None or stage.of_iterations or stage.restarts or curve.summary.nonfinite or stride(curve) > 1:
        return float("inf")
    return curve.mean * float(clock.steps[-1] - clock.steps[0])


def _usual(done: Floats, took: Floats) -> Floats | None:
    """Return the usual seconds per step around each interval.

    Means of a few intervals make up for clocks of whole seconds; the median of these leaves pauses out.
    """
    forward = np.flatnonzero(done > 0)
    if len(forward) < FEWEST - 1:
        return None
    few = min(_FEW, max(1, len(forward) // 8)) if _resolution(took) else 1
    steps, seconds = (np.convolve(each[forward], np.ones(few), "valid") for each in (done, took))
    pace = seconds / steps
    window = min(2 * _AROUND + 1, len(pace))
    local = np.median(np.lib.stride_tricks.sliding_window_view(pace, window), axis=1)
    centers = np.minimum(np.arange(len(local)) + (window + few) // 2, len(forward) - 1)
    local = np.minimum(local, 3 * np.median(pace))
    usual: Floats = np.interp(np.arange(len(done)), forward[centers], local)
    return usual


def _resolution(seconds: Floats) -> float:
    """Return 1 for a clock of whole seconds, else 0."""
    return 1.0 if bool(np.all(seconds == np.rint(seconds))) else 0.0


def _cause(index: int, evaluated: bool, saved: bool, turned: bool) -> str:
    if evaluated or saved:
        return BOTH if evaluated and saved else EVALUATING if evaluated else SAVING
    return WARMING if index < _FIRST else BETWEEN if turned else PAUSED


def _extend(parts: list[Part], phase: str, begin: float, end: float) -> None:
    """Add a stretch; one that continues the last becomes part of it."""
    if end <= begin:
        return
    if parts and parts[-1].phase == phase:
        begin = parts.pop().begin
    parts.append(Part(phase, begin, end))


def _lost(cause: str, pauses: list[tuple[float, float]]) -> Lost:
    longest, step = max(pauses)
    return Lost(cause, len(pauses), sum(seconds for seconds, _ in pauses), longest, step)


def _evaluations(stage: StageEvidence) -> Floats:
    """Return the steps at which something was validated."""
    found = [curve for name, curve in stage.curves.items() if of_held_out(name)]
    found = [curve for curve in found if len(np.unique(curve.steps)) < 0.5 * stage.records]
    marked = [float(event.step) for event in stage.events if event.kind == "eval_begin" and event.step]
    return np.unique(np.concatenate([np.array(marked), *(curve.steps for curve in found)]))


def _saves(stage: StageEvidence) -> Floats:
    """Return the steps at which it was saved."""
    steps = [each.step for each in stage.checkpoints] + [each.at for each in stage.saves]
    steps += [event.step for event in stage.events if event.kind in ("checkpoint", "save_part")]
    return np.unique([float(step) for step in steps if step is not None])


def _launches(stage: StageEvidence) -> Floats:
    """Return the steps after which the program was launched again."""
    return np.unique([float(step) for _, step in stage.launches if step is not None])


def _epochs(stage: StageEvidence) -> Floats:
    """Return the first known steps of epochs."""
    curve = stage.curves.get(EPOCH)
    if curve is None or not curve.exact:
        return np.empty(0)
    epochs = np.floor(curve.values)
    return np.unique(curve.steps[1:][np.diff(epochs) > 0])


def _within(clock: Clock, steps: Floats) -> NDArray[np.bool_]:
    """Return in which intervals between two records any of these steps is, or next to its begin."""
    low, high = clock.steps[:-1], clock.steps[1:]
    first = np.searchsorted(steps, low - 1e-9)
    inside: NDArray[np.bool_] = (first < len(steps)) & (
        np.append(steps, np.inf)[np.minimum(first, len(steps))] <= high
    )
    return inside


def _after(clock: Clock, steps: Floats) -> NDArray[np.bool_]:
    """Return in which intervals between two records any of these steps is, before the end of it."""
    first = np.searchsorted(steps, clock.steps[:-1] - 1e-9)
    inside: NDArray[np.bool_] = np.append(steps, np.inf)[first] < clock.steps[1:] - 1e-9
    return inside


def _again(steps: Floats) -> NDArray[np.bool_]:
    """Return which intervals repeat steps that had been done before a restart."""
    done: NDArray[np.bool_] = steps[1:] <= np.maximum.accumulate(steps)[:-1]
    return done


@dataclass(frozen=True, slots=True)
class StepTimes:
    """How long steps took, in seconds."""

    count: int
    mean: float
    """Exact, of all."""
    median: float
    low: float
    """5th percentile."""
    high: float
    """95th percentile."""
    highest: float
    """99th percentile."""
    of: int
    """How many of the newest the median and the percentiles are of."""
    slowest: float
    slowest_step: float
    slow: int
    """Of the newest, those that took more than twice the median."""
    slow_seconds: float
    """What those took beyond the median."""
    early: float
    """Median of the first tenth after warming up, and `late` of the last."""
    late: float
    every: float
    """Steps from one printed time to the next: with more than 1, most steps have none."""


def step_times(stage: StageEvidence) -> StepTimes | None:
    """Return the distribution of printed step times; None without any."""
    curve = stage.curves.get(STEP_TIME)
    if curve is None or curve.summary.count == curve.summary.nonfinite:
        return None
    values = curve.newest_values[np.isfinite(curve.newest_values)]
    median, low, high, highest = (float(np.percentile(values, p)) for p in (50, 5, 95, 99))
    slow = values[values > 2 * median]
    early, late = ends(curve)
    summary = curve.summary
    return StepTimes(
        summary.count - summary.nonfinite, curve.mean, median, low, high, highest, len(values),
        summary.maximum, summary.maximum_step, len(slow), float(np.sum(slow - median)), early, late,
        stride(curve),
    )  # fmt: skip


def ends(curve: Curve) -> tuple[float, float]:
    """Return the medians of the first tenth of a curve, after warming up, and of its last tenth."""
    values = curve.points.mean[np.isfinite(curve.points.mean)]
    values = values[min(len(values) // 10, _FIRST) :]
    tenth = max(1, len(values) // 10)
    return float(np.median(values[:tenth])), float(np.median(values[-tenth:]))
