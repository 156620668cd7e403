"""When the records of a finished log were written, as far as it says."""

from __future__ import annotations

import os
import time as system
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from runwatch.core.batch import TRAIN, Table
from runwatch.core.errors import SourceError
from runwatch.core.fold.rows import DAY, column_of
from runwatch.core.metrics import STEP_TIME
from runwatch.core.series import Floats
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.sources.compressed import blocks

BLOCK = 2 << 20
FIRST = 256 << 10
"""Bytes that a survey reads first: few, so that they are soon known."""
MOST = 1 << 20
"""Records that are placed: of more, every second, every fourth and so on."""

STAMPS = "time stamps of the log"
CLOCK = "times of day in the log, without a date"
STEPS = "step times that the log prints"
COUNT = "none in the log: one record a second"


@dataclass(frozen=True)
class Timeline:
    """Where the records of a log begin, and when they were written."""

    offset: Floats
    time: Floats
    """Unix time; it never goes back."""
    size: int
    """Bytes of the log."""
    basis: str
    """What the times are from, for people."""
    silence: float
    """Seconds for which it had not grown when it was looked at."""

    @property
    def first(self) -> float:
        """Unix time of the first record."""
        return float(self.time[0])

    @property
    def last(self) -> float:
        """Unix time of the last record."""
        return float(self.time[-1])

    def offset_at(self, time: float) -> int:
        """Return how much of the log was written at a Unix time: a record comes with what follows it."""
        at = int(np.searchsorted(self.time, time, side="right"))
        return self.size if at >= len(self.time) else 0 if not at else int(self.offset[at])

    def time_at(self, offset: int) -> float:
        """Return when the newest record was written of so many bytes of the log."""
        return float(self.time[max(0, int(np.searchsorted(self.offset, offset)) - 1)])


class Survey:
    """Looks through a log, block by block, for when its records were written."""

    def __init__(self, path: str, parser: StreamParser) -> None:
        """Open the log. Raises SourceError."""
        self._path, self._parser = path, parser
        self._parts: list[Floats] = []
        self._others: list[Floats] = []
        self._size = self._every = self._events = 0
        self.share = 0.0
        """How much of the log was looked through, about; 1.0: all."""
        try:
            status = os.stat(path)
        except OSError as error:
            raise SourceError("cannot read", path, error.strerror or str(error)) from error
        self._written, self._length = status.st_mtime, status.st_size
        self._blocks, self._many = blocks(path, FIRST), max(1, BLOCK // FIRST)

    def advance(self) -> None:
        """Look through another block. Raises SourceError."""
        try:
            data = b"".join(islice(self._blocks, self._many if self._size else 1))
        except OSError as error:
            raise SourceError("cannot read", self._path, error.strerror or str(error)) from error
        batch = self._parser.feed(data) if data else self._parser.flush()
        self._size, self._events = self._size + len(data), self._events + len(batch.events)
        self.share = min(0.99, self._size / max(1, self._length)) if data else 1.0
        train = [table for table in batch.tables if table.kind == TRAIN]
        (self._parts if train else self._others).append(_rows(train or batch.tables))
        if sum(part.shape[1] for part in self._parts) > MOST:
            self._parts = [np.concatenate(self._parts, axis=1)[:, ::2]]
            self._every += 1

    @property
    def begun(self) -> bool:
        """Whether a training record was seen, or all of the log."""
        return self.share == 1.0 or any(part.shape[1] for part in self._parts)

    def timeline(self) -> Timeline:
        """Return the timeline of what was looked through. Raises SourceError if nothing is to be played."""
        rows = np.concatenate(self._parts or self._others or [np.empty((4, 0))], axis=1)
        if not rows.shape[1] and self._events:  # it is played in one moment
            rows = np.array([[0.0], [np.nan], [np.nan], [np.nan]])
        if not rows.shape[1]:
            raise SourceError(
                "no training run recognized", self._path, "`runwatch formats PATH` shows what is understood"
            )
        offset, stamps, step, seconds = rows
        order = np.argsort(offset, kind="stable")
        time, basis = _times(stamps[order], step[order], seconds[order] * 2**self._every, self._written)
        silence = max(0.0, system.time() - self._written)
        return Timeline(offset[order], time, self._size, basis, silence)


def _rows(tables: Sequence[Table]) -> Floats:
    """Return offset, time, step and step time of records, an array of shape (4, n)."""
    return np.stack([column_of(tables, name) for name in ("offset", "time", "step", STEP_TIME)])


def _times(stamps: Floats, step: Floats, seconds: Floats, written: float) -> tuple[Floats, str]:
    """Return when records were written, and what says so. A log without dates ended when it was `written`."""
    count = len(stamps)
    if np.count_nonzero(stamps >= DAY) * 2 > count:
        return _filled(np.where(stamps >= DAY, stamps, np.nan)), STAMPS
    if np.count_nonzero(~np.isnan(stamps)) * 2 > count:
        clock = _filled(stamps, steady=False)
        days = np.cumsum(np.diff(clock, prepend=clock[:1]) < -DAY / 2) * DAY
        time = np.maximum.accumulate(clock + days)
        return time + (written - time[-1]), CLOCK
    if np.count_nonzero(seconds > 0) * 2 > count:
        steps = np.nan_to_num(np.diff(step, prepend=step[:1] - 1), nan=1.0)
        took = np.nan_to_num(seconds, nan=0.0, posinf=0.0, neginf=0.0) * np.clip(steps, 1.0, 1e6)
        time = np.cumsum(np.clip(took, 0.0, DAY))
        return time + (written - time[-1]), STEPS
    time = np.arange(count, dtype=float)
    return time + (written - time[-1]), COUNT


def _filled(times: Floats, *, steady: bool = True) -> Floats:
    """Return times with that of the one before where one is missing; `steady`: they never go back."""
    known = np.flatnonzero(~np.isnan(times))
    at = np.maximum.accumulate(np.where(np.isnan(times), known[0], np.arange(len(times))))
    at = np.maximum(at, known[0])
    return np.maximum.accumulate(times[at]) if steady else times[at]
