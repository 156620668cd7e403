"""What people use today, run over the same runs: each sees the columns, and needs no parser.

All get what they can see of NaN for nothing, and a run's alarms of one kind
within 50 rows count as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.detection.replay import Alarm
from benchmarks.detection.styles import STYLES
from benchmarks.detection.trace import Floats, Trace

Detector = Callable[[Trace], list[Alarm]]


def _alarms(trace: Trace, name: str, rows: Iterator[int] | list[int]) -> list[Alarm]:
    """Return one alarm per 50 rows in which a detector fires."""
    times = np.cumsum(trace.wait)
    found: list[Alarm] = []
    for row in sorted(rows):
        if not found or row - found[-1].row >= 50:
            found.append(Alarm(name, "warning", int(row), float(times[row]), name, True))
    return found


def _seen(trace: Trace) -> dict[str, Floats]:
    return {
        name: trace.columns[name] for name in ("loss", "grad", "seconds") if name in STYLES[trace.style].has
    }


def _hang(trace: Trace, seconds: float) -> list[Alarm]:
    """Fire when nothing was printed for `seconds`."""
    times = np.cumsum(trace.wait)
    found = _alarms(trace, "hang", list(np.flatnonzero(trace.wait > seconds)))
    if trace.silence >= seconds:
        found.append(
            Alarm("hang", "warning", trace.rows - 1, float(times[-1] + seconds), "no progress", True)
        )
    return found


def fixed_thresholds(trace: Trace) -> list[Alarm]:
    """Mean of 5 losses above twice its least, gradients above 10, steps above twice the first 50's median."""
    seen, rows = _seen(trace), set()
    loss = seen["loss"]
    if len(loss) > 5:
        mean = sliding_window_view(loss, 5).mean(axis=1)
        rows |= set((np.flatnonzero(mean > 2 * np.minimum.accumulate(mean)) + 4).tolist())
    rows |= set(np.flatnonzero(~np.isfinite(loss)).tolist())
    if "grad" in seen:
        rows |= set(np.flatnonzero((seen["grad"] > 10) | ~np.isfinite(seen["grad"])).tolist())
    if "seconds" in seen and len(loss) > 60:
        rows |= set(
            (np.flatnonzero(seen["seconds"][50:] > 2 * np.median(seen["seconds"][:50])) + 50).tolist()
        )
    return _alarms(trace, "threshold", list(rows)) + _hang(trace, 2700)


def z_score(trace: Trace) -> list[Alarm]:
    """Fire at |value - mean of the 30 before| > 3 deviations, as trackers' automations do."""
    rows: set[int] = set()
    for column in _seen(trace).values():
        if len(column) > 31:
            with np.errstate(all="ignore"):
                windows = sliding_window_view(column, 30)[:-1]
                z = np.abs(column[30:] - windows.mean(axis=1)) / windows.std(axis=1)
            rows |= set((np.flatnonzero((z > 3) | ~np.isfinite(column[30:])) + 30).tolist())
    return _alarms(trace, "z-score", list(rows))


def early_stopping(trace: Trace) -> list[Alarm]:
    """Fire at three validations without improvement, or a value that is not finite (check_finite)."""
    rows = np.flatnonzero(~np.isfinite(trace.columns["loss"])).tolist()
    best, worse = np.inf, 0
    if "val" in STYLES[trace.style].has:
        for row, value in sorted(trace.val.items()):
            worse = 0 if value < best else worse + 1
            best = min(best, value)
            if worse >= 3 or not np.isfinite(value):
                rows.append(row)
    return _alarms(trace, "early stopping", rows)


_WORDS = re.compile(r"error|\bnan\b|out of memory|killed|traceback", re.IGNORECASE)


def timeout_and_words(trace: Trace) -> list[Alarm]:
    """Fire after 10 minutes without a line, and at lines with the words that scripts look for."""
    rows = [row for row, lines in trace.before.items() if any(_WORDS.search(line) for line in lines)]
    rows += np.flatnonzero(np.isnan(trace.columns["loss"])).tolist()
    found = _alarms(trace, "words", rows)
    if any(_WORDS.search(line) for line in trace.end):
        found.append(Alarm("words", "warning", trace.rows - 1, float(trace.wait.sum()), "words", True))
    return found + _hang(trace, 600)


BASELINES: dict[str, Detector] = {
    "fixed thresholds": fixed_thresholds,
    "z-score 30/3": z_score,
    "early stopping": early_stopping,
    "10 min timeout + grep": timeout_and_words,
}
