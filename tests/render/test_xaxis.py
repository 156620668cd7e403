"""The x axis in time and tokens, and charts drawn on it: exact widths whatever the numbers."""

import itertools
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from runwatch.core.metrics import STEP_TIME, TOKENS_PER_SEC
from runwatch.core.snapshot import Columns, Mark
from runwatch.render import cells
from runwatch.render.charts import xaxis
from runwatch.render.charts.chart import Options, plot
from runwatch.render.glyphs import ASCII, UNICODE


def chart(*given, **named):
    """The rows of a chart."""
    return plot(*given, **named).rows


def columns(metric, pairs):
    xs, ys = tuple(x for x, _ in pairs), tuple(y for _, y in pairs)
    return Columns(metric, xs, ys, ys, ys, ys, (0,) * len(xs))


def table(*made):
    return {c.metric: c for c in made}


def test_time_is_the_sum_of_what_steps_took():
    axis = xaxis.axis("time", table(columns(STEP_TIME, [(0, 2.0), (10, 2.0), (20, 4.0)])))
    assert [axis.at(step) for step in (0, 5, 10, 20)] == [0, 10, 20, 60]
    assert axis.at(30) == 100  # at the last pace
    assert axis.value(20) == "1m 00s"


def test_tokens_are_the_sum_of_speed_times_time():
    axis = xaxis.axis(
        "tokens",
        table(columns(STEP_TIME, [(0, 2.0), (10, 2.0)]), columns(TOKENS_PER_SEC, [(0, 500.0), (10, 500.0)])),
    )
    assert axis.at(10) == 10_000
    assert axis.value(10) == "10k"


@pytest.mark.parametrize("name", ["time", "tokens", "step"])
def test_without_what_it_is_made_of_an_axis_shows_steps(name):
    assert xaxis.axis(name, {}) == xaxis.STEPS
    assert xaxis.axis(name, table(columns(STEP_TIME, [(0, math.nan), (1, None)]))) == xaxis.STEPS
    assert xaxis.STEPS.at(41.0) == 41.0
    assert xaxis.STEPS.value(41_230) == "41,230"


def test_on_a_logarithmic_axis_decades_are_equally_wide():
    made = columns("train/loss", [(step, 1.0) for step in (0, 1, 10, 100, 1_000, 10_000)])
    drawn = plot([made], 83, 10, options=Options(log_x=True))
    rule = cells.row_text(drawn.rows[-1])
    ends = [rule.index(text) for text in ("10─", "100─", "1k─", "10k")]
    gaps = [b - a for a, b in itertools.pairwise(ends)]
    assert max(gaps) - min(gaps) <= 2, rule
    assert drawn.window.first == 1, "step 0 has no place on it"
    for step in (1, 7, 650, 10_000):
        assert drawn.step(drawn.gutter + drawn.window.cell(step)) == pytest.approx(step, rel=0.12)


def test_a_logarithmic_axis_of_time_has_round_times():
    times = xaxis.Axis("time", tuple(range(200_000)), tuple(range(200_000)))
    made = columns("train/loss", [(step, 1.0) for step in (0, 1, 10, 100, 1_000, 199_999)])
    rule = cells.row_text(plot([made], 120, 10, options=Options(log_x=True, axis=times)).rows[-1])
    assert all(text in rule for text in ("10s", "1m", "10m", "1h", "10h", "1d")), rule


@given(st.lists(st.tuples(st.floats(0.01, 1e3), st.floats(0.01, 1e3)), min_size=2, max_size=20))
def test_a_place_has_its_step(gaps):
    steps, values = (tuple(itertools.accumulate(row)) for row in zip(*gaps, strict=True))
    places = xaxis.Axis("time", steps, values)
    for step in steps:
        assert places.step(places.at(step)) == pytest.approx(step, rel=1e-6)


def test_what_axes_need():
    assert xaxis.choices(["train/loss"]) == ["step"]
    assert xaxis.choices([STEP_TIME]) == ["step", "time"]
    assert xaxis.choices([STEP_TIME, TOKENS_PER_SEC]) == ["step", "time", "tokens"]


def test_chart_on_time_golden():
    took = columns(STEP_TIME, [(float(x), 60.0 if x < 50 else 180.0) for x in range(101)])
    loss = columns("train/loss", [(float(x), 10.0 - x / 10) for x in range(101)])
    rows = chart([loss], 60, 6, [Mark("incident", 50)], Options(axis=xaxis.axis("time", table(took))))
    assert [cells.row_text(row).rstrip() for row in rows][-2:] == [
        "  └─0h─────┴───────1h───────┴──────2h────────┴──────3h──────",
        "                 ▼",
    ]


FLOATS = st.one_of(st.none(), st.floats())
PAIRS = st.lists(st.tuples(st.floats(), FLOATS), max_size=30)


@settings(max_examples=80, deadline=None)
@given(PAIRS, PAIRS, PAIRS, st.sampled_from(xaxis.AXES), st.floats())
@example([(-1e-196, 0.0), (0.0, 1e51)], [(0.0, 1e257)], [], "tokens", 0.0)
def test_any_numbers_make_an_axis_that_ascends(one, two, three, name, step):
    axis = xaxis.axis(name, table(columns(STEP_TIME, one), columns(TOKENS_PER_SEC, two)))
    assert isinstance(axis.value(step), str)
    if axis.steps:
        places = [axis.at(x) for x in axis.steps]
        assert places == sorted(places)
        assert all(map(math.isfinite, places))


@settings(max_examples=80, deadline=None)
@given(
    PAIRS, PAIRS, PAIRS, st.integers(0, 90), st.integers(0, 20), st.sampled_from(xaxis.AXES),
    st.one_of(st.none(), st.floats()), st.booleans(), st.booleans(), st.sampled_from([UNICODE, ASCII]),
)  # fmt: skip
def test_any_chart_on_any_axis_is_exact(one, two, three, width, height, name, step, log, log_x, glyphs):
    made = table(columns(STEP_TIME, one), columns(TOKENS_PER_SEC, two))
    axis = xaxis.axis(name, made)
    series = [columns("a", three), *made.values(), columns("b", one)]
    options = Options(
        axis=axis,
        others=[xaxis.STEPS, axis],
        cursor=step,
        first=step,
        last=step,
        log=log,
        log_x=log_x,
        glyphs=glyphs,
    )
    rows = chart(series, width, height, [Mark("eval", 3), Mark("checkpoint", 10**15)], options)
    assert len(rows) == max(0, height)
    assert all(wcswidth(cells.row_text(row)) == width for row in rows if width > 0)
