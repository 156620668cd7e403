"""How far apart two noisy curves are, and how sure that is.

The difference is the mean over the last quarter of what both have. It is uncertain for two reasons.

- The curves are noisy, and the noise of neighboring steps is related. Non-overlapping batch means give the
  error of a mean of such values (Fishman 1978; Law and Carson 1979): the mean of each of k blocks is one
  value, and Student's t with k - 1 degrees of freedom gives the range. Blocks must be longer than the noise
  is related. If longer blocks give a larger error, that one counts (Flyvbjerg and Petersen 1989).
- Another seed gives another curve, and the steps of two runs do not show by how much. It is taken from the
  curve: another seed acts like SEED_SHIFT more or less training, so it matters while the loss falls.
  `benchmarks/compare.py` measures that on small models, of several optimizers and data. SEED_PART is a floor
  where the loss is flat. Evaluations on the same data differ from one checkpoint to the next about as they do
  from seed to seed (Heineman et al., "Signal and Noise", 2025), so for them that counts too. Further runs of
  one configuration show what another seed changes; the guess counts as much as GUESS of their differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runwatch.core.gap import Gap

Floats = NDArray[np.float64]

STEP, TOKENS, TIME = "step", "tokens", "time"
"""What curves are laid over: the axes of a line."""

SEED_SHIFT = 0.07
"""Standard deviation of what another seed changes, as a part of the steps."""
SEED_PART = 0.001
"""The same as a part of the loss; what large models show at their end."""
_PARTS = (0.25, 0.5, 1.0)
"""Parts of the common range that the difference may be a mean of; the first with enough points."""
_TRAINING = (8, 4, 4)
"""Points of each curve that are enough in each of these parts."""
_EVALUATIONS = (3, 3, 5)
_BLOCKS = (8, 16)
_MOST_BINS = 512
_LARGEST = 1e100
GUESS = 4
"""How many degrees of freedom the guess of what another seed changes is worth."""
# Student's t, 97.5 %, for 1 to 30 degrees of freedom.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_NORMAL = 1.960


@dataclass(frozen=True, slots=True)
class Line:
    """Values over a growing x: steps, tokens or seconds. Arrays (n,), finite."""

    x: Floats
    y: Floats

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> Line:
        """Return the line through points; of several at one place the last."""
        table = np.array(sorted(dict(points).items()), np.float64).reshape(-1, 2)
        return cls(table[:, 0], table[:, 1])

    def __len__(self) -> int:
        return len(self.x)

    def bounded(self) -> Line:
        """Return it with values that can be squared: a loss that diverged may be 1e300."""
        return Line(self.x, np.clip(self.y, -_LARGEST, _LARGEST))

    def between(self, first: float, last: float) -> Line:
        """Return what lies in a range, both ends included."""
        keep = (self.x >= first) & (self.x <= last)
        return Line(self.x[keep], self.y[keep])

    def means(self, edges: Floats) -> Floats:
        """Return the mean between each two edges (n + 1,), of straight lines from point to point: (n,).

        So a run that logs every step and one that logs every tenth are compared without a shift.
        """
        area = np.concatenate(([0.0], np.cumsum(np.diff(self.x) * (self.y[1:] + self.y[:-1]) / 2)))
        at = np.clip(edges, self.x[0], self.x[-1])
        left = np.clip(np.searchsorted(self.x, at, side="right") - 1, 0, len(self.x) - 2)
        width = at - self.x[left]
        slope = (self.y[left + 1] - self.y[left]) / (self.x[left + 1] - self.x[left])
        total = area[left] + width * (self.y[left] + slope * width / 2)
        means: Floats = np.diff(total) / np.diff(edges)
        return means


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def gap(
    reference: Line,
    other: Line,
    repeats: Sequence[Line] = (),
    *,
    least: float = 0.0,
    evaluations: bool = False,
) -> Gap | None:
    """Return how far `other` is above `reference`; None if they have too little in common.

    `repeats` are runs of one configuration, which show what another seed changes. Without them that is
    guessed, as a half width of `least` at least. Each value of `evaluations` is that of one checkpoint, on
    the same data.
    """
    reference, other, *repeats = (each.bounded() for each in (reference, other, *repeats))
    window = common(reference, other, _EVALUATIONS if evaluations else _TRAINING)
    if window is None:
        return None
    first, last = window
    count = min(len(reference.between(first, last)), len(other.between(first, last)), _MOST_BINS)
    edges = np.linspace(first, last, count + 1)
    ours, theirs = reference.means(edges), other.means(edges)
    apart = theirs - ours
    level = float(np.mean(ours))
    guessed = [seed_noise(each, last) for each in (reference, other)]
    guessed += [scatter(each, last) for each in (reference, other) if evaluations]
    variance, freedom = between(repeats, first, last)
    guess = max(least / _NORMAL, math.hypot(*guessed))
    pooled = (GUESS * guess**2 + freedom * 2 * variance) / (GUESS + freedom)
    seed = math.sqrt(pooled) * (student(GUESS + freedom) if freedom else _NORMAL)
    value, noise = float(np.mean(apart)), block_error(apart)
    if not math.isfinite(value + noise + seed):
        return None
    return Gap(value, noise, seed, first, last, level, len(repeats) if freedom else 0)


def common(reference: Line, other: Line, enough: tuple[int, ...] = _TRAINING) -> tuple[float, float] | None:
    """Return the range near the end of what both have that a gap is a mean of; None if it is too little."""
    first, last = max(reference.x[0], other.x[0]), min(reference.x[-1], other.x[-1])
    for part, least in zip(_PARTS, enough, strict=True):
        begin = last - part * (last - first)
        if min(len(reference.between(begin, last)), len(other.between(begin, last))) >= least:
            return float(begin), float(last)
    return None


def block_error(values: Floats) -> float:
    """Return the half width of the 95 % range of the mean of values (n,) whose neighbors are related."""
    halves = []
    for blocks in _BLOCKS:
        count = min(blocks, len(values))
        means = np.array([part.mean() for part in np.array_split(values, count)])
        halves.append(student(count - 1) * float(means.std(ddof=1)) / math.sqrt(count))
    return max(halves)


def smoothed(curve: Line, points: int) -> tuple[Floats, Floats, Floats]:
    """Return x, mean and half of its 95 % range of so many stretches of a curve at most; arrays (n,)."""
    if len(curve) <= points:
        return curve.x, curve.y, np.zeros(len(curve))
    parts = np.array_split(np.arange(len(curve)), points)
    means = np.array([curve.y[part].mean() for part in parts])
    errors = np.array([curve.y[part].std() / math.sqrt(len(part)) for part in parts])
    return np.array([curve.x[part].mean() for part in parts]), means, _NORMAL * errors


def seed_noise(curve: Line, last: float) -> float:
    """Return the standard deviation that another seed gives near `last`, as far as the curve shows."""
    # Two quarters of the range, so that noise of the curve is no slope: their means lie ln(7/3) apart.
    first = max(curve.x[0], 0.0)
    span = last - first
    edges = first + span * np.array([0.25, 0.5, 0.75, 1.0])
    if span <= 0 or len(curve) < 2:
        return 0.0
    early, _, late = curve.means(edges)
    slope = (late - early) / math.log(7 / 3)
    return math.hypot(SEED_SHIFT * slope, SEED_PART * late)


def scatter(curve: Line, last: float) -> float:
    """Return the standard deviation of values around a smooth curve, of the later half until `last`."""
    values = curve.between(last / 2, last).y
    bends = values[2:] - 2 * values[1:-1] + values[:-2]
    return float(np.sqrt(np.mean(bends**2) / 6)) if len(bends) else 0.0


def between(repeats: Sequence[Line], first: float, last: float) -> tuple[float, int]:
    """Return the variance of the mean of runs of one configuration in a range, and its degrees of freedom."""
    edges = np.array([first, last])
    held = [curve for curve in repeats if curve.x[0] <= first and curve.x[-1] >= last]
    if len(held) < 2:
        return 0.0, 0
    return float(np.var([curve.means(edges)[0] for curve in held], ddof=1)), len(held) - 1


def student(freedom: int) -> float:
    """Return Student's t of a 95 % range with so many degrees of freedom."""
    return math.inf if freedom < 1 else _T[freedom - 1] if freedom <= len(_T) else _NORMAL
