"""What a series keeps and shows is what a list of all its samples says."""

from __future__ import annotations

import math
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.block import Samples
from runwatch.core.series import Detail, Series, united

DETAILS = Detail(8, 16, 10), Detail(16, 4, 10), Detail(8, 8, 10)
Sample = tuple[float, float]


class Stretch(NamedTuple):
    """Neighboring samples of which a sum is kept, and those of which the extremes and the last are."""

    summed: list[Sample]
    within: list[Sample]
    begin: float

    @property
    def end(self) -> float:
        return self.within[-1][0]

    def meets(self, low: float, high: float) -> bool:
        return min(self.begin, self.end) <= high and max(self.begin, self.end) >= low


def placed(steps: list[float]) -> list[float]:
    """Return the step of each sample: of one without, that before it, else the first, else its number."""
    known = [step for step in steps if not math.isnan(step)]
    if not known:
        return [float(number) for number in range(len(steps))]
    found, newest = [], known[0]
    for step in steps:
        newest = newest if math.isnan(step) else step
        found.append(newest)
    return found


def stretches(
    steps: list[float], values: list[float], detail: Detail, low: float, high: float
) -> list[Stretch]:
    """Return what is kept of samples that a plot from `low` to `high` is made of."""
    samples = list(zip(placed(steps), values, strict=True))
    folded = len(samples) // detail.chunk * detail.chunk
    raw = max(0, folded - detail.chunk)  # from there on every sample is kept
    size = max(1, detail.chunk // detail.buckets)
    while -(-folded // size) > detail.buckets:
        size *= 2

    def single(part: list[Sample]) -> list[Stretch]:
        return [Stretch([each], [each], each[0]) for each in part]

    buckets = [samples[at : min(at + size, folded)] for at in range(0, folded, size)]
    kept = [Stretch(part, part, part[0][0]) for part in buckets]
    if any(bucket.meets(low, high) for bucket in kept[: -(-raw // size)]):
        opening = detail.chunk
        if size <= opening:
            kept = kept[opening // size :]
        else:
            kept[0] = Stretch(buckets[0][opening:], buckets[0], samples[opening - 1][0])
        kept = [*single(samples[:opening]), *kept, *single(samples[folded:])]
    else:
        kept = single(samples[raw:])
    return [stretch for stretch in kept if stretch.meets(low, high)]


def finite(samples: list[Sample]) -> list[float]:
    return [value for _, value in samples if math.isfinite(value)]


def column(part: list[Stretch]) -> tuple[float | None, ...]:
    """Return what a column shows: the lowest, the highest, the mean, the last, and how many are not finite."""
    known = [value for stretch in part for value in finite(stretch.within)]
    summed = [sample for stretch in part for sample in stretch.summed]
    counted = finite(summed)
    if not known or not counted:  # the last sample was known before
        return None, None, None, known[-1] if known else None, len(summed)
    return min(known), max(known), math.fsum(counted) / len(counted), known[-1], len(summed) - len(counted)


def plotted(kept: list[Stretch], low: float | None, high: float | None, width: int, log: bool) -> list:
    """Return (x, what is shown there) of each column."""
    kept = [stretch for stretch in kept if not log or stretch.end > 0]
    if not kept:
        return []
    low = min(stretch.begin for stretch in kept) if low is None else low
    high = max(stretch.end for stretch in kept) if high is None else high
    low = max(low, min(stretch.end for stretch in kept)) if log else low
    axis = math.log if log else float

    def place(stretch: Stretch) -> int:
        if high <= low:
            return 0
        share = (axis(min(max(stretch.end, low), high)) - axis(low)) / (axis(high) - axis(low))
        return min(int(share * width + (1e-9 if log else 0)), width - 1)

    ends = [stretch.end for stretch in kept]
    if len(kept) > width or any(late <= early for early, late in pairwise(ends)):
        parts = [list(part) for _, part in groupby(sorted(kept, key=place), key=place)]
    else:
        parts = [[stretch] for stretch in kept]
    xs = [min(max(low, *(stretch.end for stretch in part)), high) for part in parts]
    if len(parts) > 1 and not log:
        xs[0] = min(max(min(stretch.begin for stretch in parts[0]), low), xs[0])
    return [(x, column(part)) for x, part in zip(xs, parts, strict=True)]


def together(first: list[Stretch], second: list[Stretch]) -> list[Stretch]:
    """Return stretches of one source, and of another one where the first has no steps."""
    if not first:
        return second
    lacking = [
        each
        for each in second
        if not any(stretch.meets(min(each.begin, each.end), max(each.begin, each.end)) for stretch in first)
    ]
    ends = [stretch.end for stretch in first]
    return [*lacking, *first] if ends != sorted(ends) else sorted([*lacking, *first], key=lambda s: s.end)


def made_up(rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Return steps and values of a run: some without steps, some that go back."""
    count = int(rng.choice([3, 30, 300]))
    count = int(rng.integers(1, count + 1))
    moves = rng.choice([0.0, 1.0, 1.0, 1.0, 2.0], count)
    moves[rng.random(count) < rng.choice([0.0, 0.02])] = -rng.integers(1, 20)
    steps = rng.integers(-1, 3) + np.cumsum(moves)
    steps[rng.random(count) < rng.choice([0.0, 0.0, 0.1, 1.0])] = np.nan
    if np.isnan(steps[:8]).all() and not np.isnan(steps).all():
        steps[7 if count > 7 else -1] = 5.0
    values = rng.normal(size=count).round(3)
    odd = rng.random(count) < rng.choice([0.0, 0.05, 0.6])
    values[odd] = rng.choice([np.nan, np.inf, -np.inf], int(odd.sum()))
    return steps.tolist(), values.tolist()


def series(steps: list[float], values: list[float], detail: Detail) -> Series:
    made, numbers = Series("train/loss", detail), np.arange(float(len(steps)))
    made.add(Samples(numbers, numbers, np.array(steps), np.array(values)))
    return made


def shown(columns) -> list:
    rest = zip(columns.low, columns.high, columns.mean, columns.last, columns.nonfinite, strict=True)
    return list(zip(columns.x, rest, strict=True))


def same(found: list, expected: list) -> None:
    assert [x for x, _ in found] == [x for x, _ in expected]
    for (_, one), (_, other) in zip(found, expected, strict=True):
        assert one[:2] + one[3:] == other[:2] + other[3:]
        assert one[2] == (None if other[2] is None else pytest.approx(other[2], rel=1e-9, abs=1e-9))


@settings(max_examples=480, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(DETAILS),
    st.none() | st.integers(-5, 310),
    st.none() | st.integers(-5, 310),
    st.integers(1, 40),
    st.booleans(),
)
def test_a_plot_shows_what_a_list_of_all_samples_says(seed, detail, low, high, width, log):
    steps, values = made_up(np.random.default_rng(seed))
    if low is not None and high is not None:
        low, high = sorted((low, high))
    if log:
        low, high = (None if bound is None else max(1, bound) for bound in (low, high))
    least, most = -math.inf if low is None else low, math.inf if high is None else high
    kept = stretches(steps, values, detail, least, most)
    made = series(steps, values, detail)
    same(shown(made.columns(low, high, width, log)), plotted(kept, low, high, width, log))
    assert made.columns(low, high, 0, log).x == ()


@pytest.mark.parametrize("first", [0, 1, 4, 5, 9])
@pytest.mark.parametrize("width", [3, 4, 7])
def test_a_plot_may_begin_before_its_data(first, width):
    steps, values = [float(step) for step in range(first, 20)], [float(step % 3) for step in range(first, 20)]
    kept = stretches(steps, values, DETAILS[0], 0.0, 19.0)
    made = series(steps, values, DETAILS[0])
    same(shown(made.columns(0, 19, width)), plotted(kept, 0, 19, width, False))


@settings(max_examples=240, deadline=None)
@given(st.integers(0, 2**32), st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 40))
def test_several_sources_are_plotted_as_their_lists_say(seed, one, two, width):
    rng, reports, kept = np.random.default_rng(seed), [], []
    for shift in (0, one, two):
        steps, values = made_up(rng)
        reports.append((series(steps, values, DETAILS[0]), shift))
        new = stretches(steps, values, DETAILS[0], -math.inf, math.inf)
        moved = [[(x + shift, value) for x, value in each] for s in new for each in (s.summed, s.within)]
        parts = zip(moved[::2], moved[1::2], new, strict=True)
        kept = together(kept, [Stretch(summed, within, s.begin + shift) for summed, within, s in parts])
    same(shown(united(reports, None, None, width)), plotted(kept, None, None, width, False))


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_the_summary_is_that_of_the_list(seed):
    rng = np.random.default_rng(seed)
    made, steps, values = Series("train/loss"), [], []
    for _ in range(3):
        more = made_up(rng)
        numbers = np.arange(float(len(more[0])))
        made.add(Samples(numbers, numbers, np.array(more[0]), np.array(more[1])))
        steps, values = steps + more[0], values + more[1]
    known = [(step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(value)]
    every = [value for _, value in known] or values
    s = made.summary
    found = [s.count, s.nonfinite, s.first, s.last]
    np.testing.assert_equal(found, [len(values), len(values) - len(known), every[0], every[-1]])
    if known:
        assert (s.minimum, s.maximum) == (min(every), max(every))
    newest = [step for step in steps if not math.isnan(step)][-1:]
    assert s.last_step == (int(newest[0]) if newest else None)
    np.testing.assert_equal(made.newest()[1].tolist(), values[-len(made.newest()[1]) :])
    np.testing.assert_equal(made.tail(5).tolist(), values[-5:])
