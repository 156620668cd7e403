"""When what was estimated of a run holds no more."""

from __future__ import annotations

from runwatch.core.snapshot import Progress

_STALE = 30.0
"""Seconds without a line before a run that steps quickly is called stale."""
_STALE_STEPS = 10.0
"""The same in steps, where those take longer."""


def stale(progress: Progress, age: float | None) -> bool:
    """Return whether a run that continues has been silent for longer than its own pace explains.

    `age`: seconds since its newest line was written. What was estimated before holds no more.
    """
    patience = max(_STALE, _STALE_STEPS / progress.rate if progress.rate else 0.0)
    return age is not None and age > patience
