"""The discriminator of a pair of adversaries has won: its loss is at zero and teaches nothing.

Reason: where the discriminator is sure of itself the generator's gradients vanish, and
hours later the images are as they were.
Formula: the median of `rows` rows of the discriminator's loss is below `part` of the
median of its first 64, if that was above 0.05; before there are as many, 64 in a row that all are.
A note; a warning if the loss of the generator, or of the run, is `rise` above its own first 64 at the same
time. Ends above five times `part`, unless the newest 64 are all still below it.

Example: 'd_loss is 0.0003, 0.05% of what it was at first', while g_loss has doubled.

What to do: look at the newest images. If they no longer change, weaken the discriminator
(lower rate, fewer steps, noise on its inputs) from an earlier checkpoint.

Traps: a discriminator that is switched on later has a loss of zero until then; losses of
both signs (Wasserstein) have no zero; real and fake losses that are printed apart must both
be at zero; conditional models that have another loss live with a strong
discriminator, which is why it is a note.

Sources: Arjovsky and Bottou 2017 on the gradients of a perfect discriminator; the log of
pix2pix on facades, whose discriminator is strong and not perfect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RunRule, in_stream_order, place, threshold
from runwatch.alerts.rules.baseline import Floats, Windows, before_negative, median
from runwatch.alerts.rules.common.beginning import Beginning, is_among_first
from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.roles import FORGER, JUDGE, Part, cast
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import LOSS, label

_FIRST, _HOP, _SOON = 64, 64, 16
_REAL = 0.05
"""First level from which a loss counts as computed."""
_MOST = 4


@dataclass
class _Loss:
    """What is known of the loss of one discriminator."""

    windows: Windows
    soon: Windows = field(default_factory=lambda: Windows(_FIRST, _SOON))
    """The first windows, of fewer rows."""
    first: list[float] = field(default_factory=list)
    real: Recent = field(default_factory=Recent)
    """The loss on real images, where it is printed apart."""
    signed: bool = False
    firing: Severity | None = None


@dataclass
class Discriminator(RunRule):
    """Fires when the discriminator's loss is at zero."""

    name: ClassVar[str] = "discriminator"
    summary: ClassVar[str] = "The discriminator of a GAN has won: its loss is at zero."

    rows: int = threshold(256, "rows whose median is judged")
    part: float = threshold(0.01, "part of its first level below which it has won")
    rise: float = threshold(0.25, "rise of the generator's loss that makes it a warning, as a fraction")

    _judges: dict[str, _Loss] = field(default_factory=dict, init=False, repr=False)
    _forgers: dict[str, Beginning] = field(default_factory=dict, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge the losses of the discriminators of a block."""
        ours = [Part(LOSS, block.samples[LOSS])] if LOSS in block.samples else []  # often the generator's
        for metric, samples in [*ours, *cast(block.samples, FORGER)]:
            if is_among_first(metric, self._forgers, _MOST):
                self._forgers.setdefault(metric, Beginning(_FIRST)).push(samples)
        found: list[tuple[float, Finding]] = []
        for metric, samples in cast(block.samples, JUDGE):
            if not is_among_first(metric, self._judges, _MOST):
                continue
            loss = self._judges.setdefault(metric, _Loss(Windows(self.rows, _HOP)))
            loss.real.push(block.samples.get(_twin(metric)))
            if not loss.signed:
                rows, loss.signed = before_negative(samples)
                found += self._walk(metric, loss, rows)
        return in_stream_order(found)

    def _walk(self, metric: str, loss: _Loss, rows: Samples) -> list[tuple[float, Finding]]:
        loss.first += rows.value[: _FIRST - len(loss.first)].tolist()
        start = loss.windows.rows
        points = self._levels(loss, rows.value)
        first = float(np.median(loss.first)) if points else 0.0
        if first < _REAL:
            return []
        found: list[tuple[float, Finding]] = []
        for end, level, highest in points:
            row = end - start - 1
            now = level if loss.firing is None else min(level, highest)
            finding = self._step(metric, loss, now, first, place(rows, row), float(rows.offset[row]))
            if finding is not None:
                found.append((float(rows.offset[row]), finding))
        return found

    def _levels(self, loss: _Loss, values: Floats) -> list[tuple[int, float, float]]:
        """Return (rows so far, level, highest of the newest 64 rows) where new windows end."""
        soon, short = loss.soon.add(values)
        few = [(end, high, high) for end, high in zip(soon.tolist(), _highest(short), strict=True)]
        ends, long = loss.windows.add(values)
        levels: list[float] = median(np.sort(long, axis=1)).tolist()
        many = list(zip(ends.tolist(), levels, _highest(long), strict=True))
        return [point for point in few if point[0] < self.rows] + many

    def _step(
        self, metric: str, loss: _Loss, level: float, first: float, here: Place, offset: float
    ) -> Finding | None:
        """Judge one level."""
        if loss.firing is not None and level > 5 * self.part * first:
            loss.firing = None
            return self.clear(here, metric)
        if level >= self.part * first or not self._sure(metric, loss, self.part * first, offset):
            return None
        risen = (m for m in sorted(self._forgers) if _risen(self._forgers[m], offset, self.rise))
        forger = label(next(risen, ""))
        severity = Severity.WARNING if forger else Severity.INFO
        if not severity.exceeds(loss.firing):
            return None
        loss.firing = severity
        return self.say(
            Verdict.FIRING,
            severity,
            f"{label(metric)} is {level:.3g}, {100 * level / first:.2g}% of what it was at first",
            here,
            metric=metric,
            cause=f"the discriminator wins, and {forger} has risen" if forger else "",
            advice="Lower the discriminator's learning rate, train it less often, or smooth its labels.",
            evidence={"first": first, "now": level},
        )

    def _sure(self, metric: str, loss: _Loss, limit: float, offset: float) -> bool:
        """Return whether the loss on real images, where it is printed separately, is at zero too."""
        if not _twin(metric):
            return True
        rows = loss.real.until(offset, _FIRST).value
        return len(rows) > 0 and float(np.median(np.abs(rows))) < limit


def _highest(windows: Floats) -> list[float]:
    """Return the highest of the newest rows of each window."""
    highest: list[float] = windows[:, -_FIRST:].max(axis=1).tolist() if len(windows) else []
    return highest


def _risen(loss: Beginning, offset: float, rise: float) -> bool:
    """Return whether the last 64 rows up to `offset` are above the first ones by `rise`."""
    if loss.since >= offset:
        return False
    usual, now = float(np.median(loss.first)), float(np.median(loss.recent.until(offset, _FIRST).value))
    return now > (1 + rise) * usual > 0


def _twin(metric: str) -> str:
    """Return how the loss on real images is called where that on fakes is `metric`; "" if it holds both."""
    head, found, tail = metric.lower().rpartition("fake")
    return metric[: len(head)] + ("REAL" if metric[len(head) :].isupper() else "real") + tail if found else ""
