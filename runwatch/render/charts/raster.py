"""The cells of a plot: what is drawn, what lies before it and what behind.

Twice a second few columns of a chart change. A row whose parts are those of before is taken from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from runwatch.render import cells
from runwatch.render.cells import ON, Row
from runwatch.render.charts import band
from runwatch.render.charts.axis import Scale
from runwatch.render.charts.canvas import Canvas
from runwatch.render.charts.extremes import Best, Point
from runwatch.render.charts.options import Options
from runwatch.render.charts.xaxis import Window

SERIES = ("smooth", "second", "third", "fourth")
"""The layers of the series, the main one first."""


class Raster:
    """The rows of the plot, the top one first."""

    def __init__(
        self, canvas: Canvas, window: Window, scale: Scale, options: Options, spread: list[band.Span | None],
        tables: Sequence[Sequence[Point]], best: Best | None, before: Raster | None = None,
    ) -> None:  # fmt: skip
        """`before` has rows of a chart that was shown before."""
        self.canvas, self._glyphs = canvas, options.glyphs
        places = options.axis
        cursor = None if options.cursor is None else places.at(options.cursor)
        self._cursor = window.cell(cursor) if cursor is not None and window.holds(cursor) else None
        self._best = None
        if best is not None and scale.low <= best.value <= scale.high:
            dot = round(scale.position(best.value) * (canvas.rows - 1))
            row = canvas.height - 1 - dot * canvas.height // canvas.rows
            self._best = (row, window.cell(best.step))
        self._bad: set[int] = set()
        self._above: set[int] = set()
        self._below: set[int] = set()
        grounds = [""] * window.cells
        for shade in options.shades:
            first, last = places.at(shade.first), places.at(shade.last)
            if first <= window.last and last >= window.first:
                for cell in range(window.cell(first), window.cell(last) + 1):
                    grounds[cell] = shade.role
        floor = -math.inf if scale.log else scale.low
        for table in tables:
            self._mark_edges(table, scale.high, floor, window, grounds)
        self._grounds = {cell: ground for cell, ground in enumerate(grounds) if ground}
        self._whole = (
            canvas.layers, spread, self._best, self._bad, self._above, self._below, self._grounds,
            self._cursor, self._glyphs,
        )  # fmt: skip
        self._made_of: list[tuple[object, ...]]
        self.rows: list[Row]
        if before is not None and before._whole == self._whole:
            self._made_of, self.rows = before._made_of, before.rows
            return
        self._band = band.by_rows(spread)
        self._thin = band.covered(spread, canvas.drawn)
        self._points = canvas.points(SERIES[1:])
        self._made_of = [self._parts(y) for y in range(canvas.height)]
        self.rows = [
            before.rows[y] if before is not None and before.made_of(y, made_of) else self._row(y)
            for y, made_of in enumerate(self._made_of)
        ]

    @property
    def bad(self) -> bool:
        """Whether a column has a value that is not finite."""
        return bool(self._bad)

    def made_of(self, y: int, parts: tuple[object, ...]) -> bool:
        """Return whether a row is made of these parts."""
        return y < len(self._made_of) and self._made_of[y] == parts

    def _mark_edges(
        self, table: Sequence[Point], high_end: float, floor: float, window: Window, grounds: list[str]
    ) -> None:
        """Find the cells at whose edges values are cut off, and those with values that are not finite."""
        before: int | None = None
        for x, low, high, _, bad in table:
            above = high is not None and high > high_end
            below = low is not None and low < floor
            if not (bad or above or below):
                before = None
                continue
            here = window.cell(x)
            if bad:  # up to the one before that is, where there is nothing in between
                for cell in range(here if before is None else before, here + 1):
                    self._bad.add(cell)
                    grounds[cell] = "shade-crit"
            elif above:
                self._above.add(here)
            if below:
                self._below.add(here)
            before = here if bad else None

    def _parts(self, y: int) -> tuple[object, ...]:
        """Return all that a row is made of."""
        height = self.canvas.height
        behind = self._band.get(height - 1 - y, [])
        return (
            self._glyphs,
            self.canvas.inked(y),
            self._points.get(y),
            behind,
            self._thin_in(height - 1 - y, behind),
            self._best if self._best is not None and self._best[0] == y else None,
            (self._above, self._bad) if y == 0 else None,
            self._below if y == height - 1 else None,
            self._cursor,
            self._grounds,
        )

    def _thin_in(self, row: int, behind: Sequence[band.Part]) -> dict[int, bool]:
        """Return the cells in which the band is as thin as its line, and whether it is in this row."""
        return {cell: self._thin[cell] == row for cell, _, _ in behind if cell in self._thin}

    def _row(self, y: int) -> Row:
        glyphs, height = self._glyphs, self.canvas.height
        signs, roles = self.canvas.row(y)
        for cell, role in self._points.get(y, {}).items():
            signs[cell], roles[cell] = glyphs.points[SERIES.index(role) - 1], role
        if (behind := self._band.get(height - 1 - y)) is not None:
            band.fill(signs, roles, behind, glyphs, self._thin_in(height - 1 - y, behind))
        if self._cursor is not None and (signs[self._cursor] == " " or roles[self._cursor] == band.FULL):
            _put(signs, roles, self._cursor, glyphs.vertical, "cursor")
        if self._best is not None and self._best[0] == y:
            _put(signs, roles, self._best[1], glyphs.best, "best")
        if y == 0:
            for cell in self._above:
                signs[cell], roles[cell] = glyphs.higher, "raw"
            for cell in self._bad:
                signs[cell], roles[cell] = "!", "bad"
        if y == height - 1:
            for cell in self._below:
                signs[cell], roles[cell] = glyphs.lower, "raw"
        for cell, ground in self._grounds.items():
            if not cells.ground(roles[cell]):
                roles[cell] += ON + ground
        return cells.runs(signs, roles)


def _put(signs: list[str], roles: list[str], cell: int, sign: str, role: str) -> None:
    """Put a sign over what is there; the background stays."""
    behind = cells.ground(roles[cell])
    signs[cell], roles[cell] = sign, role + (ON + behind if behind else "")
