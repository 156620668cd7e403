"""The filled band behind a curve: from the smallest to the largest value of each column of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from runwatch.render.cells import ON
from runwatch.render.charts.xaxis import Window
from runwatch.render.glyphs import Glyphs

PARTS = 8
"""Heights that a cell is filled to."""
_MOST_SINGLE = 0.75
"""Where more of the points hold a single value, there is no band: a line shows them better."""

_THICK = PARTS / 2
"""A band that is nowhere so high is not seen next to its line."""

_THIN = PARTS * 1.125
"""A band no higher than that is a row high: it is shown by the cells of its line."""

FULL = f"edge{ON}band"
"""The role of a cell that the band fills."""

Span = tuple[float, float]
"""Bottom and top of the band in a column, in parts of a cell from the bottom of the plot."""


def has_spread(points: Sequence[Span]) -> bool:
    """Return whether points with these lowest and highest values make a band."""
    single = sum(low == high for low, high in points)
    return single <= len(points) * _MOST_SINGLE and bool(points)


def spans(
    points: Iterable[tuple[float, float | None, float | None]],
    window: Window,
    height: Callable[[float], float],
) -> list[Span | None]:
    """Return the band of each column of cells; None where there is none.

    A point is its place and its lowest and highest value; without values it is a gap.
    """
    out: list[Span | None] = [None] * window.cells
    before: tuple[int, float, float] | None = None
    for x, low, high in points:
        if low is None or high is None:
            before = None
            continue
        at, bottom, top = window.cell(x), height(low), height(high)
        if before is not None:
            for cell in range(before[0] + 1, at):  # points may be further apart than cells
                share = (cell - before[0]) / (at - before[0])
                out[cell] = (
                    before[1] + share * (bottom - before[1]),
                    before[2] + share * (top - before[2]),
                )
        known = out[at]
        out[at] = (bottom, top) if known is None else (min(known[0], bottom), max(known[1], top))
        before = (at, bottom, top)
    thick = max((top - bottom for bottom, top in filter(None, out)), default=0.0) >= _THICK
    return _connected(_even(out)) if thick else [None] * window.cells


def _even(columns: list[Span | None]) -> list[Span | None]:
    """Return columns at least as wide as the mean of three, and as a row of cells.

    A bucket holds now two values, now one: the band would be a string of beads. A column whose values lie
    closer together than half a row has none: a band there would show a spread that is not.
    """
    out: list[Span | None] = []
    for i, span in enumerate(columns):
        if span is None:
            out.append(None)
            continue
        near = [each for each in columns[max(0, i - 1) : i + 2] if each is not None]
        bottom = min(span[0], sum(each[0] for each in near) / len(near))
        top = max(span[1], sum(each[1] for each in near) / len(near))
        lacking = max(0.0, PARTS - (top - bottom)) / 2
        out.append((bottom - lacking, top + lacking) if top - bottom >= _THICK else None)
    return out


def _connected(columns: list[Span | None]) -> list[Span | None]:
    """Return columns of which neighbors touch: a steep band has no holes."""
    out = list(columns)
    for i, (left, right) in enumerate(pairwise(columns)):
        if left is None or right is None or (left[0] <= right[1] and right[0] <= left[1]):
            continue
        middle = (left[0] + right[1]) / 2 if left[0] > right[1] else (left[1] + right[0]) / 2
        for at in (i, i + 1):
            known = out[at]
            assert known is not None
            out[at] = (min(known[0], middle), max(known[1], middle))
    return out


def reach(columns: Sequence[Span | None]) -> range:
    """Return the rows from the bottom in which the band is anywhere."""
    known = [span for span in columns if span is not None]
    if not known:
        return range(0)
    return range(int(min(low for low, _ in known) // PARTS), int(max(high for _, high in known) // PARTS) + 1)


def covered(columns: Sequence[Span | None], drawn: Callable[[int, int], bool]) -> set[int]:
    """Return the cells in which the band is as thin as the line that is drawn over it.

    `drawn` is asked for a row from the bottom, and a cell.
    """
    thin = [
        (cell, span) for cell, span in enumerate(columns) if span is not None and span[1] - span[0] < _THIN
    ]
    return {
        cell
        for cell, (low, high) in thin
        if any(drawn(row, cell) for row in range(int(low // PARTS), int(high // PARTS) + 1))
    }


def fill(
    signs: list[str], roles: list[str], band: Sequence[Span | None], row: int, glyphs: Glyphs, thin: set[int]
) -> None:
    """Put the band into a row of the plot, `row` from the bottom, behind what is drawn there already.

    In `thin` cells it is only behind what is drawn.
    """
    base = row * PARTS
    for cell, span in enumerate(band):
        if span is None or span[1] <= base or span[0] >= base + PARTS:
            continue
        bottom, top = max(0, round(span[0] - base)), min(PARTS, round(span[1] - base))
        filled = top - bottom
        if signs[cell] != " ":
            if (2 * filled > PARTS or (cell in thin and filled > 0)) and not glyphs.ascii:
                roles[cell] += ON + "band"
        elif cell in thin:
            continue
        elif filled >= PARTS - (bottom > 0) * 2:
            signs[cell], roles[cell] = glyphs.fill, FULL
        elif filled <= 0:
            continue
        elif bottom == 0:
            signs[cell], roles[cell] = glyphs.fill_low[filled - 1], "edge"
        elif top == PARTS:
            signs[cell], roles[cell] = glyphs.fill_high[filled - 1], "edge"
        else:
            signs[cell], roles[cell] = glyphs.horizontal, "edge"
