"""What is extreme in a chart: the best value, and what lies beyond the range."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from runwatch.core import metrics
from runwatch.core.snapshot import Columns
from runwatch.render.charts.axis import Scale

Point = tuple[float, float | None, float | None, float | None, bool]
"""Place, lowest, highest and mean value, and whether some are not finite."""


@dataclass(frozen=True)
class Best:
    """The best value of a series in the window."""

    metric: str
    step: float
    value: float
    single: bool
    """It is the only value at that place, so that the step is its own."""


@dataclass(frozen=True)
class Cut:
    """Values beyond one end of the range."""

    count: int = 0
    extreme: float = 0.0
    single: bool = True
    """Each of them is one value, not the largest of several."""


NOTHING = Cut()


def best_value(series: Sequence[Columns], tables: Sequence[Sequence[Point]]) -> Best | None:
    """Return the best value of the main series; of several metrics that of the one that is validated."""
    chosen = [(columns.metric, table) for columns, table in zip(series, tables, strict=False)]
    names = {name for name, _ in chosen}
    if len(names) < len(chosen):  # other runs
        chosen = chosen[:1]
    for name, table in sorted(chosen, key=lambda each: not each[0].startswith("val/")):
        goal = metrics.goal(name)
        at: Literal[1, 2] = 1 if goal == "min" else 2
        if not goal:
            continue
        values = [(value, point) for point in table if (value := point[at]) is not None]
        if len({value for value, _ in values}) > 1:
            value, point = (min if goal == "min" else max)(values, key=lambda each: each[0])
            return Best(name, point[0], value, point[1] == point[2])
    return None


def cut_off(tables: Sequence[Sequence[Point]], scale: Scale) -> tuple[Cut, Cut]:
    """Return what is beyond the top and the bottom of a linear axis."""
    if scale.log:
        return NOTHING, NOTHING
    points = [point for table in tables for point in table]
    above = [(top, point) for point in points if (top := point[2]) is not None and top > scale.high]
    below = [(bottom, point) for point in points if (bottom := point[1]) is not None and bottom < scale.low]
    return _counted(above, max), _counted(below, min)


def _counted(found: Sequence[tuple[float, Point]], extreme: Callable[[list[float]], float]) -> Cut:
    if not found:
        return NOTHING
    single = all(point[1] == point[2] for _, point in found)
    return Cut(len(found), extreme([value for value, _ in found]), single)
