"""A rule that a person wrote in runwatch.toml, without code.

Reason: what must never happen in a run is often known to its owner alone: a reward
above 0.3, an entropy above 1, at most 5 % of tokens dropped.
Formula: the `aggregate` of the last `window` samples of the metric is above `above` or
below `below`, and has been for `for_steps` steps and `for_seconds` seconds. It ends
when that has not been so for as long, and for 10 samples.

Traps: samples that are not a number are left out, `nonfinite` judges them; a window
does not span a restart; a metric that a run does not print is not judged, and a note says so
where another is called nearly the same. Seconds are those that the log shows (step times), or pass on
the clock while the run is watched.

Source: alert rules of Prometheus, whose `for` keeps single samples from raising them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from runwatch.alerts.rules.base import NOWHERE, Place, RunRule, last_place, place, threshold
from runwatch.alerts.rules.baseline import Floats, Segments, take
from runwatch.alerts.rules.settings import Aggregate, OwnRule
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import STEP_TIME, label
from runwatch.parsers.lexicon.names import canonical

CALM = 10
"""Samples after which a condition can be over."""
_ENOUGH = 100
"""Training rows after which a metric that was not among them is missed."""
_MOST = 512
"""Names of other metrics that are remembered until then."""
_PIECE = 1 << 18
"""Values that are aggregated at once."""


class _Since(NamedTuple):
    """Where a stretch of samples that agree began."""

    step: float
    time: float
    """Seconds of training so far, as the log shows."""
    row: int
    clock: float
    """Unix time at which the sample was read; NaN for history."""


class _Stretches(NamedTuple):
    """Where each stretch of a piece began; arrays of shape (n,)."""

    step: Floats
    time: Floats
    row: NDArray[np.int64]


class _LogClock:
    """Seconds of training so far, summed up from step times."""

    def __init__(self) -> None:
        self._offset: Floats = np.empty(0)
        self._total: Floats = np.zeros(1)
        """One more than offsets: what holds before the first, then at each."""
        self._step = np.nan

    def push(self, times: Samples | None) -> None:
        """Take the step times of a new block."""
        if times is None:
            self._offset, self._total = np.empty(0), self._total[-1:]
            return
        steps = np.diff(times.step, prepend=self._step)
        self._step = float(times.step[-1])
        seconds = times.value * np.fmax(steps, 1.0)
        seconds[~((seconds >= 0) & (seconds < np.inf))] = 0.0
        self._total = np.cumsum(np.append(self._total[-1], seconds))
        self._offset = times.offset

    def at(self, offset: Floats) -> Floats:
        """Return the seconds at some offsets of the newest block."""
        return self._total[np.searchsorted(self._offset, offset, "right")]


@dataclass
class Own(RunRule):
    """Fires while a metric is beyond a limit; `make` makes rules of it."""

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    metric: ClassVar[str] = ""
    aggregate: ClassVar[Aggregate] = Aggregate.MEAN
    severity: ClassVar[Severity] = Severity.WARNING
    message: ClassVar[str] = ""

    above: float = threshold(np.inf, "it fires above this", least=-np.inf)
    below: float = threshold(-np.inf, "it fires below this", least=-np.inf)
    window: int = threshold(1, "samples that are taken together")
    for_steps: float = threshold(0.0, "steps for which it must hold")
    for_seconds: float = threshold(0.0, "seconds for which it must hold")

    _segments: Segments = field(default_factory=Segments, init=False, repr=False)
    _clock: _LogClock = field(default_factory=_LogClock, init=False, repr=False)
    _carry: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    _rows: int = field(default=0, init=False, repr=False)
    _beyond: bool = field(default=False, init=False, repr=False)
    """Whether the newest sample was beyond the limit."""
    _since: _Since | None = field(default=None, init=False, repr=False)
    """Since when it has been so, or has not."""
    _last: tuple[Place, float] = field(default=(NOWHERE, np.nan), init=False, repr=False)
    """Where the newest sample is, and the value that was compared."""
    _steps: float = field(default=0.0, init=False, repr=False)
    """For how many steps it has been so."""
    _firing: bool = field(default=False, init=False, repr=False)
    _others: set[str] = field(default_factory=set, init=False, repr=False)
    """Metrics that were there while this one was not."""
    _misses: int = field(default=0, init=False, repr=False)
    """Training rows without it, until there is one."""
    _missed: bool = field(default=False, init=False, repr=False)
    """Whether it was said that there is no such metric."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the samples of the metric."""
        self._clock.push(block.samples.get(STEP_TIME))
        found: list[Finding] = []
        if self._misses >= 0:
            found += self._look_for(block)
        for restarted, piece in self._segments.split(block.samples.get(self.metric), block.restarts):
            if restarted:
                self._carry, self._since = np.empty(0), None
            rows = take(piece, ~np.isnan(piece.value))
            value = self._aggregate(rows.value)
            rows = take(rows, slice(len(rows) - len(value), None))
            if len(rows):
                found += self._walk(rows, value, block.arrival if block.live else np.nan)
        return found

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge what has held for long enough by the clock, without a new sample; or that there is none."""
        if not self._missed and (self._misses >= _ENOUGH or (self._misses > 0 and not status.live)):
            return self._miss(status)
        since = self._since
        if since is None or self._firing or not (self._beyond and status.live):
            return ()
        if not (status.now - since.clock >= self.for_seconds and self._steps >= self.for_steps):
            return ()
        return [self._say(*self._last)]

    def _look_for(self, block: Block) -> Sequence[Finding]:
        """Note what there is instead of the metric, until it comes."""
        if self.metric in block.samples:
            self._misses = -1
            self._others.clear()
            return [self.clear(NOWHERE)] if self._missed else ()
        if not self._missed:
            self._misses += len(block.progress) if block.progress is not None else 0
            self._others.update(list(block.samples)[: _MOST - len(self._others)])
        return ()

    def _miss(self, status: Status) -> Sequence[Finding]:
        """Say once that there is no such metric, if its name seems to be mistyped."""
        self._missed = True
        near = get_close_matches(self.metric, sorted(self._others), 1, 0.8)
        self._others.clear()
        if not near:
            return ()
        title = f"this run prints no {self.metric}, which the rule looks at"
        here = last_place(status)
        return [self.say(Verdict.FIRING, Severity.INFO, title, here, advice=f"Did you mean {near[0]}?")]

    def _aggregate(self, values: Floats) -> Floats:
        """Return the aggregate of each complete window; those of the last samples are kept for the next."""
        if self.window == 1:
            return values
        data = np.concatenate([self._carry, values])
        self._carry = data[len(data) - min(len(data), self.window - 1) :].copy()
        if len(data) < self.window:
            return np.empty(0)
        if self.aggregate is Aggregate.MEAN:  # added in one order, so that cuts do not change a bit
            total = np.zeros(len(data) - self.window + 1)
            for first in range(self.window):
                total += data[first : first + len(total)]
            return total / self.window
        windows = sliding_window_view(data, self.window)
        pieces = range(0, len(windows), max(1, _PIECE // self.window))
        reduce: Any = {Aggregate.MEDIAN: np.median, Aggregate.MIN: np.min, Aggregate.MAX: np.max}
        parts = [reduce[self.aggregate](windows[low : low + pieces.step], axis=1) for low in pieces]
        return np.concatenate(parts)

    def _walk(self, rows: Samples, value: Floats, arrival: float) -> Iterator[Finding]:
        beyond = (value > self.above) | (value < self.below)
        number = self._rows + np.arange(len(rows))
        self._rows += len(rows)
        step = np.where(np.isfinite(rows.step), rows.step, number)
        time = self._clock.at(rows.offset)
        before = not beyond[0] if self._since is None else self._beyond
        begins = np.flatnonzero(np.diff(beyond, prepend=before))
        continued = self._since if not len(begins) or begins[0] > 0 else None
        begins = begins if continued is None else np.append(0, begins)
        since = _Stretches(step[begins], time[begins], number[begins])
        if continued is not None:
            since.step[0], since.time[0], since.row[0] = continued[:3]
        of = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(rows))))
        held = (step - since.step[of] >= self.for_steps) & (time - since.time[of] >= self.for_seconds)
        over = held & (number - since.row[of] + 1 >= CALM)
        yield from self._turns(np.flatnonzero(held & beyond), np.flatnonzero(over & ~beyond), rows, value)
        clock = continued.clock if continued is not None and len(begins) == 1 else arrival
        self._beyond = bool(beyond[-1])
        self._since = _Since(float(since.step[-1]), float(since.time[-1]), int(since.row[-1]), clock)
        self._last = place(rows, -1), float(value[-1])
        self._steps = float(step[-1] - since.step[-1])

    def _turns(
        self, fires: NDArray[np.intp], ends: NDArray[np.intp], rows: Samples, value: Floats
    ) -> Iterator[Finding]:
        """Yield the findings at the first of `fires`, the first of `ends` after it, and so on."""
        at = 0
        while True:
            turns = ends if self._firing else fires
            number = int(np.searchsorted(turns, at))
            if number == len(turns):
                return
            at = int(turns[number])
            yield self._say(place(rows, at), float(value[at]))

    def _say(self, where: Place, value: float) -> Finding:
        """Return the finding that turns its state."""
        self._firing = not self._firing
        limit, word = (self.above, "above") if not value < self.below else (self.below, "below")
        evidence = {"value": value, "limit": limit}
        if not self._firing:
            return self.clear(where, self.metric, evidence=evidence)
        what = label(self.metric)
        if self.window > 1:
            what = f"{self.aggregate.value} {what} of {self.window}"
        said = f"{what} is {value:.4g}, {word} {limit:g}"
        title = f"{self.message}: {said}" if self.message else said
        return self.say(Verdict.FIRING, self.severity, title, where, metric=self.metric, evidence=evidence)


def make(name: str, given: OwnRule) -> type[Own]:
    """Return the rule that a section of runwatch.toml describes."""
    metric = canonical(given.metric)
    fields: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": given.message or f"Judges {metric}.",
        "name": name,
        "summary": (given.message or _described(given, metric)).rstrip(".") + ".",
        "metric": metric,
        "aggregate": given.aggregate,
        "severity": given.severity,
        "message": given.message.rstrip(".: "),
        "__annotations__": {},
    }
    for key in ("above", "below", "window", "for_steps", "for_seconds"):
        value = getattr(given, key)
        if value is not None:
            fields[key] = threshold(value, **Own.__dataclass_fields__[key].metadata)
            fields["__annotations__"][key] = Own.__dataclass_fields__[key].type
    return dataclass(type(name, (Own,), fields))


def _described(given: OwnRule, metric: str) -> str:
    limits = (("above", given.above), ("below", given.below))
    said = " or ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)
    return f"{label(metric)} is {said}"
