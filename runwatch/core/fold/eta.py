"""How long the rest of a run takes: its plain steps, and the pauses between them.

What is observed are moments: a step, and the time at which it was reached, as lines print it or as
they arrived. Between two moments there are plain steps and, now and then, a pause: an evaluation, a
checkpoint, a machine that was suspended. Plain steps make the pace. Pauses that come back at a steady
distance, or with evaluations and checkpoints, will come again; all others are forgotten.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPAN = 64
"""Intervals between moments that are digested together."""
RAW = 3
"""Spans of the newest intervals kept as they are."""
FEWEST = 3
"""Intervals from which an estimate is made."""
_PAUSE = 2.0
"""A pause takes so many times as long as the steps next to it."""
_ALIKE = 2.5
"""Pauses of one kind differ by less than this factor."""
_WINDOWS = (12, 48)
"""Newest intervals that make the pace where they differ from those before."""
_DIFFERS = 0.1
_STEADY = 0.6
"""Standard deviation of the distances of pauses that come back, as a share of their mean."""
_DAY = 86_400.0
_LEAST = 0.02
"""Half width of the likely range, as a share: no estimate is more exact."""
_WIDTH = 2.0
"""Half width of the likely range in standard deviations; see docs/detection.md for how it was measured."""


class Estimate(NamedTuple):
    """How long the rest takes."""

    seconds: float
    half_width: float
    """Seconds; the true end lies within in about 80 % of cases."""
    pace: float
    """Seconds per step, without pauses."""


class _Pause(NamedTuple):
    begin: float
    """Step before it."""
    end: float
    """Step behind it."""
    seconds: float


@dataclass(slots=True)
class Pace:
    """The moments of one run, and what they come to. Bounded; how they were cut does not matter."""

    _steps: Floats = field(default_factory=lambda: np.empty(0))
    _times: Floats = field(default_factory=lambda: np.empty(0))
    """The newest moments, in order."""
    _pauses: deque[_Pause] = field(default_factory=lambda: deque(maxlen=128))
    """Those of moments that are no longer kept."""
    _paces: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=64))
    """Steps and plain seconds of each span digested."""
    _first: float = math.nan
    """First step observed."""

    def observe(self, steps: Floats, times: Floats) -> None:
        """Take in moments in order, shapes (n,); seconds without a date begin again at midnight."""
        if not len(steps):
            return
        if math.isnan(self._first):
            self._first = float(steps[0])
        times = unwrapped(times, float(self._times[-1]) if len(self._times) else None)
        before = self._times[-1] if len(self._times) else -math.inf
        moved = times > np.maximum.accumulate(np.concatenate(([before], times)))[:-1]
        self._steps = np.concatenate((self._steps, steps[moved]))
        self._times = np.concatenate((self._times, times[moved]))
        spans = (len(self._steps) - 1) // SPAN - RAW
        if spans > 0:
            self._digest(spans)

    @property
    def seconds(self) -> float:
        """From the first of the moments kept to the newest."""
        return float(self._times[-1] - self._times[0]) if len(self._times) else 0.0

    def interrupt(self) -> None:
        """Begin again: what was observed does not show the time until the next moment."""
        self._steps, self._times = np.empty(0), np.empty(0)

    def _digest(self, spans: int) -> None:
        """Keep of the oldest spans only their pace and their pauses."""
        size = spans * SPAN
        steps, seconds, pauses = _plain(self._steps[: size + 1], self._times[: size + 1], SPAN)
        self._pauses.extend(pauses)
        rows = zip(
            steps.reshape(-1, SPAN).sum(1).tolist(), seconds.reshape(-1, SPAN).sum(1).tolist(), strict=True
        )
        self._paces.extend((n, took) for n, took in rows if n > 0)
        self._steps, self._times = self._steps[size:], self._times[size:]

    def estimate(self, last: float, total: float, marks: Sequence[float] = ()) -> Estimate | None:
        """Return how long the steps from `last` to `total` take; None while too little was observed.

        `marks` are steps at which the run was evaluated or saved: a pause there will come again.
        """
        if len(self._steps) <= FEWEST:
            return None
        steps, seconds, pauses = _plain(self._steps, self._times, len(self._steps) - 1)
        known = steps > 0
        steps, seconds = steps[known], seconds[known]
        if len(steps) < FEWEST:
            return None
        pace, error = _pace(steps, seconds)
        left = max(0.0, total - last)
        pausing, unsure = self._pausing([*self._pauses, *pauses], last, total, marks)
        spread = math.hypot(error, self._drift(steps, seconds)) * left
        half = math.hypot(_WIDTH * spread, unsure, _LEAST * (left * pace + pausing))
        return Estimate(left * pace + pausing, half, pace)

    def _drift(self, steps: Floats, seconds: Floats) -> float:
        """Return by how much the pace of spans varies, as seconds per step."""
        parts = [
            (float(n.sum()), float(took.sum()))
            for n, took in zip(*(np.array_split(a, 5) for a in (steps, seconds)), strict=True)
            if n.sum() > 0
        ]
        paces = [took / n for n, took in (*self._paces, *parts)]
        return float(np.std(paces))

    def _pausing(
        self, pauses: Sequence[_Pause], last: float, total: float, marks: Sequence[float]
    ) -> tuple[float, float]:
        """Return how many seconds of pauses are to come, and how unsure that is."""
        to_come = unsure = 0.0
        at = np.asarray(marks, float)
        at = at[at >= self._first]
        for kind in _kinds(pauses):
            steps = np.array(sorted(pause.end for pause in kind))
            marked = sum(bool(np.any((at >= pause.begin) & (at <= pause.end))) for pause in kind)
            every = _distance(steps, self._first, marked=2 * marked >= max(len(kind), len(at)))
            if every is None or last - float(steps[-1]) > 2 * every:  # it did not come back
                continue
            took = [pause.seconds for pause in kind]
            times = max(0, math.ceil((total - float(steps[-1])) / every - 0.02) - 1)
            to_come += times * float(np.median(took))
            unsure += times * (float(np.std(took)) if len(took) > 2 else 0.3 * took[0])
        return to_come, unsure


def unwrapped(times: Floats, before: float | None) -> Floats:
    """Return times that continue over midnights where they have no date; `before` is the one before them."""
    if not len(times) or times[-1] >= _DAY:
        return times
    begin = 0.0 if before is None else _DAY * (before // _DAY)
    went_back = np.diff(times + begin, prepend=times[0] if before is None else before) < -_DAY / 2
    return times + begin + _DAY * np.cumsum(went_back)


def _plain(steps: Floats, times: Floats, size: int) -> tuple[Floats, Floats, list[_Pause]]:
    """Return the steps and the plain seconds of each interval, and the pauses; 0 steps where it goes back.

    An interval is compared with the `size` around it; there are a multiple of these.
    """
    done, took = np.diff(steps), np.diff(times)
    forward = done > 0
    each = np.where(forward, took / np.where(forward, done, 1.0), np.nan).reshape(-1, size)
    some = np.isfinite(each).any(1, keepdims=True)
    typical = np.nanmedian(np.where(some, each, 0.0), 1, keepdims=True)
    usual = np.broadcast_to(typical, each.shape).ravel() * done
    pausing = forward & (took - usual > _PAUSE * usual)
    pauses = [
        _Pause(float(steps[i]), float(steps[i + 1]), float(took[i] - usual[i]))
        for i in np.flatnonzero(pausing)
    ]
    plain = forward & ~pausing
    return np.where(plain, done, 0.0), np.where(plain, took, 0.0), pauses


def _pace(steps: Floats, seconds: Floats) -> tuple[float, float]:
    """Return seconds per step and its standard error: of all, or of the newest where these differ."""
    for size in (*_WINDOWS, len(steps)):
        new, old = slice(max(0, len(steps) - size), None), slice(0, max(0, len(steps) - size))
        pace = float(seconds[new].sum() / steps[new].sum())
        error = float(np.std(seconds[new] / steps[new]) / math.sqrt(len(steps[new])))
        if not len(steps[old]):
            break
        before = float(seconds[old].sum() / steps[old].sum())
        if abs(pace - before) > max(4 * error, _DIFFERS * before):
            break
    return pace, error


def _kinds(pauses: Sequence[_Pause]) -> list[list[_Pause]]:
    """Return pauses that took about as long as each other together."""
    kinds: list[list[_Pause]] = []
    for pause in sorted(pauses, key=lambda pause: pause.seconds):
        if kinds and pause.seconds <= _ALIKE * kinds[-1][0].seconds:
            kinds[-1].append(pause)
        else:
            kinds.append([pause])
    return kinds


def _distance(steps: Floats, first: float, *, marked: bool) -> float | None:
    """Return the steps from one pause to the next, None if nothing says that they come back."""
    gaps = np.diff(steps) if len(steps) > 1 else steps - first
    every = float(gaps.mean())
    steady = len(steps) > 2 and float(gaps.std()) <= _STEADY * every
    return every if every > 0 and (marked or steady) else None
