"""How long the rest of a run takes is what a list of all its moments says."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, median, pstdev
from typing import NamedTuple

import numpy as np
import pytest

from runwatch.core.block import Samples
from runwatch.core.fold.eta import Pace
from runwatch.core.fold.timing import Timing, remaining
from runwatch.core.series import Series

SPAN, RAW, PAUSES, PACES = 64, 3, 128, 64
Interval = tuple[float, float, float]
"""The step it begins at, how many steps it has, and its seconds."""


class Pause(NamedTuple):
    begin: float
    end: float
    seconds: float


def plain(intervals: list[Interval]) -> tuple[list[Interval], list[Pause]]:
    """Return the intervals that move forward without a pause, and the pauses in the others."""
    forward = [each for each in intervals if each[1] > 0]
    typical = median(took / steps for _, steps, took in forward) if forward else 0.0
    pausing = [each for each in forward if each[2] - typical * each[1] > 2 * typical * each[1]]
    pauses = [Pause(at, at + steps, took - typical * steps) for at, steps, took in pausing]
    return [each for each in forward if each not in pausing], pauses


def rate(part: list[Interval]) -> float:
    return math.fsum(took for *_, took in part) / math.fsum(steps for _, steps, _ in part)


def pace(part: list[Interval]) -> tuple[float, float]:
    """Return seconds per step and their error: of the newest 12 or 48 intervals where those differ, or of all."""
    for size in (12, 48):
        new, old = part[-size:], part[:-size]
        error = pstdev(took / steps for _, steps, took in new) / math.sqrt(len(new))
        if old and abs(rate(new) - rate(old)) > max(4 * error, 0.1 * rate(old)):
            return rate(new), error
    return rate(part), pstdev(took / steps for _, steps, took in part) / math.sqrt(len(part))


def fifths(part: list[Interval]) -> list[list[Interval]]:
    """Return five parts, of which the first ones are longer by one where it does not divide."""
    size, more = divmod(len(part), 5)
    ends = [size * n + min(n, more) for n in range(6)]
    return [part[low:high] for low, high in pairwise(ends) if low < high]


def to_come(pauses: list[Pause], first: float, last: float, total: float, marks: list[float]):
    """Return the seconds of the pauses to come, and how unsure they are."""
    kinds: list[list[Pause]] = []
    for pause in sorted(pauses, key=lambda pause: pause.seconds):
        if not kinds or pause.seconds > 2.5 * kinds[-1][0].seconds:
            kinds.append([])
        kinds[-1].append(pause)
    marks = [mark for mark in marks if mark >= first]
    found = unsure = 0.0
    for kind in kinds:
        ends, took = sorted(pause.end for pause in kind), [pause.seconds for pause in kind]
        marked = sum(any(pause.begin <= mark <= pause.end for mark in marks) for pause in kind)
        known = 2 * marked >= max(len(kind), len(marks))
        gaps = [late - early for early, late in pairwise(ends)] or [ends[0] - first]
        every = fmean(gaps)
        steady = len(ends) > 2 and pstdev(gaps) <= 0.6 * every
        if every <= 0 or not (known or steady) or last > ends[-1] + 2 * every:
            continue
        times = max(0, math.ceil((total - ends[-1]) / every - 0.02) - 1)
        found += times * median(took)
        unsure += times * (pstdev(took) if len(took) > 2 else 0.3 * took[0])
    return found, unsure


def expected(steps: list[float], times: list[float], last: float, total: float, marks: list[float]):
    """Return (seconds, half width, pace) of the steps from `last` to `total`; None while they are not known."""
    moments: list[tuple[float, float]] = []
    for step, time in zip(steps, times, strict=True):
        if not moments or time > moments[-1][1]:
            moments.append((step, time))
    all_of_them = [(a, b - a, late - early) for (a, early), (b, late) in pairwise(moments)]
    digested = max(0, len(all_of_them) // SPAN - RAW)
    spans = [plain(all_of_them[SPAN * n : SPAN * (n + 1)]) for n in range(digested)]
    newest = all_of_them[SPAN * digested :]
    here, pauses = plain(newest)
    if len(newest) < 3 or len(here) < 3:
        return None
    former = [pause for _, some in spans for pause in some][-PAUSES:]
    rates = [rate(part) for part, _ in spans if part][-PACES:] + [rate(part) for part in fifths(here)]
    seconds, error = pace(here)
    left = max(0.0, total - last)
    pausing, unsure = to_come([*former, *pauses], steps[0], last, total, marks)
    whole = left * seconds + pausing
    return whole, math.hypot(2 * math.hypot(error, pstdev(rates)) * left, unsure, 0.02 * whole), seconds


def moments(rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Return steps and times: with pauses at some distance, of several kinds, that may go back."""
    count = int(rng.choice([3, 4, 5, 9, 30, 60, 130, 300, 500]))
    stride = float(rng.choice([1, 10]))
    took = stride * np.exp(rng.choice([0.0, 0.02, 0.2]) * rng.normal(size=count))
    took[int(rng.integers(count)) :] *= rng.choice([1.0, 1.0, 1.05, 1.3, 0.5])
    for _ in range(int(rng.integers(0, 4))):
        every, height = int(rng.choice([7, 20, 50, 90])), stride * float(rng.choice([1.9, 2.2, 8, 19, 60]))
        took[int(rng.integers(every)) :: every] += height * np.exp(rng.choice([0.0, 0.3]) * rng.normal())
    took[rng.random(count) < rng.choice([0.0, 0.01])] += 700 * stride
    took[rng.random(count) < rng.choice([0.0, 0.05])] = 0.0
    moves = np.full(count, stride)
    moves[rng.random(count) < rng.choice([0.0, 0.02])] *= -int(rng.integers(0, 30))
    steps = int(rng.choice([0, 1, 500])) + np.cumsum(moves)
    return steps.tolist(), (1e9 + np.cumsum(took)).tolist()


@pytest.mark.parametrize("part", range(6))
def test_the_rest_takes_as_long_as_a_list_of_all_moments_says(part):
    known = 0
    for seed in range(part, 300, 6):
        rng = np.random.default_rng([seed, 5])
        steps, times = moments(rng)
        last = steps[-1] + float(rng.choice([0, 0, 40]))
        total = last + float(rng.choice([-1, 0, 30, 1000]))
        marks = [mark for mark in steps if rng.random() < rng.choice([0.0, 0.05])]
        if rng.random() < 0.5:  # behind pauses, and before the first step
            marks = [step for (step, early), (_, late) in pairwise(zip(steps, times, strict=True))
                     if late - early > 4 * abs(steps[1] - steps[0])] + [-5.0] * int(rng.integers(0, 3))  # fmt: skip
        made, cuts = Pace(), sorted(rng.integers(0, len(steps), int(rng.integers(0, 4))).tolist())
        for low, high in pairwise([0, *cuts, len(steps)]):
            made.observe(np.array(steps[low:high]), np.array(times[low:high]))
        found, wanted = made.estimate(last, total, marks), expected(steps, times, last, total, marks)
        assert (found is None) == (wanted is None), seed
        if found is not None:
            assert list(found) == pytest.approx(wanted, rel=1e-6), seed
            known += 1
    assert known > 30


# -- what programs print ----------------------------------------------------------------------------


def series(steps, values) -> Series:
    made, steps = Series("perf/step_time"), np.asarray(steps, float)
    made.add(Samples(steps, steps, steps, np.asarray(values, float)))
    return made


def percentile(values: list[float], share: float) -> float:
    place = share * (len(values) - 1)
    low, high = sorted(values)[math.floor(place)], sorted(values)[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def of_step_times(seconds: list[float]):
    """Return (seconds per step, half width): the median of the newest, or their mean up to twice as much."""
    recent = seconds[-1024:]
    if len(seconds) <= 1024:
        recent = recent[min(32, len(recent) // 2) :]
    recent = [each for each in recent if math.isfinite(each)]
    if not recent:
        return None
    size, more = divmod(len(recent), 8)
    ends = [size * n + min(n, more) for n in range(9)]
    means = [fmean(recent[low:high]) for low, high in pairwise(ends) if low < high]
    typical = median(recent)
    width = (percentile(means, 0.9) - percentile(means, 0.1)) / 2
    return min(max(typical, fmean(recent)), 2 * typical), width


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20, 63, 64, 65, 200, 1023, 1024, 1025, 1100])
def test_printed_step_times_make_the_pace(count):
    for seed in range(6):
        rng = np.random.default_rng([seed, count])
        seconds = np.exp(rng.choice([0.01, 0.5, 2.5]) * rng.normal(size=count))
        seconds[: int(rng.choice([0, 1, 40]))] = 90.0
        seconds[rng.random(count) < rng.choice([0.0, 0.1, 0.9])] = np.nan
        found = Timing().printed(series(range(count), seconds))
        wanted = of_step_times(seconds.tolist())
        assert found == (None if wanted is None else pytest.approx(wanted, rel=1e-9, abs=1e-12)), seed
    assert Timing().printed(None) is None


def test_the_pace_is_that_of_the_newest_step_times():
    timing, times = Timing(), series([1, 2], [1.0, 1.0])
    assert timing.printed(times) == (1.0, 0.0)
    times.add(Samples(*(np.full(8, each) for each in (3.0, 3.0, 3.0, 5.0))))
    assert timing.printed(times) == (5.0, 0.0)
    assert timing.printed(series([1, 2], [3.0, 3.0])) == (3.0, 0.0), "another series of the same length"


@pytest.mark.parametrize(
    ("steps", "left", "width"),
    [
        ([0, 1, 2, 3, 4], [50, 49, 48, 47, 46], 4.6),  # a tenth of it at least
        ([0, 1, 2, 3], [50, 49, 48, 47], None),  # less than 4 s
        ([0, 4], [50, 48], 48 * 2 / 4),  # off by 2 of 4 s: a quarter, and a second for rounding
        ([0, 4], [50, 47.9], 47.9 * 1.9 / 4),
        ([0, 4], [50, 48.1], None),
        ([0, 8], [50, 39], 39 * 3 / 8),
        ([0, 8], [50, 38.9], None),
        ([0, 8], [50, math.nan], None),
        ([0, 2, 8], [50, math.inf, 42], None),
        ([8], [50], None),
        ([], [], None),
        ([0, *range(20, 83), 83], [999, *range(100, 37, -1), 37], 3.7),  # the newest 64
        ([0, *range(20, 82), 82], [999, *range(100, 38, -1), 38], None),
    ],
)
def test_the_remaining_time_that_a_program_prints_counts_while_it_falls_as_time_goes_by(steps, left, width):
    for pace in (1.0, 2.0):
        found, source = remaining(series([step / pace for step in steps], left), pace)
        assert (found is None) == (width is None) == (source == "")
        assert found is None or list(found) == pytest.approx([left[-1], width, pace])
    assert remaining(None, 1.0) == (None, "")
