"""Does a metric fall? By the order of its values alone: an outlier counts no more than another row."""

from __future__ import annotations

import numpy as np

from runwatch.alerts.rules.baseline import Floats


def falls(values: Floats, sure: float = 3.0) -> bool:
    """Return whether values (n,) fall, by the test of Mann and Kendall, which counts pairs.

    `sure` is in standard errors: one in 700 series without a trend falls by 3, one in 90 by 2.3.
    """
    n = len(values)
    rises = np.sign(values[None, :] - values[:, None])
    score = -float(np.triu(rises, 1).sum())
    return bool(score - 1 > sure * (n * (n - 1) * (2 * n + 5) / 18) ** 0.5)
