"""The training loss is next to nothing after several passes over the data, and nothing validates it.

Reason: a loss of a hundredth of the untrained one says that the data are known by heart;
whether anything else was learned only held-out data can show, and there is none.
Formula: the median of 64 rows, taken every 64, is below `part` of that of the first three, at least
`epochs` epochs are done, and no validation metric has ever been printed: a note. Ends when one is.

Example: 'loss is 0.029 of what it was untrained after 68 epochs, and nothing validates it'.

What to do: evaluate on data that it has not seen before you use it.

Traps: a log without epochs is not judged, since one pass over much data can be that good;
losses of both signs are not judged; evaluations that print nothing validate nothing.

Source: none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import RankRule, place, threshold
from runwatch.alerts.rules.baseline import Floats, Segments, Windows, before_negative, median, positive
from runwatch.alerts.rules.common.context import Recent, newest
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import EPOCH, LOSS, label, of_held_out

_FIRST, _WIDTH = 3, 64


@dataclass
class Memorised(RankRule):
    """Notes that a run has learned its data by heart, as far as can be seen."""

    name: ClassVar[str] = "memorised"
    summary: ClassVar[str] = "The training loss is next to nothing, and nothing validates it (a note)."

    part: float = threshold(0.05, "of the untrained loss, below which the data are known by heart")
    epochs: float = threshold(3.0, "epochs before anything is said")

    _segments: Segments = field(default_factory=Segments, init=False, repr=False)
    _windows: Windows = field(default_factory=lambda: Windows(_WIDTH, _WIDTH), init=False, repr=False)
    _first: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    """The first losses of all."""
    _epoch: Recent = field(default_factory=lambda: Recent(1), init=False, repr=False)
    _signed: bool = field(default=False, init=False, repr=False)
    _validated: bool = field(default=False, init=False, repr=False)
    _open: bool = field(default=False, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the training loss of a block."""
        if self._validated:
            return ()
        self._epoch.push(block.samples.get(EPOCH))
        held_out = [s for name, s in block.samples.items() if of_held_out(name) and len(s)]
        first = min(held_out, key=lambda samples: float(samples.offset[0]), default=None)
        until = np.inf if first is None else float(first.offset[0])
        found: list[Finding] = []
        for restarted, piece in self._segments.split(block.samples.get(LOSS), block.restarts):
            if restarted:
                self._windows = Windows(_WIDTH, _WIDTH)
            if not self._signed:
                judged, self._signed = before_negative(piece)
                found += self._walk(positive(judged), until)
        self._validated = first is not None
        if first is not None and self._open:
            found.append(self.clear(place(first, 0), LOSS))
        return found

    def _walk(self, rows: Samples, until: float) -> list[Finding]:
        self._first = np.append(self._first, rows.value[: _FIRST - len(self._first)])
        start = self._windows.rows
        ends, windows = self._windows.add(rows.value)
        if self._open or not len(ends):
            return []
        untrained = float(np.median(self._first))
        level = median(np.sort(windows, axis=1))
        for at in np.flatnonzero(level < self.part * untrained).tolist():
            row = int(ends[at]) - start - 1
            epoch = newest(self._epoch, float(rows.offset[row]))
            if epoch is not None and epoch >= self.epochs and rows.offset[row] < until:
                self._open = True
                part = float(level[at]) / untrained
                title = (
                    f"{label(LOSS)} is {part:.2g} of what it was untrained after {epoch:.0f} epochs, "
                    "and nothing validates it"
                )
                evidence = {"untrained": untrained, "now": float(level[at]), "epoch": epoch}
                return [
                    self.say(
                        Verdict.FIRING,
                        Severity.INFO,
                        title,
                        place(rows, row),
                        metric=LOSS,
                        advice="Hold out some data and evaluate on them: an earlier checkpoint may do.",
                        evidence=evidence,
                    )
                ]
        return []
