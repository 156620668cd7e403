"""How a chart is drawn: what a person, a run and a terminal decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runwatch.render.charts import xaxis
from runwatch.render.glyphs import UNICODE, Glyphs


@dataclass(frozen=True)
class Shade:
    """A stretch of steps with another background."""

    first: float
    last: float
    role: str


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
    log_x: bool = False
    axis: xaxis.Axis = xaxis.STEPS
    """What the x axis shows; `first`, `last`, `cursor`, shades and marks are steps all the same."""
    others: Sequence[xaxis.Axis] = ()
    """The axes of all series but the first, where they differ: other runs have another pace."""
    shades: Sequence[Shade] = ()
    """Later ones lie over earlier ones."""
