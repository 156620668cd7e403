"""Charts: exact size for any numbers, spikes and NaN visible, limits that stay put."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.core.snapshot import Columns, Mark
from runwatch.render import axis, cells
from runwatch.render.chart import Best, Cut, Options, Shade, nearest, plot
from runwatch.render.glyphs import ASCII, UNICODE
from runwatch.render.smooth import smooth

GOLDEN = [
    " 10┤⢹⡀                                  ",
    "   │ ⢧                                  ",
    "7.5┤ ⠈⡇                                 ",
    "   │  ⠳⡄                                ",
    "  5┤   ⠙⢦⡀                              ",
    "   │     ⠙⢦⣀                            ",
    "2.5┤       ⠈⠉⠓⠒⠦⠤⠤⢤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀★",
    "   └0─────────250────────500────────750─",
    "                      ▼                 ",
]

ANY = st.one_of(st.none(), st.floats())


def chart(*given, **named):
    """The rows of a chart."""
    return plot(*given, **named).rows


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
    rows = text(chart([columns(values)], 40, 9, [Mark("incident", 400)], Options()))
    assert rows == GOLDEN


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


def test_non_finite_samples_are_marked_on_the_top_row_and_shaded():
    rows = chart([columns([1.0, 2.0, math.nan, 2.0, math.inf, 1.0])], 30, 6)
    assert [sign for sign, role in rows[0] if role == "bad on shade-crit"] == ["!", "!"]
    shaded = [[role for _, role in row if role.endswith("on shade-crit")] for row in rows[:-1]]
    assert [len(roles) for roles in shaded] == [2] * 5
    assert "!" in text(chart([columns([math.nan])], 30, 6))[0]


def test_marks_have_a_row_of_their_own_and_incidents_win():
    marks = [Mark("incident", 50), Mark("checkpoint", 50), Mark("eval", 20), Mark("incident", 10**9)]
    drawn = plot([columns([1.0] * 11)], 40, 6, marks)
    rule, row = text(drawn.rows)[-2:]
    assert row.count("▼") == 1
    assert "◆" not in row
    assert "◇" in row
    assert re.findall(r"\d+", rule) == ["0", "25", "50", "75", "100"]
    assert drawn.marks == ("incident", "checkpoint", "eval")


def test_few_rows_have_marks_where_no_label_is():
    low = text(chart([columns([1.0] * 11)], 40, 5, [Mark("incident", 50), Mark("eval", 40)]))
    assert re.findall(r"\d+", low[-1]) == ["0", "25", "50", "75", "100"]
    assert "◇" in low[-1]
    assert "▼" not in low[-1]


@pytest.mark.parametrize("last", [3, 7, 9, 13, 101, 103, 5633, 41_984, 10**7 + 1])
@pytest.mark.parametrize("width", [24, 34, 60, 118, 198])
def test_four_round_labels_on_x_that_do_not_touch(last, width):
    xs = tuple(float(x) for x in range(0, last + 1, max(1, last // 100)))
    ones = (1.0,) * len(xs)
    rows = chart([Columns("m", xs, ones, ones, ones, ones, (0,) * len(xs))], width, 9, (), Options(last=last))
    found = re.findall(r"[\d.]+[kM]?", text(rows)[-1])
    assert len(found) >= (4 if width >= 34 else 2), found
    assert len(set(found)) == len(found)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=40),
    st.integers(8, 40),
    st.booleans(),
    st.sampled_from([UNICODE, ASCII]),
)
def test_four_labels_on_y_from_eight_rows_on(values, height, log, glyphs):
    rows = chart([columns(values)], 60, height + 1, (), Options(log=log, glyphs=glyphs))
    named = [row for row in text(rows)[:-1] if re.match(rf" *[-\de.]+[kMGTPE]?[{glyphs.tick}]", row)]
    assert len(named) >= 4, named
    assert len(named) <= 16


def test_low_charts_have_as_many_labels_as_fit():
    for height, least in ((3, 1), (4, 2), (6, 2), (7, 3)):
        rows = text(chart([columns([0.0, 10.0, 3.0])], 40, height + 1))[:-1]
        assert sum("┤" in row for row in rows) >= least, rows


def test_between_labels_are_minor_ticks_where_there_is_room():
    high = text(chart([columns([0.0, 10.0])], 60, 40))
    assert sum(row[: row.index("┤")].strip() == "" for row in high if "┤" in row) >= 4
    assert "┴" in high[-1]
    assert "┴" not in text(chart([columns([0.0, 10.0])], 24, 9))[-1]


def spread(count=50, high=9.0, single=0.0):
    """Columns of which each holds several values, but for the first part `single` of them."""
    alone = int(count * single)
    tops = tuple(3.0 if i < alone else high for i in range(count))
    return Columns(
        "m", tuple(range(count)), (3.0,) * count, tops, (3.0,) * count, (3.0,) * count, (0,) * count
    )


def test_several_values_a_column_make_a_filled_band():
    rows = chart([spread()], 40, 9)[:-1]
    filled = [sum(len(t) for t, role in row if role == "edge on band") for row in rows]
    assert sum(count >= 35 for count in filled) >= 5, filled
    assert all("⠉" not in cells.row_text(row) for row in rows[:4])


def test_single_values_are_a_connected_line_behind_the_smooth_one():
    values = [1.0, 9.0] * 20
    rows = chart([columns(values)], 40, 9, (), Options(smoothing=0.9))
    raw = [sum(len(t.strip()) for t, role in row if role == "raw") for row in rows[:-1]]
    assert all(raw[1:-1]), raw
    assert not any("band" in role for row in rows for _, role in row)
    assert not any(role == "raw" for row in chart([columns(values)], 40, 9) for _, role in row)


def test_points_further_apart_than_cells_and_steep_bands_have_no_holes():
    sparse = Columns(
        "m", (0.0, 50.0, 100.0), (1.0, 5.0, 9.0), (2.0, 6.0, 10.0), (1.5, 5.5, 9.5), (), (0,) * 3
    )
    rows = text(chart([sparse], 60, 13)[:-1])
    for column in zip(*(row[4:] for row in rows), strict=True):
        assert set(column) != {" "} or column is None


def test_what_is_cut_off_is_counted_and_marked_at_its_edge():
    values = [1 + (i % 7) / 10 for i in range(100)]
    values[50], values[60], values[70] = 1e6, 2e6, -1e6
    drawn = plot([columns(values)], 80, 8)
    assert drawn.above == Cut(2, 2e6, True)
    assert drawn.below == Cut(1, -1e6, True)
    rows = text(drawn.rows)
    assert rows[0].count("▲") == 2
    assert rows[-2].count("▼") == 1
    assert plot([columns(values)], 80, 8, (), Options(log=True)).above == Cut()


def test_the_newest_values_are_in_the_range_however_far_they_are():
    values = [1 + (i % 7) / 10 for i in range(400)]
    lone = plot([columns([*values, 1e6, 1.2])], 80, 8)
    assert lone.scale.high < 10
    gone = plot([columns([*values, 900.0, 1000.0, 1100.0])], 80, 8)
    assert gone.scale.high >= 1000


def test_the_range_before_stays_while_it_suits():
    before = plot([columns([0.0, 10.0])], 40, 9).scale
    assert plot([columns([0.0, 8.5])], 40, 9, (), Options(scale=before)).scale == before
    assert plot([columns([0.0, 8.5])], 40, 9).scale != before
    assert plot([columns([0.0, 4.0])], 40, 9, (), Options(scale=before)).scale.high <= 5
    assert plot([columns([0.0, 12.0])], 40, 9, (), Options(scale=before)).scale.high >= 12


def test_the_best_value_has_a_star_where_it_is_known_which_is_better():
    values = [5.0, 2.0, 7.0, 3.0]
    for metric, best in (("val/loss", (10.0, 2.0)), ("val/accuracy", (20.0, 7.0)), ("perf/mfu", None)):
        drawn = plot([columns(values, metric)], 40, 9)
        assert drawn.best == (best and Best(metric, *best, True))
        assert sum(row.count("★") for row in text(drawn.rows)) == bool(best)
    both = plot([columns(values, "train/loss"), columns([9.0, 8.0, 7.5, 8.0], "val/loss")], 40, 9)
    assert both.best == Best("val/loss", 20.0, 7.5, True)
    assert plot([columns([1.0, 1.0], "val/loss")], 40, 9).best is None


def test_shades_lie_behind_all_and_later_ones_win():
    shades = [Shade(20, 60, "shade-warn"), Shade(50, 80, "shade-crit"), Shade(1000, math.inf, "shade-crit")]
    rows = chart([columns([1.0, 5.0, 2.0] * 4)], 60, 9, (), Options(shades=shades))[:-1]
    for row in rows:
        told = [role.partition(" on ")[2] for sign, role in row for _ in sign]
        assert {"shade-warn", "shade-crit"} <= set(told)
        assert told.index("shade-crit") > told.index("shade-warn")
    smooth_ones = {role for row in rows for _, role in row if role.startswith("smooth")}
    assert smooth_ones >= {"smooth", "smooth on shade-warn", "smooth on shade-crit"}


def test_a_cell_has_its_step_and_back():
    drawn = plot([columns([1.0] * 11)], 60, 9)
    assert drawn.step(drawn.gutter) == 0
    assert drawn.step(drawn.gutter + drawn.window.cells - 1) == 100
    assert drawn.step(drawn.gutter - 1) is None
    assert drawn.step(60) is None
    for cell in range(drawn.window.cells):
        assert drawn.window.cell(drawn.step(drawn.gutter + cell)) in {cell - 1, cell, cell + 1}


def test_limits_do_not_move_with_small_changes():
    one = axis.scale([2.0, 2.31, 9.87])
    two = axis.scale([2.0, 2.308, 9.91])
    assert (one.low, one.high) == (two.low, two.high)


def named(scale, wanted):
    return [label for _, label in axis.ticks(scale, wanted).labels]


def test_ticks_are_round():
    assert named(axis.scale([0, 430_000]), 4) == ["0", "100k", "200k", "300k", "400k"]
    assert named(axis.scale([1e-4, 3e-4]), 3) == ["1e-4", "2e-4", "3e-4"]
    assert named(axis.Scale(0.0, 1.0), 4) == ["0", "0.25", "0.5", "0.75", "1"]
    assert named(axis.Scale(5000.0, 5001.0), 2) == ["5000", "5001"]
    assert named(axis.scale([0.01, 900], log=True), 7) == ["0.01", "0.03", "0.1", "0.3", "1", "3", "10", "30", "100", "300", "1k"]  # fmt: skip
    assert named(axis.scale([0.01, 900], log=True), 4) == ["0.01", "0.1", "1", "10", "100", "1k"]
    assert named(axis.scale([2.1, 2.4], log=True), 4) == ["2", "2.1", "2.2", "2.3", "2.4", "2.5"]


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
    assert named(axis.scale([0.0]), 3)[-1] == "1"
