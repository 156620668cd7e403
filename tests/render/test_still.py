"""A chart keeps its picture while newer data would look the same, and not a moment longer."""

import math
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.snapshot import Columns, Mark
from runwatch.render.charts.chart import Plot, plot
from runwatch.render.charts.options import Options, Shade
from runwatch.render.charts.still import Asked, Picture, picture
from runwatch.render.glyphs import ASCII, UNICODE

STEPS = 80


def curve(newest: float = 2.6, lowest: float = 2.0) -> Columns:
    """A loss that falls in 80 buckets; the newest differs, or the lowest value of the first."""
    mean = (*(3.0 + 8.0 * math.exp(-i / 10) for i in range(STEPS - 1)), newest)
    low = (lowest, *(y * 0.98 for y in mean[1:]))
    steps = tuple(float(100 * i) for i in range(STEPS))
    return Columns("train/loss", steps, low, tuple(y * 1.02 for y in mean), mean, mean, (0,) * STEPS)


def asked(columns: Columns, **changed) -> Asked:
    """The loss in a chart of 56 by 13 cells."""
    return replace(Asked([columns], 56, 13, (), Options(smoothing=0.6)), **changed)


def drawn_again(what: Asked, before: Picture) -> Picture:
    """All of a chart, drawn with the ranges of another one."""
    ranges = Plot([], scale=before.plot.scale, window=before.plot.window, newest=before.plot.newest)
    return Picture(what, plot(what.series, what.width, what.height, what.marks, what.options, ranges))


FIRST = picture(asked(curve()))


def test_a_newest_value_that_moves_by_less_than_a_dot_leaves_the_picture():
    assert picture(asked(curve(2.61)), FIRST) is FIRST


def test_a_right_edge_that_moves_by_less_than_half_a_dot_leaves_the_picture():
    older = curve()
    later = msgspec.structs.replace(older, x=(*older.x[:-1], older.x[-1] + 30))
    assert picture(asked(later), FIRST) is FIRST
    far = msgspec.structs.replace(older, x=(*older.x[:-1], older.x[-1] + 60))
    assert picture(asked(far), FIRST) is not FIRST


def test_small_moves_add_up_to_one_that_is_seen():
    shown, seen = FIRST, set()
    for i in range(100):
        shown = picture(asked(curve(2.6 + 0.01 * i)), shown)
        seen.add(id(shown))
        fresh = drawn_again(asked(curve(2.6 + 0.01 * i)), shown)
        assert sum(a != b for a, b in zip(shown.plot.rows, fresh.plot.rows, strict=True)) <= 3
    assert 3 < len(seen) < 60


@pytest.mark.parametrize(
    "other",
    [
        asked(curve(4.0)),
        asked(curve(2.6, lowest=1.999)),  # the best value is written below the chart
        asked(msgspec.structs.replace(curve(), nonfinite=(*(0,) * (STEPS - 1), 1))),
        asked(msgspec.structs.replace(curve(), mean=(*curve().mean[:-1], None))),
        asked(msgspec.structs.replace(curve(), metric="val/loss")),
        asked(curve(), width=57),
        asked(curve(), height=12),
        asked(curve(), marks=(Mark("eval", 300),)),
        asked(curve(), options=Options(smoothing=0.9)),
        asked(curve(), options=Options(smoothing=0.6, cursor=300.0)),
        asked(curve(), options=Options(smoothing=0.6, shades=[Shade(100, 200, "shade-warn")])),
        asked(curve(), series=[curve(), msgspec.structs.replace(curve(), metric="val/loss")]),
    ],
    ids=[
        "value",
        "best",
        "nan",
        "gap",
        "metric",
        "width",
        "height",
        "mark",
        "smoothing",
        "cursor",
        "shade",
        "two",
    ],
)
def test_what_is_seen_makes_a_new_picture(other):
    assert picture(other, FIRST) is not FIRST


ANY = st.one_of(st.none(), st.floats(), st.sampled_from([1.0, 1.001, 2.0, 2.001, 50.0]))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(ANY, ANY), min_size=1, max_size=30),
    st.dictionaries(st.integers(0, 29), st.tuples(ANY, ANY), max_size=3),
)
def test_what_a_kept_picture_says_in_numbers_is_current(values, changed):
    def columns(pairs):
        x = tuple(float(i) for i in range(len(pairs)))
        low, high = (tuple(pair[i] for pair in pairs) for i in (0, 1))
        return Columns("train/loss", x, low, high, low, low, (0,) * len(x))

    first = picture(asked(columns(values)))
    later = asked(columns([changed.get(i, pair) for i, pair in enumerate(values)]))
    kept = picture(later, first)
    if kept is first:
        fresh = drawn_again(later, first)
        assert (kept.plot.best, kept.plot.above, kept.plot.below) == (
            fresh.plot.best, fresh.plot.above, fresh.plot.below,
        )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(ANY, ANY), min_size=1, max_size=40),
    st.lists(
        st.tuples(
            st.dictionaries(st.integers(-4, 39), st.tuples(ANY, ANY), max_size=2),
            st.sampled_from([Options(smoothing=0.6), Options(), Options(smoothing=0.6, cursor=3.0)]),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([UNICODE, ASCII]),
)
def test_what_is_drawn_on_top_of_a_picture_is_what_is_drawn_from_scratch(values, later, glyphs):
    def columns(pairs, metric="train/loss"):
        x = tuple(float(i) for i in range(len(pairs)))
        low, high = (tuple(pair[i] for pair in pairs) for i in (0, 1))
        return Columns(metric, x, low, high, low, low, (0,) * len(x))

    shown = picture(asked(columns(values), options=Options(smoothing=0.6, glyphs=glyphs)))
    for changed, options, more in later:
        for i, pair in changed.items():
            if -len(values) <= i < len(values):
                values[i] = pair
        values += values[:more]
        series = [columns(values), columns(values[::2], "val/loss")][: 1 + more]
        next_one = asked(series[0], series=series, options=replace(options, glyphs=glyphs))
        fresh = drawn_again(next_one, shown)
        seen = picture(next_one, shown)
        if seen is not shown:
            assert seen.plot.rows == fresh.plot.rows
        shown = seen
