"""Whether step times fall from row to row, as a mean does that has a pause behind it.

Progress bars print the mean time of a step since they began, or one that fades: after a pause, such as
the start of a data loader's workers, each row is a little below the one before. What is slow
goes up and down.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runwatch.alerts.rules.baseline import Floats

_MOST = 0.7
"""Part of the rows that are below the one before, above which they fall."""


def falls(newest: Floats) -> NDArray[np.bool_]:
    """Return for each of some windows of rows (..., n), oldest first, whether they fall."""
    below: NDArray[np.bool_] = (np.diff(newest, axis=-1) < 0).mean(axis=-1) > _MOST
    return below
