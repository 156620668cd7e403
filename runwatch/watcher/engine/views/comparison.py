"""Runs that are laid over the one that is shown: their charts, and how far they are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping

from runwatch.core.fold.run import Run
from runwatch.core.metrics import primary
from runwatch.core.noise import Line, gap
from runwatch.core.snapshot import Compared
from runwatch.watcher.engine.views import one_series
from runwatch.watcher.engine.views.one_series import Repeats
from runwatch.watcher.engine.watched import WatchedRun
from runwatch.watcher.protocol import Chart, View

MAX_COMPARED = 4
"""Runs laid over another at once."""
MAX_CURVES = 256
"""Charts of one picture: those of the run that is shown, then those of the runs compared with it."""
_JUDGED = 1024
"""Columns of the curves that a gap is computed from, whatever the width of the charts."""


def compared(
    run: Run, repeats: Repeats, others: Mapping[str, WatchedRun], view: View
) -> tuple[Compared, ...]:
    """Return the runs that `run` is compared with, as many as a picture holds."""
    wanted = [others[name] for name in dict.fromkeys(view.compare) if name in others]
    left = MAX_CURVES - len(view.charts)
    out = []
    for number, other in enumerate(wanted[:MAX_COMPARED]):
        charts = view.charts[: max(0, left - number * len(view.charts))]
        curves = tuple(one_series.columns(other.run, other.repeats, chart) for chart in charts)
        metric = primary(run.series, other.run.series)
        ours, theirs = _line(run, repeats, metric), _line(other.run, other.repeats, metric)
        found = gap(ours, theirs) if len(ours) > 1 and len(theirs) > 1 else None
        out.append(Compared(other.run.id, curves, other.run.about, metric, found))
    return tuple(out)


def _line(run: Run, repeats: Repeats, metric: str) -> Line:
    """Return a metric over all steps."""
    columns = one_series.columns(run, repeats, Chart(metric, _JUDGED))
    points = zip(columns.x, columns.mean, strict=True)
    return Line.of([(x, mean) for x, mean in points if mean is not None and math.isfinite(x)])
