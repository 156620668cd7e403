"""A line chart in text: ticks, band, smoothed line, shades, marks, the best value.

`plot` returns rows of exactly the asked width, and where on them what lies. Roles:
"axis", "edge" (the band from the smallest to the largest value), "raw" (single
values behind the line), "smooth" (the line to read), "second", "third", "fourth"
(other series), "best", "mark.KIND", "warn" and "crit" (marks of alerts), "cursor" and
"bad" (not finite); values that are cut off are "raw" arrows at the edge. Of
backgrounds "band" and those of shades, which runwatch.render.cells.ON joins to them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import lru_cache

from runwatch.core.snapshot import Columns, Mark
from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.charts import axis, band, foot, xaxis
from runwatch.render.charts.axis import Scale
from runwatch.render.charts.canvas import Canvas, rows_of_dots
from runwatch.render.charts.extremes import NOTHING, Best, Cut, Point, best_value, cut_off
from runwatch.render.charts.options import Options
from runwatch.render.charts.raster import SERIES, Raster
from runwatch.render.charts.smooth import smooth
from runwatch.render.charts.xaxis import Window

_RUNS = ("raw", "fourth", "third", "second", "smooth")
"""Layers of the canvas, lowest first: the run that is shown lies over those it is compared with."""
_METRICS = ("raw", "smooth", "fourth", "third", "second")
"""The same where the series are metrics of one run: few evaluations lie over the curve of training."""
MOST = len(SERIES)
"""Series that one chart can hold."""
_USUAL_GUTTER = 5
_FOR_MARKS = 6
"""Rows of a chart that has one for marks."""
_SUITS = 0.5
"""The part of a y range that must be needed for its ends to stay where they were before."""
_USUAL = Options()
_NEWEST = 3
"""Points at the end of a series of which the middle one is always in the range."""


@dataclass(frozen=True)
class Plot:
    """A chart, and what is on it."""

    rows: list[Row]
    window: Window | None = None
    places: xaxis.Axis = xaxis.STEPS
    gutter: int = 0
    """Cells before the plot."""
    scale: Scale | None = None
    dots: int = 0
    """Rows of dots of the plot."""
    above: Cut = NOTHING
    below: Cut = NOTHING
    best: Best | None = None
    bad: bool = False
    """Some values are not finite: `!` says where."""
    marks: tuple[tuple[str, str], ...] = ()
    """The kinds of marks that are shown, and their roles."""
    many: Mapping[str, int] = field(default_factory=dict)
    """The kinds of which there are too many to show, and how many."""
    newest: tuple[float, ...] = ()
    """The newest step of each series."""
    raster: Raster | None = field(default=None, compare=False)
    """The cells of the plot."""

    def step(self, cell: int) -> float | None:
        """Return the step at a cell of the chart; None where there is no plot."""
        if self.window is None or not 0 <= cell - self.gutter < self.window.cells:
            return None
        return self.places.step(self.window.place(cell - self.gutter))


def plot_width(width: int) -> int:
    """Return how many columns of `width` the plot usually gets: what to ask the engine for."""
    return max(1, width - _USUAL_GUTTER)


def nearest(columns: Columns, x: float) -> int | None:
    """Return the index of the point nearest to step `x`, or None if there is none."""
    known = [i for i, at in enumerate(columns.x[: len(columns.mean)]) if math.isfinite(at)]
    return min(known, key=lambda i: abs(columns.x[i] - x), default=None)


def plot(
    series: Sequence[Columns],
    width: int,
    height: int,
    marks: Sequence[Mark] = (),
    options: Options = _USUAL,
    before: Plot | None = None,
) -> Plot:
    """Return `height` rows of `width` cells; the first of `series` is the main one.

    `before` is the chart that was shown before: its ranges stay as long as they suit the data, and what
    did not change is not drawn again.
    """
    if width <= 0 or height <= 0:
        return Plot([[] for _ in range(max(0, height))])
    glyphs = options.glyphs
    under = 0 if height < 3 else 2 if marks and height >= _FOR_MARKS else 1
    axes = [options.axis, *options.others][:MOST]
    axes += [options.axis] * (MOST - len(axes))
    ends = limits(series, options)
    tables = [_points(columns, ends, x) for columns, x in zip(series, axes, strict=False)]
    before = before or _NO_PLOT
    newest = tuple(columns.x[-1] for columns in series if columns.x)
    scale = _scale(tables, options, height - under, before.scale, newest != before.newest)
    labels, minor = _labels(scale, height - under, options.unit, rows_of_dots(glyphs.ascii))
    gutter = max((len(label) for label in labels.values()), default=1)
    if gutter + 2 > width:
        labels, minor, gutter = {}, frozenset(), 0
    metrics = {columns.metric for columns in series}
    layers = _METRICS if len(metrics) == len(series) > 1 else _RUNS
    canvas = Canvas(max(1, width - gutter - 1), height - under, layers, glyphs.ascii)
    log = options.log_x and ends[0] > 0
    window = Window(*ends, columns=canvas.columns, cells=canvas.width, log=log)
    if before.window is not None and before.window.serves(window, _marked(marks, options)):
        window = before.window  # else each step would move some dots of all the curve
    best = best_value(series, tables)
    drawn = before.raster.canvas if before.raster is not None else None
    spread = _draw(canvas, window, scale, tables, options.smoothing, drawn)
    raster = Raster(canvas, window, scale, options, spread, tables, best, before.raster)
    rows = []
    for y in range(canvas.height):
        label = labels.get(y, "")
        stem = glyphs.tick if label or y in minor else glyphs.vertical
        rows.append([(label.rjust(gutter) + stem, "axis"), *raster.rows[y]])
    placed, many = foot.shown(marks, window, options.axis, glyphs) if under else ([], {})
    if under:
        on_rule = placed if under == 1 else ()
        rows.append(
            [(" " * gutter + glyphs.origin, "axis"), *foot.rule(window, options.axis, glyphs, on_rule)]
        )
    if under == 2:
        found = foot.row_of_marks(placed, window.cells, glyphs)
        rows.append([(" " * (gutter + 1), ""), *found])
    return Plot(
        rows if gutter + 1 < width else [cells.fit(row, width) for row in rows],
        window,
        options.axis,
        gutter + 1,
        scale,
        canvas.rows,
        *cut_off(tables, scale),
        best=replace(best, step=options.axis.step(best.step)) if best is not None else None,
        bad=raster.bad,
        marks=foot.kinds(placed, glyphs),
        many=many,
        newest=newest,
        raster=raster,
    )


_NO_PLOT = Plot([])


def _finite(values: Sequence[float | None]) -> Sequence[float | None]:
    """Return values of which those that are not finite are None."""
    try:
        if math.isfinite(sum(values)) and axis.are_bounded(values):  # type: ignore[arg-type]
            return values  # nearly always
    except TypeError:  # None
        pass
    return [axis.bounded(x) if x is not None and math.isfinite(x) else None for x in values]


def _points(columns: Columns, window: tuple[float, float], places: xaxis.Axis) -> list[Point]:
    """Return the points inside the window; lists of unequal length are read as far as they agree."""
    first, last = window
    count = min(len(columns.x), len(columns.mean))
    lows, highs, bads = (
        values if len(values) >= count else (*values, *[None] * (count - len(values)))
        for values in (columns.low, columns.high, columns.nonfinite)
    )
    means = _finite(columns.mean)
    reached = _finite(columns.x)
    if places.steps:
        reached = [None if x is None else axis.bounded(places.at(x)) for x in reached]
    return [
        (
            place,
            mean if low is None else low,
            mean if high is None else high,
            mean,
            bool(bad and bad > 0) or (mean is None and printed is not None),
        )
        for place, printed, mean, low, high, bad in zip(
            reached, columns.mean, means, _finite(lows), _finite(highs), bads, strict=False
        )
        if place is not None and first <= place <= last
    ]


def limits(series: Sequence[Columns], options: Options) -> tuple[float, float]:
    """Return the ends of the x axis. The main series sets them: a rare evaluation must not stretch it."""
    places = options.axis
    for columns in series:
        known = [x for x in _finite(columns.x[: len(columns.mean)]) if x is not None]
        if known:
            first = known[0] if options.first is None else options.first
            last = max(known) if options.last is None else options.last
            first, last = sorted(axis.bounded(places.at(step)) for step in (first, last))
            if options.log_x and first <= 0:  # it begins where the first is that it can show
                first = min((place for place in map(places.at, known) if 0 < place <= last), default=first)
            return first, last
    return 0.0, 1.0


def _scale(
    tables: Sequence[Sequence[Point]], options: Options, rows: int, before: Scale | None, narrower: bool
) -> Scale:
    """Return the y range: that of before while it suits, else one whose labels are whole rows apart.

    It becomes `narrower` only with a new point: the newest one changes with each picture, and a range that
    follows it back and forth cannot be read.
    """
    finite = [y for table in tables for point in table for y in point[1:3] if y is not None]
    newest = []
    for table in tables:
        means = [point[3] for point in table[-_NEWEST:] if point[3] is not None]
        newest += [statistics.median_low(means)] if means else []
    needed = axis.scale(finite, options.log, options.least, newest)
    deep = rows_of_dots(options.glyphs.ascii)
    if before is not None and before.log == needed.log and axis.fits_rows(before, rows, deep):
        holds = before.low <= needed.low and needed.high <= before.high
        if holds and (not narrower or before.part(needed) >= _SUITS):
            return before
        both = Scale(min(before.low, needed.low), max(before.high, needed.high), needed.log)
        needed = both if not narrower or both.part(needed) >= _SUITS else needed
    if needed.log:
        return needed
    factor, _ = _unit(needed, options.unit)
    read = Scale(needed.low * factor, needed.high * factor)
    read = axis.aligned(read, rows, deep, max(axis.LABELS, rows // 5))
    return Scale(read.low / factor, read.high / factor, gap=read.gap / factor) if read.gap else needed


def _unit(scale: Scale, unit: tuple[float, str]) -> tuple[float, str]:
    """Return what values are multiplied by to be read, and the unit; of seconds the one that suits."""
    factor, letter = unit
    if letter != "s":
        return unit
    if max(abs(scale.low), abs(scale.high)) < 1:
        return factor * 1000, "ms"
    size, letter = xaxis.of_time(scale.high - scale.low)
    return factor / size, letter


@lru_cache(32)  # the range stays while it suits
def _labels(
    scale: Scale, rows: int, unit: tuple[float, str], deep: int
) -> tuple[Mapping[int, str], AbstractSet[int]]:
    """Return the labels of the y axis by their rows, `deep` dots high, and the rows of ticks without one."""
    factor, letter = _unit(scale, unit)
    read = replace(scale, low=scale.low * factor, high=scale.high * factor)

    def row(y: float) -> int:
        return rows - 1 - round(read.position(y) * (rows * deep - 1)) // deep

    def fits(labels: Sequence[tuple[float, str]]) -> bool:
        return len({row(y) for y, _ in labels}) == len(labels)

    if scale.gap:
        return {row(y): label + letter for y, label in axis.even(scale, factor)}, set()
    wanted = max(axis.LABELS, rows // 5)
    ticks = axis.ticks(read, wanted, fits, 1.5 * (read.high - read.low) / max(1, rows))
    if scale.log and len(ticks.labels) < min(axis.LABELS, rows):
        ticks = axis.in_rows(read, rows, deep, axis.LABELS)
    return {row(y): label + letter for y, label in ticks.labels}, {row(y) for y in ticks.minor}


def _marked(marks: Sequence[Mark], options: Options) -> list[float]:
    """Return the places of all that is marked on the x axis."""
    steps = [*(mark.step for mark in marks), *(shade.first for shade in options.shades)]
    steps += [options.cursor] if options.cursor is not None else []
    return [options.axis.at(step) for step in steps]


def _draw(
    canvas: Canvas, window: Window, scale: Scale, tables: Sequence[Sequence[Point]], smoothing: float,
    before: Canvas | None,
) -> list[band.Span | None]:  # fmt: skip
    """Draw all series, the main one last; return the band behind it, where it has one."""
    spread: list[band.Span | None] = []
    for index, table in reversed(list(enumerate(tables))):
        layer = SERIES[index]
        at = window.dots([point[0] for point in table])
        lines = [point[3] for point in table]
        if index == 0:
            lows, highs = [point[1] for point in table], [point[2] for point in table]
            if band.has_spread(lows, highs):
                height = canvas.height * band.PARTS
                ends = scale.positions(lows, height), scale.positions(highs, height)
                spread = band.spans(window.under_all(at), *ends, window.cells)
            else:
                _single(canvas, at, table, scale, layer if smoothing <= 0 else "raw")
            if smoothing > 0:
                lines = smooth(lines, smoothing)
        canvas.polyline(layer, at, scale.positions(lines, canvas.rows - 1), before)
    return spread


def _single(canvas: Canvas, at: Sequence[int], table: Sequence[Point], scale: Scale, layer: str) -> None:
    """Draw values one by one: a line through them, and what few of them are several."""
    top = canvas.rows - 1
    canvas.polyline(layer, at, scale.positions([point[3] for point in table], top))
    for dot, (_, low, high, _, _) in zip(at, table, strict=True):
        if low is not None and high is not None and low < high:
            canvas.column(layer, dot, round(scale.position(low) * top), round(scale.position(high) * top))
