"""The filled band behind a curve: from the smallest to the largest value of each column of cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby, pairwise

from runwatch.render.cells import ON
from runwatch.render.glyphs import Glyphs

PARTS = 8
"""Heights that a cell is filled to."""
_MOST_SINGLE = 0.75
"""Where more of the points hold a single value, there is no band: a line shows them better."""

_THICK = PARTS / 2
"""A band that is nowhere so high is not seen next to its line."""

_THIN = PARTS * 1.125
"""A band no higher than that is a row high: it is shown by the cells of its line."""

_HOLE = 2
"""Cells without a band between two that have one, up to which they get it: a hole looks like missing data.

And those with a thin one among others without, up to which they have none.
"""

FULL = f"edge{ON}band"
"""The role of a cell that the band fills."""

Span = tuple[float, float]
"""Bottom and top of the band in a column, in parts of a cell from the bottom of the plot."""


def has_spread(lows: Sequence[float | None], highs: Sequence[float | None]) -> bool:
    """Return whether points with these lowest and highest values make a band."""
    known = [
        low == high for low, high in zip(lows, highs, strict=True) if low is not None and high is not None
    ]
    return bool(known) and sum(known) <= len(known) * _MOST_SINGLE


def spans(
    at: Sequence[int], bottoms: Sequence[float | None], tops: Sequence[float | None], count: int
) -> list[Span | None]:
    """Return the band of each of `count` columns of cells; None where there is none.

    A point is its cell and the ends of its values, in parts of a cell; without values it is a gap.
    """
    out: list[Span | None] = [None] * count
    before: tuple[int, float, float] | None = None
    for here, bottom, top in zip(at, bottoms, tops, strict=True):
        if bottom is None or top is None:
            before = None
            continue
        if before is not None and before[0] + 1 < here:  # points may be further apart than cells
            start, low, high = before
            for cell in range(start + 1, here):
                share = (cell - start) / (here - start)
                out[cell] = (low + share * (bottom - low), high + share * (top - high))
        known = out[here]
        out[here] = (bottom, top) if known is None else (min(known[0], bottom), max(known[1], top))
        before = (here, bottom, top)
    thick = max((top - bottom for bottom, top in filter(None, out)), default=0.0) >= _THICK
    return _connected(_even(out)) if thick else [None] * count


def _even(columns: list[Span | None]) -> list[Span | None]:
    """Return columns at least as wide as the mean of three, and as a row of cells.

    A bucket holds now two values, now one: the band would be a string of beads. Columns whose values lie
    closer together than half a row have none: a band there would show a spread that is not.
    """
    out: list[Span | None] = []
    thin: dict[int, Span] = {}
    for left, span, right in zip([None, *columns], columns, [*columns[1:], None], strict=False):
        if span is None:
            out.append(None)
            continue
        low, high = span
        near = 1
        if left is not None:
            low, high, near = low + left[0], high + left[1], near + 1
        if right is not None:
            low, high, near = low + right[0], high + right[1], near + 1
        bottom, top = min(span[0], low / near), max(span[1], high / near)
        lacking = max(0.0, PARTS - (top - bottom)) / 2
        even = (bottom - lacking, top + lacking)
        if top - bottom < _THICK:
            thin[len(out)] = even
        out.append(None if len(out) in thin else even)
    return _without_specks(
        [thin[i] if span is None and _is_hole(out, i, thin) else span for i, span in enumerate(out)]
    )


def _without_specks(columns: list[Span | None]) -> list[Span | None]:
    """Return columns without a band as thin as its line where few have it: it is not of what they measure."""
    out, first = list(columns), 0
    for filled, group in groupby(columns, key=lambda span: span is not None):
        spans = list(group)
        if filled and len(spans) <= _HOLE and all(span[1] - span[0] < _THIN for span in spans if span):
            out[first : first + len(spans)] = [None] * len(spans)
        first += len(spans)
    return out


def _is_hole(columns: Sequence[Span | None], at: int, thin: Collection[int]) -> bool:
    """Return whether few `thin` columns around this one separate two that have a band."""
    if at not in thin:
        return False
    first = last = at
    while first in thin:
        first -= 1
    while last in thin:
        last += 1
    ends = columns[first] if first >= 0 else None, columns[last] if last < len(columns) else None
    return last - first - 1 <= _HOLE and None not in ends


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


Part = tuple[int, int, int]
"""A cell of the band, and from where to where it is filled, in parts from its bottom."""


def by_rows(columns: Sequence[Span | None]) -> dict[int, list[Part]]:
    """Return the cells of the band in each row from the bottom."""
    out: dict[int, list[Part]] = defaultdict(list)
    for cell, span in enumerate(columns):
        if span is None:
            continue
        low, high = span
        first, last = int(low // PARTS), int(high // PARTS)
        bottom, top = round(low - first * PARTS), round(high - last * PARTS)
        for row in range(first, last + 1):
            out[row].append((cell, bottom if row == first else 0, top if row == last else PARTS))
    return out


def covered(columns: Sequence[Span | None], drawn: Callable[[], Sequence[bytes]]) -> dict[int, int]:
    """Return the cells in which the band is as thin as the line that is drawn over it, and its row there.

    `drawn` returns the rows of cells, the bottom row first; a cell where nothing is drawn is 0. Where the
    line is in two rows, the band is in the one that has more of it: two would be twice as high as it is.
    """
    thin = [
        (cell, span) for cell, span in enumerate(columns) if span is not None and span[1] - span[0] < _THIN
    ]
    rows = drawn() if thin else ()
    out: dict[int, int] = {}
    for cell, (low, high) in thin:
        last = min(int(high // PARTS), len(rows) - 1)
        inked = [row for row in range(max(0, int(low // PARTS)), last + 1) if rows[row][cell]]
        if inked:
            ends = {row: (max(low, row * PARTS), min(high, (row + 1) * PARTS)) for row in inked}
            out[cell] = max(inked, key=lambda row: ends[row][1] - ends[row][0])
    return out


def fill(
    signs: list[str], roles: list[str], parts: Sequence[Part], glyphs: Glyphs, thin: Mapping[int, bool]
) -> None:
    """Put the band into a row of the plot, behind what is drawn there already.

    In `thin` cells it is only behind what is drawn, and only where that says so.
    """
    for cell, bottom, top in parts:
        filled = top - bottom
        if cell in thin or signs[cell] != " ":
            if thin.get(cell, 2 * filled > PARTS) and not glyphs.ascii:
                roles[cell] += ON + "band"
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
