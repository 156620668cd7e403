"""Charts: exact size for any numbers, spikes and NaN visible, limits that stay put."""

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.core.snapshot import Columns, Mark
from runwatch.render import cells
from runwatch.render.charts import axis
from runwatch.render.charts.canvas import Canvas
from runwatch.render.charts.chart import Plot, nearest, plot
from runwatch.render.charts.extremes import Best, Cut
from runwatch.render.charts.options import Options, Shade
from runwatch.render.charts.smooth import smooth
from runwatch.render.glyphs import ASCII, UNICODE

GOLDEN = [
    " 10┤⢲                                   ",
    "   │⠈⣇                                  ",
    "7.5┤ ⠘⡆                                 ",
    "   │  ⢳⡀                                ",
    "  5┤   ⠙⢦⡀                              ",
    "   │     ⠙⢦⣀                            ",
    "2.5┤       ⠈⠉⠙⠒⠲⠤⠤⠤⠤⠤⠤⠤⠤⣄⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀★",
    "   └─0────────250────────500────────750─",
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
        unit=st.sampled_from([(1.0, ""), (1.0, "s"), (100.0, "%")]),
        shades=st.lists(
            st.builds(
                Shade,
                st.floats(-1e9, 1e9),
                st.floats(min_value=-1e9),
                st.sampled_from(["shade-crit", "picked"]),
            ),
            max_size=3,
        ),
    ),
    st.one_of(st.none(), st.builds(axis.Scale, st.floats(1e-9, 0.5), st.floats(1, 1e9), st.booleans())),
)
def test_any_series_at_any_size(series, width, height, options, scale):
    marks = [Mark("incident", 3), Mark("eval", 10**6), Mark("unknown", 5)]
    rows = text(plot(series, width, height, marks, options, Plot([], scale=scale)).rows)
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
    top = text(chart([spiky], 40, 8, (), Options(smoothing=0.9)))[:2]
    assert "".join(top).strip(" │┤0123456789.")


def test_an_extreme_outlier_is_marked_and_does_not_flatten_the_rest():
    values = [1 + (i % 7) / 10 for i in range(100)]
    values[50] = 1e6
    rows = text(chart([columns(values)], 40, 8))
    assert "↑" in rows[0]
    assert sum(any(0x2800 < ord(c) < 0x2900 for c in row) for row in rows) >= 5


def test_between_two_evaluations_that_are_not_finite_all_is_shaded():
    loss = Columns("val/loss", (0, 50, 60, 80, 100), *[(3.0, 2.0, None, None, 2.0)] * 4, (0, 0, 1, 1, 0))
    row = chart([loss], 60, 6)[2]
    grounds = "".join(
        "x" * len(sign) if role.endswith("on shade-crit") else "." * len(sign) for sign, role in row
    )
    assert len(grounds.strip(".")) > 8, "nothing finite is between them"
    assert "." not in grounds.strip(".")
    assert grounds.endswith("...."), "what comes after is finite"


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
    assert drawn.marks == (
        ("incident", "mark.incident"),
        ("checkpoint", "mark.checkpoint"),
        ("eval", "mark.eval"),
    )


def test_an_alert_has_the_color_of_its_severity_and_the_most_severe_is_on_top():
    marks = [
        Mark("incident", 50, "", "critical"),
        Mark("incident", 50, "", "warning"),
        Mark("incident", 20, "", "warning"),
    ]
    drawn = plot([columns([1.0] * 11)], 40, 8, marks)
    assert [role for sign, role in drawn.rows[-1] if "▼" in sign] == ["warn", "crit"]
    assert drawn.marks == (("incident", "crit"),)


def test_marks_that_come_by_plan_are_counted_where_there_are_too_many():
    marks = [Mark("eval", i) for i in range(0, 104, 8)]
    few, many = (plot([columns([1.0] * 11)], 60, 8, given) for given in (marks[:12], marks))
    assert text(few.rows)[-1].count("◇") == 12
    assert few.many == {}
    assert "◇" not in text(many.rows)[-1]
    assert many.many == {"eval": 13}
    assert many.marks == ()


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
    st.integers(3, 40),
    st.booleans(),
    st.sampled_from([UNICODE, ASCII]),
)
def test_labels_on_y_are_whole_rows_apart_and_four_where_there_are_rows(values, height, log, glyphs):
    rows = chart([columns(values)], 60, height + 1, (), Options(log=log, glyphs=glyphs))
    named = [
        y for y, row in enumerate(text(rows)[:-1]) if re.match(rf" *[-\de.]+[kMGTPE]?[{glyphs.tick}]", row)
    ]
    linear = not log or max(values) <= 1e-300
    assert min(4, height) <= len(named) <= 16, named
    assert not linear or len({b - a for a, b in pairwise(named)}) == 1, named


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [(0.0, 10.0, 3.0), (2.31, 2.87, 2.4), (3e-4, 1e-5), (-4.0, 71.0)])
@pytest.mark.parametrize("height", [3, 4, 5, 6, 7])
def test_low_charts_have_round_labels_that_are_where_they_say(height, values, log):
    scale = (plotted := plot([columns(values)], 40, height + 1, (), Options(log=log))).scale
    rows = text(plotted.rows)[:-1]
    named = {y: float(at[1]) for y, row in enumerate(rows) if (at := re.match(r" *([-\de.]+)┤", row))}
    assert len(named) >= (min(4, height) if not log else 2), rows
    for y, value in named.items():
        assert any(float(f"{x:.2g}") == x for x in (value, 4 * value)), rows  # 2.3 and 2.25, not 2.33
        middle = (height - 1 - y + 0.5) / height
        assert abs(scale.position(value) - middle) <= 0.5 / height + 0.05, rows


def test_between_labels_on_x_are_minor_ticks_where_there_are_eight_cells_between():
    assert "┴" in text(chart([columns([0.0, 10.0])], 100, 40))[-1]
    for width in range(12, 200):
        rule = text(chart([columns([0.0, 10.0])], width, 9))[-1]
        assert not re.search("┴─{0,5}┴", rule[rule.index("└") + 1 :]), rule


def test_no_label_of_x_is_in_the_corner():
    rule = text(chart([columns([5.0, 10.0])], 60, 9))[-1]
    assert re.search("└─+0─", rule), rule


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


def test_a_band_of_now_two_values_and_now_one_is_no_string_of_beads():
    high = tuple(6.0 if i % 2 else 5.0 for i in range(60))
    low = tuple(4.0 if i % 2 else 5.0 for i in range(60))
    fives = (5.0,) * 60
    uneven = Columns("m", tuple(range(60)), low, high, fives, fives, (0,) * 60)
    rows = chart([uneven], 65, 13)[:-1]
    widths = [0] * 60
    for row in rows:
        at = 0
        for sign, role in row:
            for cell in range(at, at + len(sign)):
                if 5 <= cell < 65:
                    widths[cell - 5] += "band" in role or role == "edge"
            at += len(sign)
    assert min(widths[:58]) >= 2, widths


@pytest.mark.parametrize(("high", "least", "most"), [(5.01, 0, 6), (5.6, 55, 200)])
def test_a_band_thinner_than_half_a_row_is_not_drawn_and_others_are_a_row_high(high, least, most):
    low = (*(5.0,) * 59, 3.0)
    steady = Columns("m", tuple(range(60)), low, (high,) * 60, (5.0,) * 60, (), (0,) * 60)
    wild = Columns("m2", (0.0, 59.0), (0.0, 10.0), (0.0, 10.0), (0.0, 10.0), (), (0, 0))
    rows = chart([steady, wild], 65, 13)[:-1]
    filled = sum(len(sign) for row in rows for sign, role in row if "band" in role or role == "edge")
    assert least <= filled <= most


def test_the_star_is_on_the_curve():
    values = [10.0 - i / 8 for i in range(79)]
    rows = text(chart([columns(values)], 44, 14)[:-1])
    star = next(y for y, row in enumerate(rows) if "★" in row)
    at = rows[star].index("★")
    assert any(0x2800 < ord(rows[y][at - 1]) < 0x2900 for y in (star - 1, star)), rows


def test_few_evaluations_lie_over_the_curve_of_training_and_other_runs_under_it():
    one, other = columns([1.0] * 80, "train/loss"), columns([1.0] * 80, "val/loss")
    roles = {role for row in chart([one, other], 60, 9) for _, role in row}
    assert "smooth" not in roles
    assert "second" in roles
    same = [role for row in chart([one, one], 60, 9) for sign, role in row for _ in sign]
    assert same.count("smooth") > same.count("second") > 0


def test_the_sign_of_a_curve_is_where_the_curve_is_in_the_middle_of_its_cell():
    canvas = Canvas(8, 1, ["second"])
    for x in range(canvas.columns):
        height = 1 if x // 2 == 6 else 0
        canvas.column("second", x, height, height)
    assert canvas.points(["second"]) == {0: {6: "second"}}


def test_a_range_of_x_that_is_asked_for_is_shown_though_the_data_begin_later():
    late = Columns("m", (50.0, 100.0), (1.0, 2.0), (1.0, 2.0), (1.0, 2.0), (), (0, 0))
    drawn = plot([late], 60, 9, (), Options(first=0.0))
    assert drawn.step(drawn.gutter) == 0.0


def test_what_is_cut_off_is_counted_and_marked_at_its_edge():
    values = [1 + (i % 7) / 10 for i in range(100)]
    values[50], values[60], values[70] = 1e6, 2e6, -1e6
    drawn = plot([columns(values)], 80, 8)
    assert drawn.above == Cut(2, 2e6, True)
    assert drawn.below == Cut(1, -1e6, True)
    rows = text(drawn.rows)
    assert rows[0].count("↑") == 2
    assert rows[-2].count("↓") == 1
    assert not any(role in {"bad", "crit", "warn"} for row in drawn.rows for _, role in row)
    assert plot([columns(values)], 80, 8, (), Options(log=True)).above == Cut()


def test_the_newest_values_are_in_the_range_however_far_they_are():
    values = [1 + (i % 7) / 10 for i in range(400)]
    lone = plot([columns([*values, 1e6, 1.2])], 80, 8)
    assert lone.scale.high < 10
    gone = plot([columns([*values, 900.0, 1000.0, 1100.0])], 80, 8)
    assert gone.scale.high >= 1000


def test_the_range_before_stays_while_it_suits():
    before = plot([columns([0.0, 10.0])], 40, 9)
    assert plot([columns([0.0, 8.5])], 40, 9, before=before).scale == before.scale
    assert plot([columns([0.0, 8.5])], 40, 9).scale != before.scale
    assert plot([columns([0.0, 4.0, 4.0])], 40, 9, before=before).scale.high <= 8
    assert plot([columns([0.0, 12.0])], 40, 9, before=before).scale.high >= 12
    moved = plot([columns([2.0, 12.0])], 40, 9, before=before).scale
    assert moved.low <= 0
    assert moved.high >= 12


def test_a_newest_value_that_comes_back_leaves_the_range_until_a_newer_one_comes():
    before = plot([columns([1.0, 2.0, 10.0])], 40, 9)
    back = plot([columns([1.0, 2.0, 1.0])], 40, 9, before=before)
    assert back.scale == before.scale
    wider = plot([columns([1.0, 2.0, 40.0])], 40, 9, before=back)
    assert wider.scale.high >= 40
    assert plot([columns([1.0, 2.0, 1.0])], 40, 9, before=wider).scale == wider.scale
    assert plot([columns([1.0, 2.0, 1.0, 2.0])], 40, 9, before=wider).scale.high < 4


def test_the_best_value_has_a_star_where_it_is_known_which_is_better():
    values = [5.0, 2.0, 7.0, 3.0]
    for metric, best in (("val/loss", (10.0, 2.0)), ("val/accuracy", (20.0, 7.0)), ("perf/step_time", None)):
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
        grounds = [role.partition(" on ")[2] for sign, role in row for _ in sign]
        assert {"shade-warn", "shade-crit"} <= set(grounds)
        assert grounds.index("shade-crit") > grounds.index("shade-warn")
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
    one, two = (plot([columns(values)], 40, 9).scale for values in ([2.0, 2.31, 9.87], [2.0, 2.308, 9.91]))
    assert one == two


def named(scale, wanted):
    return [label for _, label in axis.ticks(scale, wanted).labels]


def test_ticks_are_round():
    assert named(axis.Scale(0, 430_000), 4) == ["0", "100k", "200k", "300k", "400k"]
    assert named(axis.Scale(1e-4, 3e-4), 3) == ["1e-4", "2e-4", "3e-4"]
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
    assert line[40] == pytest.approx(line[60], rel=1e-3)


@pytest.mark.parametrize("factor", [0.6, 0.9, 0.99])
def test_the_smoothed_line_starts_where_the_data_does(factor):
    line = smooth([10.0 - i / 10 if i < 50 else 5.0 for i in range(200)], factor)
    assert line[:20] == pytest.approx([10.0 - i / 10 for i in range(20)])
    assert smooth([None, 10.0, 5.0, 5.0], factor)[:2] == [None, 10.0]


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
def test_curves_are_distinguished_without_color_also_where_they_run_together(glyphs):
    same = [columns([1.0] * 80) for _ in range(4)]
    rows = chart(same, 80, 10, options=Options(glyphs=glyphs))
    drawn = "".join(cells.row_text(row) for row in rows)
    assert all(drawn.count(point) >= 5 for point in glyphs.points), drawn
    alone = "".join(cells.row_text(row) for row in chart(same[:1], 80, 10, options=Options(glyphs=glyphs)))
    assert not set(glyphs.points) & set(alone)


def test_nothing_but_zeros_has_an_axis_that_can_be_read():
    assert axis.scale([0.0, 0.0]) == axis.Scale(0.0, 1.0)
    assert named(axis.scale([0.0]), 3)[-1] == "1"


def test_a_steep_curve_has_its_sign_once_a_column():
    values = [5.0] * 40 + [1.0] * 40
    rows = text(chart([columns([3.0] * 80), columns(values)], 80, 12))
    for column in zip(*rows, strict=True):
        assert column.count("○") <= 1
    assert sum(row.count("○") for row in rows) >= 5
