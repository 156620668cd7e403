"""Charts: exact size for any numbers, spikes and NaN visible, limits that stay put."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.core.snapshot import Columns, Mark
from runwatch.render import axis, cells
from runwatch.render.chart import Options, chart, nearest
from runwatch.render.glyphs import ASCII, UNICODE
from runwatch.render.smooth import smooth

ANY = st.one_of(st.none(), st.floats())


def columns(values, metric="train/loss", every=10):
    """Columns of one sample each."""
    finite = tuple(v if v is not None and math.isfinite(v) else None for v in values)
    bad = tuple(int(v is not None and not math.isfinite(v)) for v in values)
    steps = tuple(float(i * every) for i in range(len(values)))
    return Columns(metric, steps, finite, finite, finite, finite, bad)


def text(rows):
    return [cells.row_text(row) for row in rows]


@st.composite
def any_columns(draw):
    """Columns as nobody would send them: odd floats, lists of unequal length."""
    lists = [tuple(draw(st.lists(ANY, max_size=30))) for _ in range(4)]
    x = tuple(draw(st.lists(st.floats(), max_size=30)))
    bad = tuple(draw(st.lists(st.integers(0, 3), max_size=30)))
    return Columns("m", x, *lists, bad)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(any_columns(), max_size=4),
    st.integers(0, 50),
    st.integers(0, 15),
    st.builds(
        Options,
        glyphs=st.sampled_from([UNICODE, ASCII]),
        smoothing=st.sampled_from([0.0, 0.6, 0.99]),
        log=st.booleans(),
        first=st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        cursor=st.one_of(st.none(), st.floats()),
        least=st.sampled_from([0.0, 0.2]),
    ),
)
def test_any_series_at_any_size(series, width, height, options):
    marks = [Mark("incident", 3), Mark("eval", 10**6), Mark("unknown", 5)]
    rows = text(chart(series, width, height, marks, options))
    assert len(rows) == height
    assert all(wcswidth(row) == width for row in rows)
    if options.glyphs.ascii:
        assert all(row.isascii() for row in rows)


def test_golden():
    values = [2 + 8 * math.exp(-i / 8) for i in range(80)]
    rows = text(chart([columns(values)], 40, 8, [Mark("incident", 400)], Options()))
    assert rows == [
        "10┤⢹⡀                                   ",
        "  │ ⢧                                   ",
        "  │ ⠈⣇                                  ",
        "  │  ⠘⡆                                 ",
        " 5┤   ⠙⢦⡀                               ",
        "  │     ⠙⠦⣄⡀                            ",
        "  │        ⠉⠓⠒⠦⠤⠤⠤⣄⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀",
        "  └0─────────────────▼───────────────790",
    ]


def test_a_spike_inside_a_column_is_drawn():
    base = (2.0,) * 50
    high = tuple(9.0 if i == 25 else 2.0 for i in range(50))
    spiky = Columns("m", tuple(range(50)), base, high, base, base, (0,) * 50)
    top = text(chart([spiky], 40, 8, (), Options(smoothing=0.9)))[0]
    assert top.strip(" │┤0123456789.")


def test_an_extreme_outlier_is_marked_and_does_not_flatten_the_rest():
    values = [1 + (i % 7) / 10 for i in range(100)]
    values[50] = 1e6
    rows = text(chart([columns(values)], 40, 8))
    assert "▲" in rows[0]
    assert sum(any(0x2800 < ord(c) < 0x2900 for c in row) for row in rows) >= 5


def test_non_finite_samples_are_marked_on_the_top_row():
    rows = chart([columns([1.0, 2.0, math.nan, 2.0, math.inf, 1.0])], 30, 6)
    assert cells.row_text(rows[0]).count("!") == 2
    assert "".join(sign for sign, role in rows[0] if role == "bad").split() == ["!", "!"]
    assert "!" in text(chart([columns([math.nan])], 30, 6))[0]


def test_marks_stand_on_the_axis_and_incidents_win():
    marks = [Mark("incident", 50), Mark("checkpoint", 50), Mark("eval", 20), Mark("incident", 10**9)]
    foot = text(chart([columns([1.0] * 11)], 40, 6, marks))[-1]
    assert foot.count("▼") == 1
    assert "◆" not in foot
    assert "◇" in foot


@pytest.mark.parametrize("last", [101, 103, 105, 108, 109, 112])
def test_labels_of_the_axis_do_not_run_together(last):
    foot = text(chart([columns([1.0] * (last + 1), every=1)], 59, 6))[-1]
    assert re.findall(r"\d+", foot.strip())[-1] == str(last)
    assert set(re.findall(r"\d+", foot)) <= {"0", "50", "100", str(last)}


def test_the_ends_of_the_axis_are_steps_as_the_log_has_them():
    numbers = [float(n) for n in range(5633)]
    assert text(chart([columns(numbers, every=1)], 40, 6))[-1].endswith("5632")
    assert text(chart([columns(numbers, every=100)], 40, 6))[-1].endswith("563.2k")


def test_limits_do_not_move_with_small_changes():
    one = axis.scale([2.0, 2.31, 9.87])
    two = axis.scale([2.0, 2.308, 9.91])
    assert (one.low, one.high) == (two.low, two.high)


def test_ticks_are_1_2_5():
    assert [label for _, label in axis.ticks(axis.scale([0, 430_000]), 4)] == ["0", "200k", "400k"]
    assert [label for _, label in axis.ticks(axis.scale([1e-4, 3e-4]), 3)] == ["1e-4", "2e-4", "3e-4"]
    assert [label for _, label in axis.ticks(axis.scale([0.01, 900], log=True), 6)] == [
        "0.01",
        "0.1",
        "1",
        "10",
        "100",
        "1k",
    ]


def test_a_steady_number_looks_steady():
    rows = text(chart([columns([412_000 + i % 3 for i in range(50)])], 40, 9, (), Options(least=0.2)))
    assert sum(any(0x2800 < ord(c) < 0x2900 for c in row) for row in rows) == 1


def test_a_constant_has_short_labels_in_the_middle():
    rows = text(chart([columns([24.79249] * 9)], 30, 7))
    assert any("25┤" in row or "24┤" in row for row in rows)


def test_smoothing_skips_gaps_and_is_not_drawn_to_zero():
    assert smooth([5.0, 5.0], 0.99) == pytest.approx([5.0, 5.0])
    assert smooth([1.0, None, math.nan, 1.0], 0.9) == [1.0, None, None, pytest.approx(1.0)]
    assert smooth([3.0, 1.0, 4.0], 0.0) == [3.0, 1.0, 4.0]


@pytest.mark.parametrize("factor", [0.6, 0.9])
def test_smoothing_does_not_lag(factor):
    ramp = [100.0 - i for i in range(101)]
    assert smooth(ramp, factor)[50] == pytest.approx(50.0, abs=0.01)
    bump = [0.0] * 50 + [1.0] + [0.0] * 50
    line = smooth(bump, factor)
    assert line.index(max(line)) == 50
    assert line[40] == pytest.approx(line[60])


def test_the_newest_smoothed_value_weighs_the_past_as_an_exponential_mean():
    assert smooth([1.0, 2.0, 4.0], 0.5)[-1] == pytest.approx((4 + 2 / 4 + 1 / 16) / (1 + 1 / 4 + 1 / 16))


def test_nearest():
    assert nearest(columns([1.0, 2.0, 3.0]), 12) == 1
    assert nearest(Columns("m"), 12) is None


def test_a_window_at_the_end_of_the_floats():
    columns = Columns("m", (0.0,), (1.0,), (1.0,), (1.0,), (1.0,), (0,))
    rows = chart([columns], 26, 6, (), Options(first=1.1e308))
    assert [cells.row_width(row) for row in rows] == [26] * 6


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_curves_are_told_apart_without_colour_also_where_they_run_together(glyphs):
    same = [columns([1.0] * 80) for _ in range(4)]
    rows = chart(same, 80, 10, options=Options(glyphs=glyphs))
    drawn = "".join(cells.row_text(row) for row in rows)
    assert all(drawn.count(point) >= 5 for point in glyphs.points), drawn
    alone = "".join(cells.row_text(row) for row in chart(same[:1], 80, 10, options=Options(glyphs=glyphs)))
    assert not set(glyphs.points) & set(alone)


def test_nothing_but_zeros_has_an_axis_that_can_be_read():
    assert axis.scale([0.0, 0.0]) == axis.Scale(0.0, 1.0)
    assert [label for _, label in axis.ticks(axis.scale([0.0]), 3)][-1] == "1"
