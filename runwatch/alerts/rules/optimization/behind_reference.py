"""The training loss is behind that of another run at the same steps: it trains, but badly.

Reason: a wrong hyperparameter or worse data gives a curve that is smooth and too high, and
nothing in the run itself shows it; only a run that went well does.
Formula, in the mean losses of 256 stretches: over the last `part` of the steps that both
runs have, eight stretches at least, the median of ln(loss / loss of the reference) is above
max(ln(1 + rise), 4 standard errors), and each of them is above half of that. A warning;
critical from `grave` on. Ends below half of it.

Example: 'loss is 31% above that of baseline at step 4,200'.

What to do: compare the two configurations and the data; the first step at which the
curves part says where to look.

Traps: it is judged only where the configuration names a reference (`reference` in
[[runs]]) that is watched, or read, together with the run; runs of other data or batch sizes are no
reference; the first `skip` rows are those of a warm-up; losses of both signs have no ratio.

Source: log-based diagnosis across jobs in production clusters, such as L4 (Jiang et al. 2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RunRule, threshold
from runwatch.alerts.rules.baseline import grow, jitter, median_error
from runwatch.alerts.rules.common.wording import above
from runwatch.core.block import Block, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS, label
from runwatch.render import numbers

_OFTEN = 64
"""New rows after which it is compared again."""
_LEAST = 8


@dataclass
class BehindReference(RunRule):
    """Fires when the loss stays above that of a reference run."""

    name: ClassVar[str] = "behind_reference"
    summary: ClassVar[str] = "The training loss is above that of the reference run at the same steps."

    rise: float = threshold(0.05, "least rise above the reference, as a fraction")
    grave: float = threshold(0.2, "rise that is critical, as a fraction")
    part: float = threshold(0.05, "part of the steps so far that is judged")
    skip: int = threshold(200, "first rows, which are not judged")

    _rows: int = field(default=0, init=False, repr=False)
    _judged: int = field(default=0, init=False, repr=False)
    """Rows at the newest comparison."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Count rows: they are compared as time passes."""
        self._rows += len(block.progress) if block.progress is not None else 0
        return ()

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Compare the run with its reference, if it has one and there is news."""
        news = self._rows - self._judged >= (_OFTEN if status.live else 1)
        if status.reference is None or not news or self._rows < self.skip:
            return ()
        self._judged = self._rows
        steps, ours, theirs = status.reference.losses()
        known = (ours > 0) & (theirs > 0)
        if not known.all() or len(steps) < 2 * _LEAST:
            return ()
        ratio = np.log(ours) - np.log(theirs)
        late = max(int((steps >= steps[-1] - self.part * (steps[-1] - steps[0])).sum()), _LEAST)
        recent = ratio[-late:]
        error = median_error(float(jitter(ratio[None, :])[0]), late)
        margin, level = max(log(1 + self.rise), 4 * error), float(np.median(recent))
        here = Place(int(steps[-1]), None)
        if self.firing is not None and level < margin / 2:
            return self.resolve(self, here, LOSS)
        if level <= margin or recent.min() <= margin / 2:
            return ()
        severity = Severity.CRITICAL if level >= log(1 + self.grave) else Severity.WARNING
        if not severity.exceeds(self.firing):
            return ()
        self.firing = severity
        rise, name = grow(level) - 1, status.reference.name
        return [
            self.say(
                Verdict.FIRING,
                severity,
                f"{label(LOSS)} {above(rise, f'that of {name}')} at step {numbers.step(steps[-1])}",
                here,
                metric=LOSS,
                advice="Compare configuration and data of the two runs.",
                evidence={"reference": name, "now": float(ours[-1]), "theirs": float(theirs[-1])},
            )
        ]
