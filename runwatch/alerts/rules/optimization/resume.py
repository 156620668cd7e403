"""After a restart the loss is not where it was: something was not restored.

Reason: weights that were not loaded, an optimizer that starts again or data read
twice come in with a restart, and look like training.
Formula, in y = ln(loss), at `rows` rows after the restart, be it a step back or a line that
says so: the median of the rows since against the median of those before the restart with the same steps,
or of the last 64 before it. Higher by max(`rise`, `z` standard errors): a
warning, and critical when it is higher by `grave`. Lower by as much at the same
steps: a note. Ends when the median of as many rows is back.

Example: 'loss is 12% higher after the restart at step 800 than before it': the
optimizer's state was not loaded.

What to do: stop and see what was not loaded: weights, optimizer, scheduler, the place
in the data. Then resume from the same checkpoint.

Traps: a restart early in the run falls back on a falling loss, which the same
steps account for; a different order of the data moves the loss a little; a loss
of both signs is not judged.

Source: the notes on resuming in Bekman's Machine Learning Engineering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log1p
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import (
    Floats,
    Segments,
    before_negative,
    grow,
    jitter,
    median_error,
    positive,
    take,
)
from runwatch.alerts.rules.common.beginning import continues
from runwatch.alerts.rules.common.wording import higher
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS, label

_BEFORE = 256


@dataclass
class Resume(RankRule):
    """Fires when the loss after a restart is higher than before it."""

    name: ClassVar[str] = "resume"
    summary: ClassVar[str] = "After a restart the loss is higher than before it: something was not restored."

    rows: int = threshold(12, "rows after a restart that are compared")
    rise: float = threshold(0.05, "least rise, as a fraction")
    z: float = threshold(6.0, "least rise in standard errors")
    grave: float = threshold(0.5, "rise that is critical, as a fraction")
    settle: ClassVar[int] = 512
    """Rows after which it is no longer news."""

    _segments: Segments = field(default_factory=Segments, init=False, repr=False)
    _steps: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    _tail: Floats = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    """Steps and ln(loss) of the newest rows."""
    _highest: float = field(default=-np.inf, init=False, repr=False)
    _begin: float = field(default=np.inf, init=False, repr=False)
    """Lowest first step of a stretch: what begins there again is another run."""
    _old: tuple[Floats, Floats] | None = field(default=None, init=False, repr=False)
    """Steps and ln(loss) of the newest rows before a restart that is being judged."""
    _where: Place = field(default=NOWHERE, init=False, repr=False)
    _since: int = field(default=0, init=False, repr=False)
    """Rows since the restart."""
    _firing: tuple[Severity, float] | None = field(default=None, init=False, repr=False)
    """What is firing, and the ln(loss) at which it ends."""
    _signed: bool = field(default=False, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the training loss of a block."""
        found: list[Finding] = []
        resumed = [event.offset for event in block.events if event.kind == "resume"]
        restarts = [*block.restarts, *resumed]  # from its very end a run continues without a step back
        for restarted, piece in self._segments.split(block.samples.get(LOSS), restarts):
            if restarted:
                found += self._end(place(piece, 0))
                if len(self._tail) >= 32 and continues(float(piece.step[0]), self._begin, self._highest):
                    self._old, self._where, self._since = (self._steps, self._tail), place(piece, 0), 0
                self._steps = self._tail = np.empty(0)
            self._begin = min(self._begin, float(piece.step[0]))
            self._highest = max(self._highest, float(piece.step[-1]))
            if not self._signed:
                judged, self._signed = before_negative(piece)
                found += self._walk(positive(judged))
        return found

    def _walk(self, rows: Samples) -> list[Finding]:
        found: list[Finding] = []
        while len(rows):
            waiting = self._old is not None
            stop = self.rows - self._since % self.rows if waiting or self._firing else len(rows)
            part, rows = take(rows, slice(0, stop)), take(rows, slice(stop, None))
            self._steps = np.append(self._steps, part.step)[-_BEFORE:]
            self._tail = np.append(self._tail, np.log(part.value))[-_BEFORE:]
            self._since += len(part)
            if len(part) < stop or not (waiting or self._firing):
                continue
            level = float(np.median(self._tail[-self.rows :]))
            here = place(part, len(part) - 1)
            if waiting:
                found += self._compare(level, here)
            elif self._firing and (level < self._firing[1] or self._since >= self.settle):
                found += self._end(here)
        return found

    def _compare(self, level: float, here: Place) -> list[Finding]:
        assert self._old is not None
        steps, before = self._old
        self._old = None
        same = (steps >= self._steps[0]) & (steps <= self._steps[-1])
        overlap = same.sum() >= 5
        if not overlap:
            same = np.arange(len(steps)) >= len(steps) - 64
        usual = float(np.median(before[same]))
        noise = float(jitter(before[None, :])[0])
        error = median_error(noise, self.rows, float(same.sum()))
        margin = max(log1p(self.rise), self.z * error)
        rise = grow(level - usual) - 1
        if overlap and usual - level > margin:
            return [self._lower(rise, usual, level, here)]
        if level - usual <= margin:
            return []
        severity = Severity.CRITICAL if rise >= self.grave else Severity.WARNING
        self._firing = (severity, usual + margin / 2)
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"{label(LOSS)} is {higher(rise)} after the restart at {self._where} than before it",
                here,
                metric=LOSS,
                cause="the restart did not restore the weights, the optimizer or the data as they were",
                advice="Check which checkpoint was loaded, and that weights and optimizer state match it.",
                evidence={"before": grow(usual), "after": grow(level)},
            )
        ]

    def _lower(self, rise: float, usual: float, level: float, here: Place) -> Finding:
        self._firing = (Severity.INFO, -np.inf)  # it is news until it has settled
        return self.say(
            Verdict.FIRING,
            Severity.INFO,
            f"{label(LOSS)} is {-rise:.0%} lower after the restart at {self._where} than before it",
            here,
            metric=LOSS,
            cause="data that were seen before are read again, or the loss is computed otherwise",
            advice="Check that the data loader continues where it was.",
            evidence={"before": grow(usual), "after": grow(level)},
        )

    def _end(self, where: Place) -> list[Finding]:
        self._old = None
        if self._firing is None:
            return []
        self._firing = None
        return [self.clear(where, LOSS)]
