"""How long steps take, from what the redraws of one bar show: n, the time elapsed and the rate.

Some programs show the mean since the bar began (tqdm with `smoothing=0`, as Lightning draws it). After a
pause it stays high for as long as the pause is a part of it, and steps look slow that are not. So while
the rate is that mean, the time of a step is that of the stretch between two redraws: elapsed over steps.
Any other rate is of the newest steps already.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from runwatch.parsers.body.frames import Floats
    from runwatch.parsers.framing.lines import Ints

_STRETCH = 10.0
"""Seconds that a stretch has at least: elapsed times are whole seconds."""
_ROUNDED = 0.006
"""By how much a rate of two decimals, one or more of its unit, may miss."""
_LAST = 0.005
"""The same in steps a second, of which slow bars show few: `0.01it/s`."""
_LONGEST = 1e7
"""Seconds of a bar; what shows more is no time."""


class _Mark(NamedTuple):
    """A redraw with which a stretch may begin: n has grown, in another second than before."""

    elapsed: float
    n: float
    seconds: float
    """Time elapsed, with its fraction."""


class StepPace:
    """The pace of one bar after the other. It remembers the redraws of the newest stretch, one a second."""

    def __init__(self) -> None:
        self._mean = True
        """Whether each rate so far was the mean since its bar began."""
        self._newest = 0.0, -1.0
        """n and time of the newest redraw."""
        self._grown = -1.0
        """Time of the newest one in which n had grown."""
        self._marks: list[_Mark] = []

    def take(self, n: float, elapsed: float, took: float) -> float:
        """Return the seconds that a step takes by one redraw; `took`: by its rate, infinite for none.

        `elapsed` is in whole seconds, negative if unknown.
        """
        if not self._mean or not (n > 0 and 0 <= elapsed < _LONGEST and took < _LONGEST):
            return took
        shown, miss = n * took, max(_ROUNDED, _LAST * took)
        self._mean = elapsed * (1 - miss) <= shown <= (elapsed + 1) * (1 + miss)
        if not self._mean:
            return took
        seconds = min(max(shown, elapsed), elapsed + 1)
        if n < self._newest[0] or elapsed < self._newest[1]:  # another bar
            self._newest, self._grown, self._marks = (0.0, -1.0), -1.0, []
        at = bisect_right(self._marks, elapsed - _STRETCH, key=lambda mark: mark.elapsed) - 1
        at -= at >= 0 and self._marks[at].n == n
        began = self._marks[at] if at >= 0 else None
        if n > self._newest[0]:
            if elapsed > self._grown:
                self._marks = [*self._marks[max(at, 0) :], _Mark(elapsed, n, seconds)]
            self._grown = elapsed
        self._newest = n, elapsed
        if began is not None:
            return (seconds - began.seconds) / (n - began.n)
        return took if seconds == shown else seconds / n

    def fold(self, n: Floats, elapsed: Floats, took: Floats) -> Floats:
        """Take many redraws, each as if by itself. All of shape (n,)."""
        import numpy as np

        known = np.flatnonzero((n > 0) & (elapsed >= 0) & (elapsed < _LONGEST) & (took < _LONGEST))
        if not self._mean or not len(known):
            return took
        shown, past = n[known] * took[known], elapsed[known]
        miss = np.maximum(_ROUNDED, _LAST * took[known])
        other = np.flatnonzero((past * (1 - miss) > shown) | (shown > (past + 1) * (1 + miss)))
        if len(other):
            self._mean = False
            known, shown, past = known[: other[0]], shown[: other[0]], past[: other[0]]
        out: Floats = took.copy()
        if len(known):
            seconds = np.minimum(np.maximum(shown, past), past + 1)
            out[known] = np.where(seconds == shown, out[known], seconds / n[known])
            self._stretches(known, n[known], past, seconds, out)
        return out

    def _stretches(self, known: Ints, n: Floats, past: Floats, seconds: Floats, out: Floats) -> None:
        """Set `out` where a stretch ends, at `known`; these and the others are of shape (known,)."""
        import numpy as np

        before = np.append(self._newest[0], n[:-1])
        begins = (n < before) | (past < np.append(self._newest[1], past[:-1]))
        bar = np.cumsum(begins)
        grows = np.flatnonzero(begins | (n > before))
        grown = np.append(self._grown, past[grows])
        new = grows[begins[grows] | (past[grows] > grown[:-1])]
        marks = np.array([*self._marks, *zip(past[new], n[new], seconds[new], strict=True)])
        bars = np.append(np.zeros(len(self._marks), bar.dtype), bar[new])
        key = 2 * _LONGEST * bars + marks[:, 0]
        at = np.searchsorted(key, 2 * _LONGEST * bar + past - _STRETCH, "right") - 1
        at -= (at >= 0) & (marks[at, 1] == n) & (bars[at] == bar)
        ends = (at >= 0) & (bars[at] == bar)
        began = marks[at[ends]]
        out[known[ends]] = (seconds[ends] - began[:, 2]) / (n[ends] - began[:, 1])
        self._newest, self._grown = (float(n[-1]), float(past[-1])), float(grown[-1])
        kept = max(np.searchsorted(key, key[-1] - _STRETCH, "right") - 1, np.searchsorted(bars, bar[-1]))
        self._marks = [_Mark(*mark) for mark in marks[kept:].tolist()]
