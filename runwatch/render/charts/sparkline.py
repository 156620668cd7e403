"""A series in one row of cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from runwatch.core.snapshot import Columns
from runwatch.render.glyphs import UNICODE, Glyphs


def _farthest(values: Sequence[float | None], center: float) -> float | None:
    """Return one value for several: a non-finite one, else the farthest from the center."""
    known = [x for x in values if x is not None]
    for x in known:
        if not math.isfinite(x):
            return x
    return max(known, key=lambda x: abs(x / 2 - center / 2), default=None)


def sparkline(values: Sequence[float | None], cells: int, glyphs: Glyphs = UNICODE) -> str:
    """Return exactly `cells` cells, newest value at the right.

    None leaves a gap, NaN and infinities show as `!`. When there are more values
    than cells the outlier of each group is shown, so spikes stay visible.
    """
    if cells <= 0:
        return ""
    finite = sorted(x for x in values if x is not None and math.isfinite(x))
    low, high = (finite[0], finite[-1]) if finite else (0.0, 0.0)
    center = finite[len(finite) // 2] if finite else 0.0
    count = len(values)
    if count > cells:
        edges = [count * i // cells for i in range(cells + 1)]
        shown = [_farthest(values[a:b], center) for a, b in pairwise(edges)]
    else:
        shown = list(values)
    extent = high / 2 - low / 2  # halves, because the whole may overflow
    levels = glyphs.levels if glyphs.ascii else glyphs.levels[:-1]  # a full block would touch the row above
    out = []
    for x in shown:
        if x is None:
            out.append(" ")
        elif not math.isfinite(x):
            out.append("!")
        elif extent <= 0:
            out.append(levels[len(levels) // 2 - 1])
        else:
            out.append(levels[min(len(levels) - 1, int((x / 2 - low / 2) / extent * len(levels)))])
    return "".join(out).rjust(cells)


def of_columns(columns: Columns) -> list[float | None]:
    """Return what a sparkline of these columns shows: means, NaN where nothing was finite."""
    out: list[float | None] = list(columns.mean[: len(columns.x)])
    for i, bad in enumerate(columns.nonfinite[: len(out)]):
        if bad and out[i] is None:
            out[i] = math.nan
    return out
