"""The optimizer skips many steps: their gradients overflow, and nothing is learned from them.

Reason: a trainer that skips bad steps prints a loss that looks sound, since the losses of
what was skipped are left out of it; only its own count shows it.
Formula: of the steps of the last `rows` rows, judged every tenth row, the part that the log
counts as skipped is `part` or more: a warning; `most` or more: critical. Counts since the
row before and counts since the start are distinguished by their name. Ends below half of
`part`. Lines that say that a batch ran out of memory or is skipped: `batches` of them in a
row are a warning, four times as many critical; a training row ends that.

Example: '24% of the steps of the last 50 rows were skipped'.

What to do: see which steps are skipped and why (overflow, bad data). Lower the learning
rate or use bf16; what was skipped was not trained.

Traps: half precision skips a step each time its loss scale is tried, which is one in
hundreds, and many in the first `search` rows; a real run that went well skipped 2 %.

Sources: Megatron-LM's number of skipped iterations; DeepSpeed's counter of skipped steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RunRule, place, threshold
from runwatch.alerts.rules.baseline import Segments, Windows
from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict

_EACH = "number of skipped iterations"
"""Counts since the row before."""
_TOTALS = ("skipped", "skipped_steps", "skipped steps", "train/skipped_steps", "num_skipped_steps")
"""Count since the start."""
_HOP = 10


@dataclass
class SkippedSteps(RunRule):
    """Fires when a large part of the steps is skipped."""

    name: ClassVar[str] = "skipped_steps"
    summary: ClassVar[str] = "The optimizer skips a large part of the steps, as the log counts them."

    part: float = threshold(0.1, "part of the steps skipped that is a warning")
    most: float = threshold(0.9, "part of the steps skipped that is critical")
    rows: int = threshold(50, "rows over which steps are counted")
    search: int = threshold(100, "first rows, in which a loss scale is searched")
    batches: int = threshold(16, "lines in a row that report a batch that was not trained")

    _lost: Severity | None = field(default=None, init=False, repr=False)
    """How severe it was reported to be that no batch was trained."""
    _metric: str = field(default="", init=False, repr=False)
    _segments: Segments = field(default_factory=Segments, init=False, repr=False)
    _skipped: Windows | None = field(default=None, init=False, repr=False)
    _steps: Windows | None = field(default=None, init=False, repr=False)
    _last: tuple[float, float] = field(default=(np.nan, np.nan), init=False, repr=False)
    """Step and count of the newest row."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the counter of a block."""
        found = self._batches(block)
        if not self._metric:
            self._metric = next((name for name in (_EACH, *_TOTALS) if name in block.samples), "")
            if not self._metric:
                return found
        for restarted, piece in self._segments.split(block.samples.get(self._metric), block.restarts):
            if restarted or self._skipped is None or self._steps is None:
                self._skipped, self._steps = Windows(self.rows, _HOP), Windows(self.rows, _HOP)
                self._last = (np.nan, np.nan)
            found += self._walk(piece, self._skipped, self._steps)
        return found

    def _batches(self, block: Block) -> list[Finding]:
        """Count batches that were not trained, from training row to training row."""
        found: list[Finding] = []
        rows, at = block.progress, 0
        for event in (event for event in block.events if event.kind == "skip"):
            upto = int(np.searchsorted(rows.offset, event.offset)) if rows is not None else 0
            found += self._trained(rows, at, upto)
            found += self._batch(event)
            at = max(at, upto)
        return found + self._trained(rows, at, len(rows) if rows is not None else 0)

    def _trained(self, rows: Samples | None, low: int, high: int) -> list[Finding]:
        """Take the training rows [low, high)."""
        if rows is None or low >= high:
            return []
        lost, self._lost = self._lost, None
        return [] if lost is None else [self.clear(place(rows, low))]

    def _batch(self, event: Event) -> list[Finding]:
        """Take a batch that was not trained."""
        lost = int(event.data.get("count", "1"))
        severity = Severity.CRITICAL if lost >= 4 * self.batches else Severity.WARNING
        if lost < self.batches or not severity.exceeds(self._lost):
            return []
        self._lost = severity
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"{lost} batches in a row were not trained: {event.title[:100]}",
                Place(event.step, event.line),
                advice="Stop; a smaller batch, shorter sequences or less in memory let it train.",
                evidence={"batches": lost},
            )
        ]

    def _walk(self, rows: Samples, skipped: Windows, steps: Windows) -> list[Finding]:
        start = skipped.rows
        moved = np.diff(rows.step, prepend=self._last[0])
        count = rows.value if self._metric == _EACH else np.diff(rows.value, prepend=self._last[1])
        self._last = (float(rows.step[-1]), float(rows.value[-1]))
        ends, counts = skipped.add(np.where(count > 0, count, 0.0))
        _, whole = steps.add(np.fmax(moved, 1.0))
        if self.firing is None and not counts.any():
            return []
        found: list[Finding] = []
        parts = counts.sum(axis=1) / whole.sum(axis=1)
        if self.firing is None and parts.max() < self.part:
            return []
        for end, part in zip(ends.tolist(), parts.tolist(), strict=True):
            finding = self._step(part, rows, end - start - 1) if end >= self.search + self.rows else None
            found += [finding] if finding is not None else []
        return found

    def _step(self, part: float, rows: Samples, row: int) -> Finding | None:
        """Judge the part of the steps up to one row."""
        here = place(rows, row)
        if self.firing is not None and part < self.part / 2:
            self.firing = None
            return self.clear(here, self._metric)
        if part < self.part:
            return None
        severity = Severity.CRITICAL if part >= self.most else Severity.WARNING
        if not severity.exceeds(self.firing):
            return None
        self.firing = severity
        return self.say(
            Verdict.FIRING,
            severity,
            f"{min(part, 1.0):.0%} of the steps of the last {self.rows} rows were skipped",
            here,
            metric=self._metric,
            cause="their gradients are not finite",
            advice="Lower the learning rate or use bf16; go back to a checkpoint from before it began.",
            evidence={"skipped_part": part},
        )
