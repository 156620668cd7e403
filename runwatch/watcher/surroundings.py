"""What the engine knows around an incident, for the message about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from runwatch.alerts.incidents import Change
    from runwatch.watcher.engine import Engine

TREND_POINTS = 240


class Surroundings(NamedTuple):
    """Around one incident."""

    checkpoint: int | None = None
    """Step of the last good checkpoint."""
    trend: tuple[float, ...] = ()
    """The newest values of its metric."""
    span: tuple[int, int] | None = None
    """Steps of the first and the last of them."""
    path: str = ""
    """What was given to be watched."""


def around(engine: Engine, change: Change) -> Surroundings:
    """Return what is known around a change's incident."""
    for group, watched in engine.runs():
        if watched.run.id != change.run:
            continue
        good = watched.run.checkpoints.summary().last_good
        series = watched.run.series.get(change.row.metric or "")
        trend: tuple[float, ...] = ()
        span = None
        if series is not None and len(series):
            x, values = series.newest()
            trend = tuple(float(value) for value in values[-TREND_POINTS:])
            first, last = float(x[-len(trend)]), float(x[-1])
            span = (int(first), int(last)) if math.isfinite(first) and math.isfinite(last) else None
        path = group.paths[0] if group.paths else ""
        return Surroundings(None if good is None else good.at, trend, span, path)
    return Surroundings()
