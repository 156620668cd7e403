"""The training loss jumped above its recent level.

Reason: spikes that recover within a few steps are part of large-scale training and worth a
note; spikes that stay, double the loss, or come in growing series precede divergence.
Formula, in y = ln(loss) against the rolling baseline (median m, deviation s): a row spikes
when y - m > z * s and y - m > ln(1 + rise), and by two steps of rounding. The spike is
pending until it is known whether it recovers (3 rows back below m + max(3 s, half of ln(1 + rise))).
Recovered within `brief` rows: info; a warning when it is twice as high as a spike must be, and ten times
the usual (a thousand times, where it is a single row and there is a baseline), or `large` and the third and
highest within 200 rows. A note, however long, when the loss stays below `low` of what it was untrained, the
highest of its first 16 rows: losses near zero jump by ratios, unless it is above 2 and 100 times the usual.
Not recovered: a warning, or a note as long as half of its rows, and of the newest `brief`, rose by less than
half of `large`, or it is on its way back: the newest three have lost half of the rise, or the newest `brief`
fall by their order (a warning after all if its peak is above 2 and 100 times the usual, and the last three
rows of the run are twice that). Critical after `long` rows, unless half of the rise is lost by then, or half
of the rows rose by less than that; a note where half is lost and the newest rose by less than that. After 512
rows the new level is the usual one. While there is no baseline, a row spikes when it is 10 times the highest
so far (of the newest 16 since the loss came down to a tenth of that, five at least), and 5 or more, or, if
that was above 2, in the first five rows.

Example: 'loss rose 63% at step 1,605 and did not recover at once'; a single bad
batch is a note, since the row after it shows that the weights are as they were.

What to do: nothing, if it recovers. If it stays, go back to the checkpoint before it,
skip some hundred batches, and look at the data of that step.

Traps: thresholds double for 100 rows after the learning rate rose 1.5x, since a
bump there is expected; a loss that has been negative has no ratio and is not
judged; the first rows of a run fall fast, so that m lags above them and is
conservative; a loss of few printed digits goes up by a tenth and more in a single step of
rounding; the last row of a run may be an outlier, so that a spike is certain at the end
only if a second row was up too; a loss that is printed as the mean since its epoch began
starts each epoch from a few rows, which scatter; spikes at equal distances (opacities
that are reset, cycles of data) that were survived twice are notes from the third on, from
the second if the first came after as many rows as lie between them,
unless they are 1.5 times as high or stay; where no step is printed, a rise to where the loss
began, or from which all rows fall by their order, is another fold or training, and a note, and at the end of
a log one to the very value that it began with; so is a rise while each row raises the learning rate alike, to
find the highest (see `divergence`), and, even if it stays, what is less than `waves` times as high as the
loss has risen, and come back from, twice, or, until it has lasted for `long` rows, 1.5 times as high as two
spikes that lasted for more than `brief` and came back, or is followed by better evaluations than all before:
the data have become harder.

Sources: the spikes that PaLM, OPT and BLOOM report; Megatron-LM's rerun machine, which
calls ten times the highest of the first hundred losses a spike. Measured: 9 spikes, all real, in
169,004 points of 297 Megatron runs, where a 3-sigma z-score reports 1,028.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, sqrt
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, RankRule, place, threshold
from runwatch.alerts.rules.baseline import (
    Baseline,
    Floats,
    Rounding,
    Windows,
    grow,
    jitter_of,
    median,
    middle,
)
from runwatch.alerts.rules.common.chance import is_telling
from runwatch.alerts.rules.common.context import Recent, lr_jump, searches_rate, surge
from runwatch.alerts.rules.common.epoch_mean import EpochMean
from runwatch.alerts.rules.common.evaluations import Evaluations
from runwatch.alerts.rules.common.players import limited
from runwatch.alerts.rules.common.roles import grows_by_design
from runwatch.alerts.rules.common.trend import falls
from runwatch.alerts.rules.common.waves import Waves
from runwatch.alerts.rules.common.wording import rose, rose_at
from runwatch.alerts.rules.metric_rule import LossRule
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import GRAD_NORM, LEARNING_RATE, LOSS, label

_FIRST, _EARLY = 16, 64
"""Rows that show the untrained loss, and how rows scatter while there is no baseline."""
_KNOWN, _LIKELIHOOD = 5, 2.0
"""Rows before which nothing is usual yet, unless the loss is as high as that of guessing."""
_TIMES = 100.0
"""Multiple of the usual from which a peak is high however low the loss was before."""
_COST = 1.0
"""Rise, as a fraction, from which the end of a run shows that it did not come back."""
_SMALL = 0.5
"""Loss below which it jumps by ratios while nothing is usual yet."""
_RETURNS = 1.5
"""Standard errors by which the newest rows of a spike fall that is on its way back."""
_SCATTER = 3.4
"""Deviations of the first rows that a spike among them must be high."""


@dataclass
class _Spike:
    """A spike that is not over, and the level it is measured against."""

    row: int
    where: Place
    usual: float
    """Median of ln(loss) before it."""
    level: float
    """Below this ln(loss) counts as recovered."""
    least: float
    """Height above the usual level that makes a spike."""
    cause: str
    highest: Place
    """Where the peak is."""
    offset: float
    """Where it begins in the log."""
    peak: float = -np.inf
    evaluated: float = np.inf
    """The lowest evaluation up to there."""
    heights: list[float] = field(default_factory=list)
    """ln(loss) of its rows, until it is old."""
    rows: int = 0
    calm: int = 0
    back: Place | None = None
    """First of the present run of recovered rows."""
    firing: Severity | None = None
    early: bool = False
    """Whether there was no baseline yet."""
    survived: float = 0.0
    """By how much ln(loss) had risen, and come back, twice before."""
    slight: bool = False
    """Whether half of its rows are hardly higher than usual, or it is on its way back."""
    old: bool = False
    """Whether it lasts for longer than `long`."""

    @property
    def high(self) -> bool:
        """Whether it is no matter of ratios, however low the loss was: above 2 and 100 times the usual."""
        return self.peak >= log(_LIKELIHOOD) and self.peak - self.usual >= log(_TIMES)

    @property
    def rise(self) -> float:
        """Height over the usual level, as a fraction."""
        return grow(self.peak - self.usual) - 1

    def stays(self, newest: int = 0) -> float:
        """Height over the usual level of half of its rows, or of the `newest`, as a fraction."""
        return grow(middle(self.heights[-newest:]) - self.usual) - 1

    def returns(self, newest: int) -> bool:
        """Whether it is on its way back: half of the rise is lost, or the newest rows fall."""
        lost = middle(self.heights[-3:]) < (self.usual + self.peak) / 2
        return lost or falls(np.array(self.heights[-newest:]), _RETURNS)


@dataclass
class _Highest:
    """The highest of the rows before, while there is no baseline: of the newest, and those since it fell."""

    most: float = -np.inf
    """Of all rows."""
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=_FIRST))
    """ln(loss) of the newest rows since it came down from its highest; of all others before."""
    fallen: bool = False
    """Whether it has come down to a tenth of its highest."""

    def take(self, height: float) -> float:
        """Take the next row; return what it is compared with."""
        fell = not self.fallen and height <= self.most - log(10)
        self.fallen |= fell
        known = self.fallen and len(self.newest) >= _KNOWN
        before = max(self.newest) if known else self.most
        self.most = max(self.most, height)
        if self.fallen:
            self.newest.append(height)
        return before


@dataclass
class LossSpike(LossRule, RankRule):
    """Fires at a sudden rise of the training loss, and says whether it recovered."""

    name: ClassVar[str] = "loss_spike"
    summary: ClassVar[str] = "The training loss jumped above its recent level."

    z: float = threshold(8.0, "robust deviations above the rolling median that make a spike")
    rise: float = threshold(0.10, "least rise over the rolling median, as a fraction")
    large: float = threshold(0.5, "rise from which a spike that recovers may be a warning")
    low: float = threshold(0.1, "of the untrained loss, below which a spike is a note")
    waves: float = threshold(2.0, "multiple of the second highest rise so far that was lost again")
    early: ClassVar[float] = 10.0
    """Multiple of the highest loss so far that is reported while little is known."""
    alone: ClassVar[float] = 1000.0
    """Multiple of the usual from which a single row that recovered is more than a bad batch."""
    brief: int = threshold(5, "rows within which a spike should recover")
    long: int = threshold(50, "rows after which a spike that has not recovered is critical")
    calm: ClassVar[int] = 3
    """Recovered rows in a row that end a spike."""
    settle: ClassVar[int] = 512
    """Rows after which a new level counts as usual."""
    cooldown: ClassVar[int] = 64
    """Rows after a spike in which only a higher one is reported."""

    _baseline: Baseline = field(default_factory=lambda: Baseline(floor=0.002), init=False, repr=False)
    _rounding: Rounding = field(default_factory=Rounding, init=False, repr=False)
    _grad: Recent = field(default_factory=Recent, init=False, repr=False)
    _rate: Recent = field(default_factory=Recent, init=False, repr=False)
    _means: EpochMean = field(default_factory=EpochMean, init=False, repr=False)
    _evaluations: Evaluations = field(default_factory=Evaluations, init=False, repr=False)
    _grows: float = field(default=np.inf, init=False, repr=False)
    """Offset from which the size of a model of points or splats is printed."""
    _levels: Windows = field(default_factory=lambda: Windows(32, 16), init=False, repr=False)
    _waves: Waves = field(default_factory=Waves, init=False, repr=False)
    _spike: _Spike | None = field(default=None, init=False, repr=False)
    _past: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=3), init=False, repr=False)
    """(row, peak) of the newest spikes."""
    _lasted: list[float] = field(default_factory=lambda: [0.0, 0.0], init=False, repr=False)
    """Heights of the two highest spikes that were not brief and came back, the lower one first."""
    _first: list[float] = field(default_factory=list, init=False, repr=False)
    """ln(loss) of the first rows."""
    _early: list[float] = field(default_factory=list, init=False, repr=False)
    """ln(loss) of the rows before there can be a baseline."""
    _highest: _Highest = field(default_factory=_Highest, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge a block, with what it contains besides the loss."""
        self._grad.push(block.samples.get(GRAD_NORM))
        self._rate.push(block.samples.get(LEARNING_RATE))
        self._means.push(block)
        self._evaluations.push(block)
        self._grows = min(self._grows, grows_by_design(block))
        return super().judge(block)

    def restart(self, where: Place) -> Sequence[Finding]:
        """Begin again."""
        self._baseline, self._highest = Baseline(floor=0.002), _Highest()
        self._levels, self._waves, self._early = Windows(32, 16), Waves(), []
        self._past.clear()
        spike, self._spike = self._spike, None
        return [self.clear(where, LOSS)] if spike else []

    def elapse(self, status: Status) -> Sequence[Finding]:
        """When no more rows can come, a spike of more than one row that has not recovered is certain."""
        spike = self._spike
        if spike is None or (status.live and not status.finished):
            return ()
        if spike.firing and not (spike.slight and spike.high and spike.stays(self.calm) > _COST):
            return ()
        spike.slight = False
        lasts = spike.rows - spike.calm > 1
        severity = Severity.WARNING if lasts else self._severity(spike)
        begins = spike.peak == self._first[0] and is_telling(grow(spike.peak))
        severity = Severity.INFO if begins else severity
        found = self._fire(spike, severity, "and had not recovered at the end", np.inf)
        return limited([found], self._players.most)

    def walk_positive(self, rows: Samples) -> list[Finding]:
        """Judge the next rows."""
        start = self._baseline.rows
        y = np.log(rows.value)
        self._first += y[: _FIRST - len(self._first)].tolist()
        self._early += y[: _EARLY - len(self._early)].tolist()
        usual, sigma = self._baseline.judge(y)
        survived = self._survived(y)
        excess = y - usual
        least = np.maximum(self.z * sigma, log(1 + self.rise))
        least = np.maximum(least, np.log1p(1.5 * self._rounding.add(rows.value) / np.exp(usual)))
        little = int(np.isnan(usual).sum())  # the first rows of a start
        if little:
            self._compare(y[:little], start, usual, sigma, excess, least)
        candidates = np.flatnonzero(excess > least)
        found: list[Finding] = []
        row = 0
        while row < len(rows):
            if self._spike is not None:
                found += self._follow(self._spike, float(y[row]), rows, row)
                row += 1
                continue
            ahead = candidates[np.searchsorted(candidates, row) :]
            if not len(ahead):
                break
            row = int(ahead[0])
            at, height = start + row, float(y[row])
            offset = float(rows.offset[row])
            jump = lr_jump(self._rate, offset)
            warms = row >= little and jump > 1.5 and excess[row] <= 2 * least[row]
            if warms or self._expected(at, height) or self._scatters(offset, height):
                row += 1
                continue
            level = float(usual[row] + max(3 * sigma[row], log(1 + self.rise) / 2))
            cause = surge(self._grad, GRAD_NORM, offset)
            if not cause and jump > 1.5:
                cause = f"the learning rate had risen {jump:.1f}x within 100 logged steps"
            where = place(rows, row)
            self._spike = _Spike(at, where, float(usual[row]), level, float(least[row]), cause, where, offset)
            self._spike.survived, self._spike.early = float(survived[row]), row < little
            self._spike.evaluated = self._evaluations.lowest(offset)
        return found

    def _survived(self, y: Floats) -> Floats:
        """Return for each row by how much ln(loss) had risen and come back twice before it."""
        start, before = self._levels.rows, self._waves.second
        ends, windows = self._levels.add(y)
        if not len(ends):
            return np.full(len(y), before)
        heights = [before]
        for level in median(np.sort(windows[:, -20:], axis=1)).tolist():
            self._waves.take(level)
            heights.append(self._waves.second)
        return np.repeat(heights, np.diff(np.concatenate([[start], ends, [start + len(y)]])))

    def _compare(
        self, y: Floats, start: int, usual: Floats, sigma: Floats, excess: Floats, least: Floats
    ) -> None:
        """Put the highest row of those before where there is no baseline yet."""
        before, here = np.array([self._highest.take(height) for height in y.tolist()]), slice(0, len(y))
        known = start + np.arange(len(y)) >= _KNOWN
        usual[here] = np.where(known | (before > log(_LIKELIHOOD)), before, np.nan)
        excess[here], least[here] = y - np.maximum(usual[here], log(_SMALL)), log(self.early)
        sigma[here] = log(2) / 3

    def _expected(self, at: int, height: float) -> bool:
        return bool(self._past) and at < self._past[-1][0] + self.cooldown and height <= self._past[-1][1]

    def _scatters(self, offset: float, height: float) -> bool:
        """Whether a mean since the epoch began is within four errors of where single rows were before."""
        border = self._means.border(offset, self.cooldown)
        return border is not None and height < log(border.level + 4 * border.noise / sqrt(border.rows))

    def _follow(self, spike: _Spike, height: float, rows: Samples, row: int) -> list[Finding]:
        """Judge one row of a spike; the first is the spike itself."""
        spike.rows += 1
        if not spike.old:
            spike.heights.append(height)
        if height < spike.level:
            spike.back = spike.back or place(rows, row)
            spike.calm += 1
        else:
            if height > spike.peak:
                spike.peak, spike.highest = height, place(rows, row)
            spike.back, spike.calm = None, 0
        found = []
        offset = float(rows.offset[row])
        lasted = spike.rows - spike.calm
        if spike.calm >= self.calm:
            assert spike.back is not None
            if not spike.firing:
                ending = f"and recovered after {_rows(lasted)}"
                found.append(self._fire(spike, self._severity(spike), ending, offset))
            if lasted > self.brief:
                self._lasted = sorted((*self._lasted, spike.peak - spike.usual))[1:]
            found.append(self._end(spike, spike.back))
        elif spike.rows >= self.settle:
            found.append(self._end(spike, place(rows, row)))
        elif lasted > self.long and not spike.old:
            spike.old = True
            now = middle(spike.heights[-self.brief :]) - spike.usual
            lost = now < (spike.peak - spike.usual) / 2
            returns = lost or spike.stays() < self.large / 2
            severity = Severity.WARNING if returns and not spike.early else Severity.CRITICAL
            severity = Severity.INFO if lost and grow(now) - 1 < self.large / 2 else severity
            ending = f"and has not recovered in {self.long} logged steps"
            found.append(self._fire(spike, severity, ending, offset))
        elif lasted > self.brief and self._news(spike):
            grows = self._growing(spike)
            severity = Severity.CRITICAL if grows else Severity.INFO if spike.slight else Severity.WARNING
            note = ", the third and highest within 200 logged steps" if grows else ""
            found.append(self._fire(spike, severity, f"and did not recover at once{note}", offset))
        elif spike.rows == 1:
            found.append(self._finding(spike, Verdict.PENDING, Severity.WARNING, self._title(spike, "")))
        return found

    def _news(self, spike: _Spike) -> bool:
        """Whether a spike that lasts is not reported yet, or was reported as slight and is no longer."""
        if spike.firing and not spike.slight:
            return False
        low = max(spike.stays(), spike.stays(self.brief)) < self.large / 2
        spike.slight = low or (not spike.early and spike.returns(self.brief))
        return not spike.firing or not spike.slight

    def _severity(self, spike: _Spike) -> Severity:
        """Return how severe a spike is that did not last: it cost nothing, but higher ones may follow."""
        small = spike.rise < self.large or spike.peak - spike.usual < 2 * spike.least
        least = self.early if spike.early or spike.rows - spike.calm > 1 else self.alone
        heavy = spike.rise + 1 >= least or self._growing(spike)
        return Severity.WARNING if heavy and not small else Severity.INFO

    def _scatter(self, spike: _Spike) -> float:
        """Return the deviation of the first rows up to now, as their successive differences show it."""
        first = self._early[: spike.row + spike.rows]
        return jitter_of(np.abs(np.diff(first))) if len(first) > 2 else 0.0

    def _growing(self, spike: _Spike) -> bool:
        peaks = [peak for row, peak in self._past if row > spike.row - 200] + [spike.peak]
        return len(peaks) >= 3 and peaks == sorted(peaks)

    def _regular(self, spike: _Spike) -> bool:
        """Whether the last two spikes, or one and the start, are as far apart as this one, and as high."""
        if not self._past:
            return False
        *_, older, newer = [0, *(row for row, _ in self._past)]
        usual, gap = newer - older, spike.row - newer
        highest = max(peak for _, peak in self._past)
        return abs(gap - usual) <= max(2, 0.02 * usual) and spike.peak < highest + log(1.5)

    def _fire(self, spike: _Spike, severity: Severity, ending: str, offset: float) -> Finding:
        meant = not spike.high and spike.peak < max(self._first) + log(self.low)
        meant |= spike.peak - spike.usual < self.waves * spike.survived
        known = self._lasted[1] + log(1.5) if self._lasted[0] else 0.0
        meant |= not spike.old and spike.peak - spike.usual < known
        meant |= spike.early and spike.peak - spike.usual < _SCATTER * self._scatter(spike)
        meant |= self._evaluations.better(spike.evaluated, spike.offset, offset)
        meant |= searches_rate(self._rate, offset)
        meant |= self._grows < offset  # its opacities are reset now and then
        meant |= spike.where.step is None and self._another(spike)
        if meant or (severity is Severity.WARNING and self._regular(spike)):
            severity = Severity.INFO
        spike.firing = severity
        return self._finding(spike, Verdict.FIRING, severity, self._title(spike, ending))

    def _another(self, spike: _Spike) -> bool:
        """Whether another training may have begun: as high as the first, or falling by order since."""
        fold = abs(spike.peak - max(self._first)) < log(1 + self.rise)
        return fold or (spike.rows > self.brief and falls(np.array(spike.heights)))

    def _end(self, spike: _Spike, where: Place) -> Finding:
        self._spike = None
        self._past.append((spike.row, spike.peak))
        return self.clear(where, LOSS)

    def _title(self, spike: _Spike, ending: str) -> str:
        rise = f"{label(LOSS)} {rose_at(rose(spike.rise), spike.where, spike.highest)}"
        if not ending:
            return rise
        return f"{rise}{',' if spike.highest != spike.where else ''} {ending}"

    def _finding(self, spike: _Spike, verdict: Verdict, severity: Severity, title: str) -> Finding:
        return self.say(
            verdict,
            severity,
            title,
            spike.where,
            metric=LOSS,
            cause=spike.cause,
            advice="" if severity is Severity.INFO else _ADVICE,
            evidence={
                "before": grow(spike.usual),
                "peak": grow(spike.peak),
                "rows": spike.rows,
            },
        )


_ADVICE = "If it stays, go back to a checkpoint from before the spike and skip the batches around it."


def _rows(count: int) -> str:
    return "1 logged step" if count == 1 else f"{count} logged steps"
