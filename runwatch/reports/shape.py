"""The shape of a loss: how fast it fell, whether it still falls, how far its values scatter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from runwatch.core.series import Floats
from runwatch.reports.evidence import Curve, last_pass

FEWEST = 12
"""Values from which a shape is stated."""
_BINS = 48
_FINE = 240
"""The same where only the fall is placed."""
_FEW = 3
_NOISY = 0.05
"""Scatter from which so few values do not make a level."""
_RECENT = 0.2
"""Part of the steps at the end that the slope is taken from."""
_CERTAIN = 3.0
"""Times its error by which a slope must differ from 0."""
SEEN = 0.02
"""Improvement that noise may hide where a plateau is still stated, as a share of the level."""
_LEAST = 0.01
"""Change over the recent part, as a share of the level, below which it is flat."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a curve of losses looks like."""

    kind: str
    """`fast drop`, `steady fall`, `late fall`, `flat`, `rise` or `fall and rise`."""
    first: float
    """Median of the first values; of a long series the first one."""
    few: int
    """How many those are."""
    last: float
    """Median of the last values."""
    of: int
    """How many those are; others are of as many or one more. Of a long series they are condensed."""
    best: float
    """Lowest median along the way."""
    best_step: float
    half_step: float
    """Where half of the whole fall was done; NaN without a fall."""
    most_step: float
    """Where nine tenths of it were done."""
    first_step: float
    last_step: float
    flat_since: float
    """Step since which no median was better by more than noise; NaN where that is recent."""
    hidden: float
    """Improvement that its noise would hide there, as a share of the last level."""
    slope: float
    """Change per step over the recent part, by the medians of their slopes (Theil and Sen)."""
    slope_error: float
    slope_from: float
    """Step at which the recent part begins."""
    recent_first: float
    """Median there."""
    scatter: float
    """Deviation of single values from one to the next; as a share of the level if all are positive."""
    matters: float
    """Change of a level that is more than noise."""
    relative: bool
    """Whether all values are positive, so that shares of them mean something."""

    @property
    def noisy(self) -> bool:
        """Whether single values scatter so much that one of them says little."""
        return self.relative and self.scatter >= _NOISY

    @property
    def fell(self) -> float:
        """How far it fell, as a share of the first level."""
        return (self.first - self.last) / abs(self.first) if self.first else 0.0

    @property
    def recent(self) -> float:
        """Change over the recent part, as a share of the last level."""
        change = self.slope * (self.last_step - self.slope_from)
        return change / abs(self.last) if self.last else 0.0

    @property
    def level(self) -> bool:
        """Whether a plateau began within the recent part, whose slope is then that of the way there."""
        small = self.kind not in ("flat", "rise", "fall and rise") and self.hidden <= SEEN
        return small and self.flat_since >= self.slope_from

    @property
    def trend(self) -> str:
        """What the recent part does: `falls`, `rises` or `flat`."""
        within = abs(self.slope) * (self.last_step - self.slope_from) <= self.matters
        if self.level or (self.kind == "flat" and within):
            return "flat"
        clear = abs(self.slope) > _CERTAIN * self.slope_error and abs(self.recent) >= _LEAST
        return "flat" if not clear else "falls" if self.slope < 0 else "rises"


def shape_of(curve: Curve) -> Shape | None:
    """Return the shape of a curve; None where there are too few values."""
    keep = np.isfinite(curve.points.mean) & last_pass(curve.steps)
    steps, values = curve.steps[keep], curve.points.mean[keep]
    if len(values) < FEWEST:
        return None
    relative = bool(curve.summary.minimum > 0)
    at, medians, (*_, of) = _medians(steps, values, _BINS)
    fine_at, fine, (few, *_) = _medians(steps, values, _FINE)
    first, last = float(fine[0]), float(medians[-1])
    best = int(np.argmin(medians))
    scatter = _scatter(curve, relative)
    if curve.points.count[0] > 1:
        first, few = curve.summary.first, 1
    elif scatter < _NOISY and few > _FEW:
        first, few = float(np.median(values[:_FEW])), _FEW
    noise = scatter * (abs(last) if relative else 1.0) / max(1.0, of**0.5)
    fall, low = first - float(medians[best]), np.minimum.accumulate(np.concatenate(([first], fine)))
    fine_at = np.concatenate((steps[:1], fine_at))
    half, most = (_reached(fine_at, low, first - share * fall) for share in (0.5, 0.9))
    clear = max(2 * noise, 0.005 * abs(last))
    better = np.flatnonzero(medians <= float(medians[best]) + clear)
    flat_since = float(at[better[0]]) if len(better) else np.nan
    recent = at >= at[-1] - _RECENT * (at[-1] - steps[0])
    if recent.sum() < 5:
        recent = np.arange(len(at)) >= len(at) - 5
    slope, error = _slope(at[recent], medians[recent])
    matters = max(4 * noise, 0.01 * max(abs(first), abs(last)))
    shape = Shape(
        "", first, few, last, of, float(medians[best]), float(at[best]), half, most, float(steps[0]),
        float(steps[-1]), flat_since, clear / abs(last) if last else 0.0, slope, error, float(at[recent][0]),
        float(medians[recent][0]), scatter, matters, relative,
    )  # fmt: skip
    return _named(shape)


def _medians(steps: Floats, values: Floats, most: int) -> tuple[Floats, Floats, list[int]]:
    """Return steps, medians and sizes of groups of values, at most so many."""
    groups = np.array_split(np.arange(len(values)), min(most, len(values) // 3))
    at = np.array([steps[group[-1]] for group in groups])
    return at, np.array([np.median(values[group]) for group in groups]), [*map(len, groups)]


def _named(shape: Shape) -> Shape:
    """Return the shape with its kind."""
    matters = shape.matters
    length = shape.last_step - shape.first_step
    done = (shape.most_step - shape.first_step) / length if length > 0 else 1.0
    fell, rose = shape.first - shape.best > matters, shape.last - shape.best > matters
    if not fell:
        kind = "rise" if shape.last - shape.first > matters else "flat"
    elif rose and shape.last - shape.best > 0.1 * (shape.first - shape.best):
        kind = "fall and rise"
    elif done <= 0.35:
        kind = "fast drop"
    else:
        kind = "late fall" if done > 0.9 and _half(shape) > 0.6 else "steady fall"
    flat = shape.flat_since
    recent = length <= 0 or flat > shape.last_step - 0.2 * length
    return replace(shape, kind=kind, flat_since=np.nan if recent else flat)


def _half(shape: Shape) -> float:
    return (shape.half_step - shape.first_step) / (shape.last_step - shape.first_step)


def _reached(at: Floats, low: Floats, level: float) -> float:
    below = np.flatnonzero(low <= level)
    return float(at[below[0]]) if len(below) and low[0] > low[-1] else float("nan")


def _scatter(curve: Curve, relative: bool) -> float:
    """Return how far single values lie apart from one to the next, as a Gaussian's deviation."""
    values = curve.newest_values[np.isfinite(curve.newest_values)]
    if relative:
        values = np.log(values[values > 0])
    if len(values) < 3:
        return 0.0
    apart = np.diff(values)
    usual = 1.4826 * np.median(np.abs(apart))
    if not relative:  # more than half of such losses may be 0
        usual = max(usual, np.percentile(np.abs(apart), 68.27))
    return float(usual / 2**0.5)


def _slope(x: Floats, y: Floats) -> tuple[float, float]:
    """Return the median of all slopes between two points, and its standard error."""
    rows, columns = np.triu_indices(len(x), 1)
    apart = x[columns] - x[rows]
    known = apart > 0
    slopes = (y[columns] - y[rows])[known] / apart[known]
    if not len(slopes):
        return 0.0, float("inf")
    slope = float(np.median(slopes))
    rest = y - slope * (x - x.mean())
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    room = float(np.sum((x - x.mean()) ** 2)) ** 0.5
    return slope, 1.2533 * spread / room if room else float("inf")
