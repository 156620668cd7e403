"""What a run's rewards say at a point of its log: whether it has any, and gets better.

An entropy that falls, or a policy that moves far, is what learning looks like as
long as rewards rise; rules about policies ask here before they alarm.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from runwatch.alerts.rules.baseline import Floats, jitter, median_error
from runwatch.alerts.rules.common.beginning import Beginning, is_among_first
from runwatch.alerts.rules.common.roles import REWARD, cast, is_score
from runwatch.core.block import Block

_NOW, _BEFORE = 16, 64
_MOST = 8
"""Series of rewards that are looked at."""


@dataclass
class Rewards:
    """The newest rewards of a run, and its first."""

    _series: dict[str, Beginning] = field(default_factory=dict)

    def push(self, block: Block) -> None:
        """Take the rewards of a new block."""
        for metric, samples in cast(block.samples, REWARD):
            if is_among_first(metric, self._series, _MOST):
                self._series.setdefault(metric, Beginning(_NOW)).push(samples)

    def known(self, offset: float) -> bool:
        """Return whether there were rewards before `offset`: else this is no reinforcement learning."""
        return bool(self._informative(offset))

    def better(self, offset: float) -> bool:
        """Return whether any reward is above where it began, by more than its noise."""
        return any(
            _above(series.recent.until(offset, _NOW).value, np.asarray(series.first))
            for series in self._informative(offset).values()
            if series.since < offset
        )

    def rises(self, offset: float) -> bool:
        """Return whether any reward is above what it was just before, by more than its noise."""
        informative = self._informative(offset).values()
        rows = (series.recent.until(offset, _NOW + _BEFORE).value for series in informative)
        return any(len(r) > 2 * _NOW and _above(r[-_NOW:], r[:-_NOW]) for r in rows)

    def words(self, offset: float) -> dict[str, float | int | str | None]:
        """Return the newest levels, as evidence."""
        return {
            metric: float(np.median(rows.value))
            for metric, series in sorted(self._informative(offset).items())
            if len(rows := series.recent.until(offset, _NOW))
        }

    def _informative(self, offset: float) -> dict[str, Beginning]:
        """Return the rewards known before `offset`; where there are scores, these alone."""
        known = {m: series for m, series in self._series.items() if len(series.recent.until(offset, 1))}
        return {m: series for m, series in known.items() if is_score(m)} or known


def _above(now: Floats, before: Floats) -> bool:
    noise = max(float(jitter(now[None, :])[0]), float(jitter(before[None, :])[0]))
    error = median_error(noise, len(now), len(before))
    return float(np.median(now) - np.median(before)) > 2 * error
