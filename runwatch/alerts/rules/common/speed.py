"""How long steps take, from the best source that a log has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from runwatch.alerts.rules.baseline import Floats, Segments, positive, take
from runwatch.alerts.rules.common.beginning import EARLY
from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.curriculum import Curriculum
from runwatch.alerts.rules.common.roles import BATCH, LESSON, SIZE, role
from runwatch.core.block import Block, Samples
from runwatch.core.fold.eta import unwrapped
from runwatch.core.metrics import SAMPLES_PER_SEC, STEP_TIME, TOKENS_PER_SEC

SOURCES = (STEP_TIME, TOKENS_PER_SEC, SAMPLES_PER_SEC)
"""In order of preference: once one is seen, those after it are not judged any more."""
BETWEEN = "time between lines"
"""Seconds of a step by the times that lines print, where they print no source."""
TIMES = (STEP_TIME, BETWEEN)
"""Sources that grow when a run slows down."""
_APART = 20.0
"""Seconds between two of these times that are compared, at least: most are printed in whole seconds."""
_GLOBAL = "global batch size"
_TOKENS = 256
_STALE = 256
"""Rows in which a bar that resumes may repeat its first rate: tqdm measures again after as many steps."""


class Piece(NamedTuple):
    """Rows of one source, between restarts."""

    metric: str
    restarted: bool
    """Whether they are the first after a restart."""
    whole: Samples
    """All of them, at least one."""
    rows: Samples
    """Those of them that can be judged; perhaps none."""
    slowness: Floats
    """ln(seconds) of `rows`, or ln(seconds per work): what grows when the run slows down."""


class _Work:
    """How much a step has to do, as a series of the log says."""

    def __init__(self) -> None:
        self._least, self._newest = np.nan, np.nan

    def divide(self, times: Samples, work: Samples | None) -> Samples:
        """Return times as they would be with the least work so far, where the log prints it.

        More work may take longer; less need not be faster.
        """
        work = None if work is None else positive(work)
        if work is not None:
            sizes = np.append(self._newest, work.value)
            leasts = np.fmin.accumulate(np.append(self._least, work.value))
            at = np.searchsorted(work.offset, times.offset, "right")
            self._newest, self._least = float(sizes[-1]), float(leasts[-1])
            size, least = sizes[at], leasts[at]
        else:
            size, least = np.full(len(times), self._newest), np.full(len(times), self._least)
        more = size > least  # not where neither is known
        if not more.any():
            return times
        value = np.where(more, times.value * (least / size), times.value)
        return Samples(times.offset, times.line, times.step, value)


class _Stamps:
    """The times that lines print, from which follows how long a step takes."""

    def __init__(self) -> None:
        self._newest: float | None = None
        self._time, self._step = np.inf, np.inf
        """Where the newest piece ended."""

    def between(self, moments: Samples) -> Samples:
        """Return the seconds of a step in each piece that ends in these rows."""
        times = unwrapped(moments.value, self._newest)
        self._newest = float(times[-1])
        ends: list[int] = []
        seconds: list[float] = []
        begins = np.flatnonzero((np.diff(times) < 0) | (np.diff(moments.step) <= 0)) + 1
        for low, high in pairwise([0, *begins.tolist(), len(times)]):
            row = low
            if not (times[low] >= self._time and moments.step[low] > self._step):
                self._time, self._step, row = float(times[low]), float(moments.step[low]), low + 1
            while (row := row + int(np.searchsorted(times[row:high], self._time + _APART))) < high:
                time, step = float(times[row]), float(moments.step[row])
                seconds.append((time - self._time) / (step - self._step))
                ends.append(row)
                self._time, self._step, row = time, step, row + 1
        return Samples(moments.offset[ends], moments.line[ends], moments.step[ends], np.array(seconds))


@dataclass
class _Start:
    """The rows after a start or restart that are not judged."""

    dropped: int = 0
    stale: float | None = None
    """What a bar repeats of the rate at which it passed the steps that were trained before, if it resumes."""
    same: int = 0

    def drop(self, values: Floats, skip: int) -> int:
        """Return how many of the next values are not judged."""
        low = 0
        if self.stale is not None:
            others = np.flatnonzero(values[: _STALE - self.same] != self.stale)
            low = int(others[0]) if len(others) else min(len(values), _STALE - self.same)
            self.same += low
            if len(others) or self.same == _STALE:
                self.stale = None
                self.dropped = self.same if self.same <= skip else 0
        drop = min(max(0, skip - self.dropped), len(values) - low)
        self.dropped += drop
        return low + drop


class Speed:
    """Chooses the source, cuts it at restarts and where work grows for long, and takes out what it explains.

    With `stamps`, the times that lines print say it where nothing else does, with what is between steps.
    """

    def __init__(self, *, stamps: bool = False) -> None:
        self._stamps = _Stamps() if stamps else None
        self._source = len(SOURCES)
        self._segments: dict[str, Segments] = {}
        self._curriculum = Curriculum((LESSON, BATCH))
        self._batch, self._size = _Work(), _Work()
        self._tokens = Recent(_TOKENS)
        self._starts: dict[str, _Start] = {}

    def pieces(self, block: Block, skip: int) -> list[Piece]:
        """Return what a block contains, without the first `skip` rows after each start."""
        self._tokens.push(block.samples.get(TOKENS_PER_SEC))
        cuts = [*block.restarts, *self._curriculum.begins(block)]
        found: list[Piece] = []
        until = np.inf
        for number, metric in enumerate(SOURCES[: self._source + 1]):
            samples = block.samples.get(metric)
            if samples is not None:
                self._source = min(self._source, number)
                segments = self._segments.setdefault(metric, Segments())
                chosen = samples if until == np.inf else take(samples, samples.offset < until)
                if metric == STEP_TIME:
                    chosen = self._batch.divide(chosen, block.samples.get(_GLOBAL))
                    chosen = self._size.divide(chosen, _size(block))
                for restarted, piece in segments.split(chosen, cuts):
                    found.append(self._piece(metric, restarted, piece, skip))
                until = min(until, float(samples.offset[0]))
            elif metric in self._segments:
                self._segments[metric].split(None, cuts)
        return found + self._between(block, until, skip, cuts)

    def _between(self, block: Block, until: float, skip: int, cuts: Sequence[int]) -> list[Piece]:
        """Return the times between lines before the first source, if there is one."""
        stamps, moments = self._stamps, block.moments
        if self._source < len(SOURCES):
            self._stamps = None  # from here on
        if stamps is None:
            return []
        rows = None if moments is None else take(moments, moments.offset < until)
        samples = stamps.between(rows) if rows is not None and len(rows) else None
        pieces = self._segments.setdefault(BETWEEN, Segments()).split(samples, cuts)
        return [self._piece(BETWEEN, restarted, piece, skip) for restarted, piece in pieces]

    def _piece(self, metric: str, restarted: bool, piece: Samples, skip: int) -> Piece:
        rows = positive(piece)
        if restarted:
            self._starts.pop(metric, None)
        if len(rows) and metric not in self._starts:
            resumes = rows.step[0] > EARLY
            self._starts[metric] = _Start(stale=float(rows.value[0]) if resumes else None)
        drop = self._starts[metric].drop(rows.value, skip) if len(rows) else 0
        rows = take(rows, slice(drop, None)) if drop else rows
        slowness = np.log(rows.value)
        return Piece(metric, restarted, piece, rows, slowness if metric in TIMES else -slowness)

    def tokens(self, offset: float, count: int, skip: int = 0) -> float:
        """Return the median tokens per second of `count` rows up to `offset`, without the last `skip`."""
        values = self._tokens.until(offset, min(count + skip, _TOKENS)).value
        return usual(values[: len(values) - skip])


def _size(block: Block) -> Samples | None:
    """Return how many points or splats the model has, where it grows by design."""
    return next((samples for name, samples in block.samples.items() if role(name) == SIZE), None)


def usual(values: Floats) -> float:
    """Return the median of the values that are finite and above zero, else NaN."""
    values = values[(values > 0) & (values < np.inf)]
    return float(np.median(values)) if len(values) else np.nan
