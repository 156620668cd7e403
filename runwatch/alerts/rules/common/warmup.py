"""When the first rows are over: by how many were printed, or by how many steps they cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runwatch.core.block import Samples

_STEPS = 10
"""Steps that say as much as one row."""


@dataclass
class WarmUp:
    """Counts the rows and steps since a run began, or continued."""

    rows: int = 0
    begin: float = np.nan
    """Its first step."""

    def over(self, samples: Samples, rows: int) -> NDArray[np.bool_]:
        """Take new rows; return for each whether a warm-up of `rows` rows is over."""
        number = self.rows + np.arange(len(samples))
        self.rows += len(samples)
        if np.isnan(self.begin):
            known = samples.step[np.isfinite(samples.step)]
            self.begin = float(known[0]) if len(known) else np.nan
        with np.errstate(invalid="ignore"):
            over: NDArray[np.bool_] = (number >= rows) | (samples.step - self.begin >= _STEPS * rows)
        return over
