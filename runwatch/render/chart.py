"""A line chart in text: axis gutter, raw envelope, smoothed line, marks.

`chart` returns rows of exactly the asked width. Roles: "axis", "raw" (the
envelope of everything measured), "smooth" (the line to read), "second",
"third", "fourth" (other series), "mark.KIND", "cursor" and "bad" (not finite, or beyond
the top of the chart).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from runwatch.core.snapshot import Columns, Mark
from runwatch.render import axis, cells, numbers, xaxis
from runwatch.render.canvas import Canvas
from runwatch.render.cells import Row
from runwatch.render.glyphs import UNICODE, Glyphs
from runwatch.render.smooth import smooth

_ROLES = ("raw", "fourth", "third", "second", "smooth")
"""Layers of the canvas, lowest first."""
_LAYER_OF_SERIES = (4, 3, 2, 1)
MOST = len(_LAYER_OF_SERIES)
"""Series that one chart can hold."""
_USUAL_GUTTER = 5


@dataclass(frozen=True)
class Options:
    """How a chart is drawn."""

    glyphs: Glyphs = UNICODE
    smoothing: float = 0.0
    log: bool = False
    first: float | None = None
    """Step at the left edge; None is the first there is."""
    last: float | None = None
    cursor: float | None = None
    """Step of the hairline."""
    least: float = 0.0
    """Smallest y range, as a fraction of the largest value."""
    unit: tuple[float, str] = (1.0, "")
    """What values on the y axis are multiplied by to be read, and what is written behind them."""
    axis: xaxis.Axis = xaxis.STEPS
    """What the x axis shows; `first`, `last`, `cursor` and marks are steps all the same."""
    others: Sequence[xaxis.Axis] = ()
    """The axes of all series but the first, where they differ: other runs have another pace."""


@dataclass(frozen=True)
class _Window:
    """The x axis: steps to dot columns and cells."""

    first: float
    last: float
    columns: int
    cells: int

    def dot(self, x: float) -> int:
        return round(self._part(x) * (self.columns - 1))

    def cell(self, x: float) -> int:
        return min(self.cells - 1, self.dot(x) * self.cells // max(1, self.columns))

    def holds(self, x: float) -> bool:
        return self.first <= x <= self.last

    def _part(self, x: float) -> float:
        if self.last <= self.first:
            return 0.0
        return max(0.0, min(1.0, (x - self.first) / (self.last - self.first)))


def plot_width(width: int) -> int:
    """Return how many columns of `width` the plot usually gets: what to ask the engine for."""
    return max(1, width - _USUAL_GUTTER)


def nearest(columns: Columns, x: float) -> int | None:
    """Return the index of the point nearest to step `x`, or None if there is none."""
    known = [i for i, at in enumerate(columns.x[: len(columns.mean)]) if math.isfinite(at)]
    return min(known, key=lambda i: abs(columns.x[i] - x), default=None)


def chart(
    series: Sequence[Columns],
    width: int,
    height: int,
    marks: Sequence[Mark] = (),
    options: Options = Options(),
) -> list[Row]:
    """Return `height` rows of `width` cells; the first of `series` is the main one."""
    if width <= 0 or height <= 0:
        return [[] for _ in range(max(0, height))]
    plot_rows = height - 1 if height >= 3 else height
    axes = [options.axis, *options.others][:MOST]
    axes += [options.axis] * (MOST - len(axes))
    window = _limits(series, options)
    tables = [_points(columns, window, x) for columns, x in zip(series, axes, strict=False)]
    finite = [y for table in tables for point in table for y in (point.low, point.high) if y is not None]
    scale = axis.scale(finite, options.log, options.least)
    labels = _labels(scale, plot_rows, options.unit)
    gutter = max((len(label) for label in labels.values()), default=1)
    if gutter + 2 > width:
        labels, gutter = {}, 0
    plot = max(1, width - gutter - 1)
    canvas = Canvas(plot, plot_rows, len(_ROLES), options.glyphs.ascii)
    span = _Window(*window, columns=canvas.columns, cells=plot)
    cursor = None if options.cursor is None else options.axis.at(options.cursor)
    bad = [False] * plot
    over = [False] * plot
    for index, table in reversed(list(enumerate(tables))):
        _draw((canvas, span, scale), table, index, options.smoothing)
        for point in table:
            cell = span.cell(point.x)
            bad[cell] = bad[cell] or point.bad
            over[cell] = over[cell] or (point.high is not None and point.high > scale.high)
    rows = []
    points = ("", *reversed(options.glyphs.points), "")  # as _ROLES
    for y in range(plot_rows):
        signs, roles = canvas.row(y, _ROLES, points)
        if cursor is not None and span.holds(cursor):
            cell = span.cell(cursor)
            if signs[cell] == " ":
                _set(signs, roles, cell, options.glyphs.cursor, "cursor")
        if y == 0:
            for cell in range(plot):
                if over[cell]:
                    _set(signs, roles, cell, options.glyphs.above, "bad")
                if bad[cell]:
                    _set(signs, roles, cell, "!", "bad")
        label = labels.get(y, "")
        stem = options.glyphs.tick if label else options.glyphs.vertical
        rows.append(cells.fit([(label.rjust(gutter) + stem, "axis"), *cells.runs(signs, roles)], width))
    if plot_rows < height:
        foot = [(" " * gutter + options.glyphs.origin, "axis"), *_foot(span, marks, options)]
        rows.append(cells.fit(foot, width))
    return rows


@dataclass(frozen=True)
class _Point:
    x: float
    low: float | None
    high: float | None
    mean: float | None
    bad: bool


def _finite(x: float | None) -> float | None:
    return axis.bounded(x) if x is not None and math.isfinite(x) else None


def _points(columns: Columns, window: tuple[float, float], places: xaxis.Axis) -> list[_Point]:
    """Return the points inside the window; lists of unequal length are read as far as they agree."""
    out = []
    for i, x in enumerate(columns.x[: len(columns.mean)]):
        if not math.isfinite(x):
            continue
        place = axis.bounded(places.at(x))
        if not window[0] <= place <= window[1]:
            continue
        mean = _finite(columns.mean[i])
        low = _finite(columns.low[i]) if i < len(columns.low) else None
        high = _finite(columns.high[i]) if i < len(columns.high) else None
        low, high = (mean if low is None else low), (mean if high is None else high)
        printed = columns.mean[i]
        bad = (i < len(columns.nonfinite) and columns.nonfinite[i] > 0) or (
            printed is not None and not math.isfinite(printed)
        )
        out.append(_Point(place, low, high, mean, bad))
    return out


def _limits(series: Sequence[Columns], options: Options) -> tuple[float, float]:
    # The main series sets the window: a rare evaluation must not stretch it.
    places = options.axis
    for columns in series:
        known = [axis.bounded(x) for x in columns.x[: len(columns.mean)] if math.isfinite(x)]
        if known:
            first = known[0] if options.first is None else max(options.first, min(known))
            last = max(known) if options.last is None else options.last
            first, last = axis.bounded(places.at(first)), axis.bounded(places.at(last))
            return (first, last) if first <= last else (last, first)
    return 0.0, 1.0


def _labels(scale: axis.Scale, rows: int, unit: tuple[float, str]) -> dict[int, str]:
    out: dict[int, str] = {}
    factor, letter = unit
    read = replace(scale, low=scale.low * factor, high=scale.high * factor)
    for y, label in axis.ticks(read, max(1, rows // 3)):
        at = rows - 1 - round(read.position(y) * (rows - 1))
        if not any(near in out for near in (at - 1, at, at + 1)):
            out[at] = label + letter
    return out


def _draw(
    grid: tuple[Canvas, _Window, axis.Scale], table: list[_Point], index: int, smoothing: float
) -> None:
    """Draw one series: the main one as envelope and line, others as lines."""
    canvas, span, scale = grid

    def height(y: float) -> int:
        return round(scale.position(y) * (canvas.rows - 1))

    layer = _LAYER_OF_SERIES[index]
    if index == 0:
        band = 0 if smoothing > 0 else layer
        for point in table:
            if point.low is not None and point.high is not None:
                canvas.column(band, span.dot(point.x), height(point.low), height(point.high))
        if smoothing > 0:
            _polyline(canvas, 0, [(p.x, p.mean) for p in table], span, height)
            trend = smooth([p.mean for p in table], smoothing)
            _polyline(canvas, layer, [(p.x, y) for p, y in zip(table, trend, strict=True)], span, height)
            return
    _polyline(canvas, layer, [(p.x, p.mean) for p in table], span, height)


def _polyline(
    canvas: Canvas,
    layer: int,
    points: list[tuple[float, float | None]],
    span: _Window,
    height: Callable[[float], int],
) -> None:
    before: tuple[int, int] | None = None
    for x, y in points:
        if y is None:
            before = None
            continue
        here = (span.dot(x), height(y))
        canvas.line(layer, before or here, here)
        before = here


def _foot(span: _Window, marks: Sequence[Mark], options: Options) -> Row:
    """Return the x axis: a rule with marks, and labels where no mark is."""
    glyphs, places = options.glyphs, options.axis
    signs = [glyphs.horizontal] * span.cells
    roles = ["axis"] * span.cells
    for kind in reversed(list(glyphs.marks)):
        for mark in marks:
            if mark.kind == kind and span.holds(at := places.at(mark.step)):
                _set(signs, roles, span.cell(at), glyphs.marks[kind], f"mark.{kind}")
    unit, letter = places.unit(span.last - span.first)
    first, last = span.first / unit, span.last / unit
    count = min(8, span.cells // 24)
    inner = axis.ticks(axis.Scale(first, last), count) if count and last > first else []
    oldest = _end(first, places) + letter
    for room in range(5):  # a mark at an end moves the label a little
        if _write(signs, room, oldest):
            break
    if span.last > span.first:
        newest = _end(last, places) + letter
        for room in range(4):
            if _write(signs, span.cells - len(newest) - room, newest):
                break
    for x, label in inner:
        _write(signs, span.cell(x * unit) - len(label) // 2, label + letter)
    return cells.runs(signs, roles)


def _end(x: float, places: xaxis.Axis) -> str:
    """Return the label of an end of the axis: a step as logs write it, where that is short."""
    if places.name == xaxis.STEP and x < 1e5 and x == round(x):
        return f"{x:.0f}"
    return axis.trimmed(numbers.si(x, 4))


def _write(signs: list[str], at: int, text: str) -> bool:
    """Put a label on the rule if nothing else is there or right before it, and no label right behind it."""
    end = at + len(text)
    if at < 0 or end > len(signs) or len(set(signs[max(0, at - 1) : end])) > 1:
        return False
    if signs[end : end + 1] and signs[end].isdigit():
        return False
    signs[at:end] = text
    return True


def _set(signs: list[str], roles: list[str], cell: int, sign: str, role: str) -> None:
    signs[cell], roles[cell] = sign, role
