"""A progress bar of exact width."""

from __future__ import annotations

import math

from runwatch.render.cells import Row
from runwatch.render.glyphs import UNICODE, Glyphs


def bar(fraction: float | None, cells: int, glyphs: Glyphs = UNICODE) -> Row:
    """Return `cells` cells, filled in proportion; an unknown fraction is an empty track."""
    cells = max(0, cells)
    known = fraction is not None and math.isfinite(fraction)
    done = min(1.0, max(0.0, fraction)) if known and fraction is not None else 0.0
    halves = int(done * cells * 2)
    full, half = divmod(halves, 2)
    row: Row = [(glyphs.bar * full, "bar"), (glyphs.bar_end * half, "bar")]
    row.append((glyphs.bar_rest * (cells - full - half), "track"))
    return [segment for segment in row if segment[0]]
