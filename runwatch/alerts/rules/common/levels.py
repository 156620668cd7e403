"""How slow a run has been, and for how long: what it has shown before is no news."""

from __future__ import annotations

import numpy as np

from runwatch.alerts.rules.baseline import Floats

_BIN = 0.02
"""Width of a bin, ln."""
_MOST = 1000
"""Bins on each side of one second."""
_NEAR = 0.4
"""Part of a slowdown that may be missing where it was as slow."""
_SHARE = 0.05
"""Share of the rows so far from which a level is a usual one."""
_AGAIN = 2
"""Times as long as before that is as long."""


class Levels:
    """Counts rows by their sustained level, ln(seconds)."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}

    def add(self, levels: Floats, rows: int) -> None:
        """Count levels that held for `rows` rows each; those that are not known are left out."""
        known = levels[np.isfinite(levels)]
        bins, counts = np.unique(np.clip(known // _BIN, -_MOST, _MOST), return_counts=True)
        for number, count in zip(bins.tolist(), counts.tolist(), strict=True):
            self._rows[int(number)] = self._rows.get(int(number), 0) + rows * count

    def merge(self, other: Levels) -> None:
        """Count what another one counted."""
        for number, rows in other._rows.items():
            self._rows[number] = self._rows.get(number, 0) + rows

    def shown(self, level: float, excess: float, rows: int) -> bool:
        """Whether `rows` rows at `level`, `excess` above the usual, are no news.

        They are none where it was as slow in many rows, or for about as long.
        """
        least = (level - _NEAR * excess) / _BIN
        before = sum(count for number, count in self._rows.items() if number >= least)
        return before > 0 and (before >= _SHARE * sum(self._rows.values()) or rows <= _AGAIN * before)
