"""Does a metric fall? By the order of its values alone: an outlier counts no more than another row."""

from __future__ import annotations

import numpy as np

from runwatch.alerts.rules.baseline import Floats

_SURE = 3.0
"""Standard errors: one in 700 series without a trend falls as clearly."""


def falls(values: Floats) -> bool:
    """Return whether values (n,) fall, by the test of Mann and Kendall, which counts pairs."""
    n = len(values)
    rises = np.sign(values[None, :] - values[:, None])
    score = -float(np.triu(rises, 1).sum())
    return score > 1 and score - 1 > _SURE * (n * (n - 1) * (2 * n + 5) / 18) ** 0.5
