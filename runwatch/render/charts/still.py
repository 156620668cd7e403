"""A chart keeps its picture while newer data would look the same.

Twice a second the newest steps of a long run move its curves by less than a dot. To see that costs a
tenth of a new picture. What is written in numbers, such as the best value, is always current.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runwatch.core.snapshot import Columns, Mark
from runwatch.render.charts import chart
from runwatch.render.charts.chart import Plot
from runwatch.render.charts.options import Options
from runwatch.render.charts.xaxis import Axis

_Dot = Callable[[float], object]


@dataclass(frozen=True)
class Asked:
    """What a chart is to show, and at which size."""

    series: Sequence[Columns]
    width: int
    height: int
    marks: Sequence[Mark]
    options: Options


@dataclass(frozen=True)
class Picture:
    """A chart, and what it was drawn of."""

    asked: Asked
    plot: Plot

    def shows(self, asked: Asked) -> bool:
        """Return whether this is what is asked, to a dot."""
        mine, window, scale = self.asked, self.plot.window, self.plot.scale
        sizes = (mine.width, mine.height, len(mine.series)) == (asked.width, asked.height, len(asked.series))
        if not sizes or window is None or scale is None:
            return False
        if mine.options != asked.options or mine.marks != asked.marks:
            return False
        if not window.reaches(*chart.limits(asked.series, asked.options)):
            return False
        axes = [asked.options.axis, *asked.options.others]
        axes += [asked.options.axis] * (len(asked.series) - len(axes))
        return all(map(self._alike, mine.series, asked.series, axes))

    def _alike(self, was: Columns, now: Columns, places: Axis) -> bool:
        """Return whether a series has its dots where it had them, and the extremes that it had."""
        window, scale, top = self.plot.window, self.plot.scale, self.plot.dots - 1
        assert window is not None
        assert scale is not None

        def across(x: float) -> object:
            return window.dot(places.at(x))

        def up(y: float) -> object:
            return y > scale.high, y < scale.low, round(scale.position(y) * top)

        return (
            was.metric == now.metric
            and was.nonfinite == now.nonfinite
            and _same(was.x, now.x, across)
            and _same(was.mean, now.mean, up)
            and _same(was.low, now.low, up, min)
            and _same(was.high, now.high, up, max)
        )


def picture(asked: Asked, before: Picture | None = None) -> Picture:
    """Return the picture of before if it shows what is asked, else a new one."""
    if before is not None and before.shows(asked):
        return before
    plot = before.plot if before is not None else None
    return Picture(
        asked, chart.plot(asked.series, asked.width, asked.height, asked.marks, asked.options, plot)
    )


def _same(
    was: Sequence[float | None],
    now: Sequence[float | None],
    dot: _Dot,
    extreme: Callable[[list[float]], float] | None = None,
) -> bool:
    """Return whether numbers lie on the same dots, and the `extreme` one, which is named, is the same."""
    if was == now:
        return True
    if len(was) != len(now):
        return False
    for a, b in zip(was, now, strict=True):
        if a == b:
            continue
        if a is None or b is None or not (math.isfinite(a) and math.isfinite(b)) or dot(a) != dot(b):
            return False
    return extreme is None or extreme([y for y in was if y is not None]) == extreme(
        [y for y in now if y is not None]
    )
