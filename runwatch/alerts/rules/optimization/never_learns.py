"""The loss has not fallen since the beginning.

Reason: labels that do not fit, a detached graph or a rate far too small look
like training: numbers move, and nothing is learned.
Formula, once, after `rows` rows: the median loss of the last quarter of them is
not lower than that of the first by more than max(`least`, 2 standard errors of
the two medians), and the loss stands at chance: within `chance` of ln(k) for a
usual number of classes or tokens k: a warning. Elsewhere nothing is said, since
fine-tuning may rightly begin where it ends. Ends when the median of 64 rows has
fallen by 3 %.

Example: 'loss has not fallen in the first 400 rows: 10.83', which is ln(50257).

What to do: stop and check, in this order: whether the parameters are in the optimiser,
labels that fit their inputs, the learning rate, a single batch that it can overfit.

Traps: a run that is resumed begins at its level; losses of both signs have no
level to fall from; warm-up holds the first rows up, which the length allows for.

Source: the loss of guessing among k classes is ln(k).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, log1p
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import RankRule, place, threshold
from runwatch.alerts.rules.baseline import (
    Floats,
    Segments,
    Windows,
    before_negative,
    grow,
    positive,
    spread,
    take,
)
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS, label

_CLASSES = (2, 10, 100, 256, 1000, 10000, 21841)
_VOCABULARIES = (30522, 32000, 32128, 49152, 50257, 50304, 65024, 65536, 100277, 128000, 128256, 131072)
_VOCABULARIES_OF_LATE = (151643, 151936, 152064, 200064, 256000, 262144)
_CHANCE = np.log(np.array(_CLASSES + _VOCABULARIES + _VOCABULARIES_OF_LATE))
_EARLY = 50
"""Steps from which a first row shows that the run began elsewhere."""


@dataclass
class NeverLearns(RankRule):
    """Fires when hundreds of rows have not lowered the loss."""

    name: ClassVar[str] = "never_learns"
    summary: ClassVar[str] = "The training loss has not fallen since the run began."

    rows: int = threshold(400, "first rows that are judged")
    least: float = threshold(0.005, "fall of the loss that is enough, as a fraction")
    chance: float = threshold(0.01, "distance from ln(k) that counts as chance level, as a fraction")
    escape: ClassVar[float] = 0.03
    """Fall of the loss that ends it, as a fraction."""

    _segments: Segments = field(default_factory=Segments, init=False, repr=False)
    _first: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    """ln(loss) of the first rows, until judged."""
    _done: bool = field(default=False, init=False, repr=False)
    _windows: Windows | None = field(default=None, init=False, repr=False)
    _level: float = field(default=0.0, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the training loss of a block."""
        if self._done and self._windows is None:
            return ()
        found: list[Finding] = []
        for restarted, piece in self._segments.split(block.samples.get(LOSS), block.restarts):
            judged, signed = before_negative(piece)
            elsewhere = not len(self._first) and not self._done and float(piece.step[0]) > _EARLY
            if restarted or elsewhere:
                found += self._end(piece)
                self._done = True
            found += self._walk(positive(judged))
            if signed:
                found += self._end(piece)
                self._done = True
        return found

    def _walk(self, rows: Samples) -> list[Finding]:
        y = np.log(rows.value)
        if self._windows is not None:
            return self._watch(rows, y)
        if self._done:
            return []
        missing = self.rows - len(self._first)
        self._first = np.append(self._first, y[:missing])
        if len(self._first) < self.rows:
            return []
        self._done = True
        quarter = self.rows // 4
        (start, end), (sigma, noise) = spread(np.stack([self._first[:quarter], self._first[-quarter:]]), 0.0)
        self._first = np.empty(0)
        error = 1.2533 * float(np.hypot(sigma, noise)) / quarter**0.5
        fallen, risen = start - end > max(log1p(self.least), 2 * error), end - start > log1p(0.05)
        if fallen or risen:
            return []
        if np.abs(grow(float(end)) / _CHANCE - 1).min() > self.chance:
            return []
        self._windows, self._level = Windows(64, 16), float(start)
        finding = self.say(
            Verdict.FIRING,
            Severity.WARNING,
            f"{label(LOSS)} has not fallen in the first {self.rows} rows: {grow(float(end)):.4g}",
            place(rows, missing - 1),
            metric=LOSS,
            cause="it stands at the level of guessing",
            advice="Check that labels match inputs, that gradients reach the weights, and the learning rate.",
            evidence={"first": grow(float(start)), "now": grow(float(end))},
        )
        rest = slice(missing, None)
        return [finding, *self._watch(take(rows, rest), y[rest])]

    def _watch(self, rows: Samples, y: Floats) -> list[Finding]:
        """Look whether it learns after all."""
        assert self._windows is not None
        start = self._windows.rows
        ends, windows = self._windows.add(y)
        if not len(ends):
            return []
        fallen = np.flatnonzero(np.median(windows, axis=1) < self._level + log(1 - min(self.escape, 0.9)))
        if not len(fallen):
            return []
        row = int(ends[fallen[0]]) - start - 1
        self._windows = None
        title = f"{label(LOSS)} falls after all"
        return [self.say(Verdict.CLEAR, Severity.WARNING, title, place(rows, row), metric=LOSS)]

    def _end(self, rows: Samples) -> list[Finding]:
        if self._windows is None:
            return []
        self._windows = None
        title = "the run started again"
        return [self.say(Verdict.CLEAR, Severity.WARNING, title, place(rows, 0), metric=LOSS)]
