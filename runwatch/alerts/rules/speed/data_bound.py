"""The run waits for its data: by its own account much of each step is spent on fetching a batch.

Reason: a loader that cannot keep up makes every GPU wait, and is the commonest cause of
slow training; the log often has the number, and nobody looks at it.
Formula: the share of the step time that is data time, as its median over 64 rows, taken
every 16, is above `high` at `persist` such points in a row. A warning if that is `times`
its lowest such median so far, else a note: it was so from the beginning. A warning too
after `rows` rows in a row above `most`: nearly all of the time is lost. Ends below half of
`high`, or half of what it was.

Example: '46% of the step time is spent waiting for data, 2% before', since step 5,200.

What to do: raise the number of workers and the prefetch, or move the data nearer; if it
was fast before, look at the storage.

Traps: the first rows of a start fill the queues (`skip`), and those of an epoch too, which
a median does not see; a data time as long as its step is that time printed twice (SlowFast's
rows of epochs), and not judged; data times that overlap with computing are not printed by trainers,
which time the wait alone.

Source: Mohan et al. 2021 on data stalls in training; what OpenMMLab, Detectron2 and
PaddlePaddle print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from runwatch.alerts.rules.base import NOWHERE, Place, RunRule, place, threshold
from runwatch.alerts.rules.baseline import Floats, Segments, Windows, median, take
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import DATA_TIME, STEP_TIME

_WIDTH, _HOP = 64, 16


@dataclass
class DataBound(RunRule):
    """Fires when steps wait for data."""

    name: ClassVar[str] = "data_bound"
    summary: ClassVar[str] = "Much of each step is spent waiting for data, as the log shows."

    high: float = threshold(0.2, "share of the step time that is reported")
    times: float = threshold(2.0, "times its lowest share so far that make it a warning")
    most: float = threshold(0.9, "share of the step time that is a warning from the beginning", most=1.0)
    rows: int = threshold(16, "rows in a row above that", least=1)
    persist: int = threshold(2, "evaluations in a row, 16 rows apart, that must agree")
    skip: int = threshold(20, "rows after a start or restart that are not judged")

    _segments: Segments = field(default_factory=Segments, init=False, repr=False)
    _windows: Windows = field(default_factory=lambda: Windows(_WIDTH, _HOP), init=False, repr=False)
    _skipped: int = field(default=0, init=False, repr=False)
    _least: float = field(default=np.inf, init=False, repr=False)
    _over: int = field(default=0, init=False, repr=False)
    _starved: int = field(default=0, init=False, repr=False)
    """Rows in a row, up to the newest, that waited for nearly all of their time."""
    _since: Place = field(default=NOWHERE, init=False, repr=False)
    _reported: float = field(default=0.0, init=False, repr=False)
    """Share at which it fired."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the data times of a block."""
        found: list[Finding] = []
        for restarted, piece in self._segments.split(_shares(block), block.restarts):
            if restarted:
                self._windows, self._skipped, self._starved = Windows(_WIDTH, _HOP), 0, 0
            drop = min(max(0, self.skip - self._skipped), len(piece))
            self._skipped += drop
            found += self._walk(take(piece, slice(drop, None)))
        return found

    def _walk(self, rows: Samples) -> list[Finding]:
        start = self._windows.rows
        starved = self._starve(rows.value)
        ends, windows = self._windows.add(rows.value)
        if not len(ends) and not len(starved):
            return []
        levels = median(np.sort(windows, axis=1))
        if self.firing is None and not len(starved) and levels.max() <= self.high:
            self._least, self._over = min(self._least, float(levels.min())), 0
            return []
        found: list[Finding] = []
        points = [(row, True, float(rows.value[row])) for row in starved.tolist()]
        points += zip((ends - start - 1).tolist(), [False] * len(ends), levels.tolist(), strict=True)
        for row, most, level in sorted(points):
            here = place(rows, row)
            found += self._waits(level, here) if most else self._step(level, here)
        return found

    def _starve(self, shares: Floats) -> NDArray[np.int64]:
        """Return the rows with which so many in a row have waited for nearly all of their time."""
        number = np.arange(len(shares))
        over = shares > self.most
        count = number - np.maximum.accumulate(np.where(over, -1 - self._starved, number))
        self._starved = int(count[-1]) if len(count) else self._starved
        return np.flatnonzero(over & (count == self.rows))

    def _waits(self, level: float, here: Place) -> list[Finding]:
        """Judge the last of many rows that waited for nearly all of their time."""
        return [] if self.firing is Severity.WARNING else [self._fire(level, Severity.WARNING, "", here)]

    def _step(self, level: float, here: Place) -> list[Finding]:
        """Judge one level."""
        self._least = min(self._least, level)
        if self.firing is not None:
            if level >= max(self.high, self._reported) / 2:
                return []
            self._over = 0
            return self.resolve(self, here, DATA_TIME)
        self._over = self._over + 1 if level > self.high else 0
        self._since = here if self._over == 1 else self._since
        if self._over < self.persist:
            return []
        rose = level >= self.times * self._least
        before = f", {self._least:.0%} before" if rose else ""
        return [self._fire(level, Severity.WARNING if rose else Severity.INFO, before, self._since)]

    def _fire(self, level: float, severity: Severity, before: str, where: Place) -> Finding:
        self.firing, self._reported = severity, level
        least = min(level, self._least)
        return self.say(
            Verdict.FIRING,
            severity,
            f"{level:.0%} of the step time is spent waiting for data{before}",
            where,
            metric=DATA_TIME,
            cause="the data loader does not keep up" if severity is Severity.WARNING else "",
            advice="Add data loader workers, prepare the data beforehand, or look at the storage it reads.",
            evidence={"share": level, "least_share": least},
        )


def _shares(block: Block) -> Samples | None:
    """Return the share of the step time that is data time, of rows that have both."""
    data, steps = block.samples.get(DATA_TIME), block.samples.get(STEP_TIME)
    if data is None or steps is None:
        return None
    if not np.array_equal(data.offset, steps.offset):
        data = take(data, np.isin(data.offset, steps.offset))
        steps = take(steps, np.isin(steps.offset, data.offset))
    known = (data.value >= 0) & (steps.value > data.value) & (steps.value < np.inf)
    rows = take(data, known)
    return Samples(rows.offset, rows.line, rows.step, rows.value / steps.value[known])
