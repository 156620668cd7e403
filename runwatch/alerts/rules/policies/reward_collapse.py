"""The reward has fallen from its best and stays down.

Reason: policies forget, and exploit errors of the reward model until an update breaks
them; the best of the run is then a checkpoint that lies behind.
Formula: level is the median of 32 rows, taken every 16 rows; best is the highest so
far, low the lowest before it. Fires when best - level is above max(`part` of best -
low, `z` deviations of a single row, about its trend, now or at the best) at `persist` such points in a
row; where the reward had not risen by that much before, it must fall by twice the
noise and by a fifth of itself. A warning; a note of what is less than `waves` times as deep as the reward
has fallen, and come back from, twice, begins while a rate of exploration falls and is above `explores`, or
does not lower the rewards of three evaluations behind it: acting more at random costs the policy nothing.
Ends when half of what was lost is back. At the end of a log half as many points are enough; and however few
its rows: the newest half of them, eight at least, all below the first two, and in the middle by `part` of the
lower one, by `z` deviations, and by half of the way to the lowest row: a warning; of fewer than 14 rows only
where their order says so (the test of Mann and Kendall), or all are twice as far below.

Example: 'the reward is 0.12, down from its best of 0.81 at step 640': it had learned
from 0.1, and lost nearly all of it.

What to do: go back to the checkpoint of the best reward; lower the learning rate or the
size of an update (clip range, KL penalty).

Traps: where each row is one episode a note is all, since a policy that fails at once
prints many more rows than a training of that length; a reward with the price of
divergence in it is printed with the score, and both are judged; a policy that mostly explores earns by
chance; a harder curriculum
lowers rewards rightly, so that it is never critical, and each part that a log counts is
judged by itself; what begins again after a restart is judged again.

Sources: Gao et al. 2023 on rewards that are optimized too far; the notes of
stable-baselines3 on training that collapses late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, place, threshold
from runwatch.alerts.rules.baseline import Floats, Windows, jitter, median, middle, spread, take
from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.curriculum import Curriculum
from runwatch.alerts.rules.common.exploration import Exploration
from runwatch.alerts.rules.common.roles import REWARD, cast, of_episode, role
from runwatch.alerts.rules.common.trend import falls
from runwatch.alerts.rules.common.waves import Waves
from runwatch.alerts.rules.metric_rule import SeriesRule
from runwatch.core.block import Block, Samples, Status
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import label, of_held_out

_WIDTH, _HOP = 32, 16
_FEW = 8
"""Rows that may be all there is."""
_CHANCE, _ORDER = 14, 2.3
"""Rows below which the first two are the highest by chance too often, unless all fall by their order."""
_AGREE = 3
"""Evaluations since the fall, and before it, that say whether the policy is as good."""
_LINEAR = 0.8
"""Part of the variance of a window from which its trend is what it shows."""
_LEAST = 0.2
"""Part of a reward that had not risen that is worth a finding, however little it scatters."""


@dataclass
class _Reward:
    """What is known of one series."""

    windows: Windows = field(default_factory=lambda: Windows(_WIDTH, _HOP))
    low: float = np.inf
    """The lowest level before the best."""
    lowest: float = np.inf
    best: float = -np.inf
    noise: float = 0.0
    """A row's deviation at the best."""
    where: Place = NOWHERE
    rows: list[float] = field(default_factory=list)
    """The first rows, as long as they are all."""
    worst: float = np.inf
    """The lowest row."""
    count: int = 0
    below: int = 0
    """The newest rows that are below both."""
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=_FEW))
    begin: Place = NOWHERE
    """The first of those."""
    level: float = np.nan
    """The newest one."""
    scatter: float = np.inf
    """A row's deviation now."""
    under: int = 0
    since: Place = NOWHERE
    """Where it went down."""
    depths: Waves = field(default_factory=Waves)
    """How far the level fell, and came back."""
    survived: float = 0.0
    """How far it had fallen twice before it went down."""
    bar: float = 0.0
    """How far it may fall before that is more than a note."""
    firing: Severity | None = None

    @property
    def first(self) -> list[float]:
        """The first two rows."""
        return self.rows[:2]

    def take(self, rows: Samples) -> None:
        """Take new rows, and see whether they are below the first ones."""
        self.rows += rows.value[: _CHANCE - len(self.rows)].tolist()
        self.worst = min(self.worst, float(rows.value.min()))
        self.count += len(rows)
        self.newest += rows.value[-_FEW:].tolist()
        above = np.flatnonzero(rows.value >= min(self.first, default=np.inf))
        low = len(rows) - 1 - int(above[-1]) if len(above) else len(rows)
        self.begin = place(rows, len(rows) - low) if low and (len(above) or not self.below) else self.begin
        self.below = low + (0 if len(above) else self.below)


@dataclass
class RewardCollapse(SeriesRule):
    """Fires when a reward stays far below its best."""

    most: ClassVar[int] = 8
    name: ClassVar[str] = "reward_collapse"
    summary: ClassVar[str] = "The reward of reinforcement learning fell from its best and stays down."

    part: float = threshold(0.5, "part of what had been gained that is lost")
    z: float = threshold(3.0, "least fall in robust deviations of a single row")
    waves: float = threshold(2.0, "multiple of the second deepest fall so far that was made good")
    explores: float = threshold(0.1, "rate of exploration above which rewards are of chance", most=1.0)
    persist: int = threshold(4, "evaluations in a row, 16 rows apart, that must agree")

    _rewards: dict[str, _Reward] = field(default_factory=dict, init=False, repr=False)
    _curriculum: Curriculum = field(default_factory=Curriculum, init=False, repr=False)
    _exploration: Exploration = field(default_factory=Exploration, init=False, repr=False)
    _tested: str = field(default="", init=False, repr=False)
    _evaluations: Recent = field(default_factory=Recent, init=False, repr=False)
    """A reward of evaluations, by that name."""

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge each reward of a block."""
        self._exploration.push(block)
        tested = [(float(s.offset[0]), name) for name, s in block.samples.items() if _is_of_evaluation(name)]
        self._tested = self._tested or min(tested, default=(0.0, ""))[1]
        self._evaluations.push(block.samples.get(self._tested))
        return self.judge_each({part.metric: part.samples for part in cast(block.samples, REWARD)}, block)

    def cuts(self, block: Block) -> Sequence[int]:
        """Return where the run restarted, or what it learns became harder."""
        return [*block.restarts, *self._curriculum.begins(block)]

    def restart(self, metric: str, rows: Samples) -> list[Finding]:
        """Begin again with a reward."""
        before = self._rewards.pop(metric, None)
        return [self._clear(metric, before, place(rows, 0))] if before is not None and before.firing else []

    def elapse(self, status: Status) -> Sequence[Finding]:
        """Judge what is known when no more can come, and compare with the first rows."""
        if status.live and not status.finished:
            return ()
        found = []
        for name, reward in self._rewards.items():
            if not reward.firing and reward.under >= self.persist / 2:
                found.append(self._falls(name, reward, np.inf))
            elif self._sank(name, reward):
                found.append(self._sink(name, reward))
        return found

    def _sank(self, metric: str, reward: _Reward) -> bool:
        """Whether the newer half of a reward is far below where it began."""
        if reward.firing or of_episode(metric) or reward.below < max(_FEW, reward.count / 2):
            return False
        start, newest = min(reward.first), np.array(reward.newest)[None, :]
        noise = self.z * float(jitter(newest)[0])
        apart = start - newest.max() > 2 * noise
        if reward.count < _CHANCE and not (apart or falls(np.array(reward.rows), _ORDER)):
            return False
        least = max(self.part * abs(start), noise, (start - reward.worst) / 2)
        return start - middle(reward.newest) > least and not self._exploration.falls(np.inf, self.explores)

    def _sink(self, metric: str, reward: _Reward) -> Finding:
        reward.firing, reward.best, reward.since = Severity.WARNING, min(reward.first), reward.begin
        return self.say(
            Verdict.FIRING,
            Severity.WARNING,
            f"{label(metric)} fell to {middle(reward.newest):.4g}, and began with {reward.first[0]:.4g}",
            reward.begin,
            metric=metric,
            cause="the policy is worse than before any training",
            advice="Look at the sign and the scale of the reward, and lower the learning rate.",
            evidence={"first": reward.first[0], "now": middle(reward.newest), "rows": reward.below},
        )

    def walk(self, metric: str, rows: Samples) -> list[tuple[float, Finding]]:
        """Judge the next rows of a reward."""
        reward = self._rewards.setdefault(metric, _Reward())
        reward.take(rows)
        start = reward.windows.rows
        ends, windows = reward.windows.add(rows.value)
        if not len(ends):
            return []
        levels = median(np.sort(windows, axis=1)).tolist()
        noises = spread(_straightened(windows), 0.0)[1].tolist()
        found: list[tuple[float, Finding]] = []
        for end, level, noise in zip(ends.tolist(), levels, noises, strict=True):
            row = end - start - 1
            reward.depths.take(-level)
            finding = self._step(metric, reward, level, noise, rows, row)
            if finding is not None:
                found.append((float(rows.offset[row]), finding))
        return found

    def _step(
        self, metric: str, reward: _Reward, level: float, noise: float, rows: Samples, row: int
    ) -> Finding | None:
        """Judge one level."""
        here = place(rows, row)
        reward.lowest = min(reward.lowest, level)
        if level > reward.best:
            reward.noise = min(noise, reward.scatter)  # a window that holds the fall scatters by it
            reward.best, reward.where, reward.low = level, here, reward.lowest
        reward.level, reward.scatter = level, noise
        fall, gained = reward.best - level, reward.best - reward.low
        single = self.z * max(noise, reward.noise)
        flat = gained <= single
        limit = max(2 * single, _LEAST * abs(reward.best)) if flat else max(self.part * gained, single)
        if reward.firing:
            if fall <= limit / 2:
                return self._clear(metric, reward, here)
            return self._deepens(metric, reward)
        reward.under = reward.under + 1 if fall > limit > 0 else 0
        if reward.under == 1:
            reward.since, reward.survived = here, reward.depths.second
        if reward.under < self.persist:
            return None
        return self._falls(metric, reward, float(rows.offset[row]))

    def _falls(self, metric: str, reward: _Reward, offset: float) -> Finding:
        """Report a fall that has lasted up to `offset`."""
        explores = self._exploration.falls(offset, self.explores) or self._holds(reward, offset)
        reward.bar = np.inf if explores else self.waves * reward.survived
        minor = of_episode(metric) or reward.best - reward.level < reward.bar
        reward.firing = Severity.INFO if minor else Severity.WARNING
        return self._finding(metric, reward)

    def _holds(self, reward: _Reward, offset: float) -> bool:
        """Whether evaluations since the fall are as good as those before: the policy has lost nothing."""
        known = self._evaluations.until(offset, 128)
        known = take(known, np.isfinite(known.value))
        after = known.line > (reward.since.line or np.inf)
        since, before = known.value[after].tolist(), known.value[~after].tolist()
        return len(since) >= _AGREE <= len(before) and middle(since) >= middle(before)

    def _deepens(self, metric: str, reward: _Reward) -> Finding | None:
        """Report a fall again that is deeper than those that the reward has come back from."""
        if reward.firing is Severity.WARNING or of_episode(metric) or reward.best - reward.level < reward.bar:
            return None
        reward.firing = Severity.WARNING
        return self._finding(metric, reward)

    def _finding(self, metric: str, reward: _Reward) -> Finding:
        return self.say(
            Verdict.FIRING,
            reward.firing or Severity.INFO,
            f"{label(metric)} is {reward.level:.4g}, "
            f"down from its best of {reward.best:.4g} at {reward.where}",
            reward.since,
            metric=metric,
            advice="Go back to a checkpoint near the best; lower the learning rate, or stay closer to "
            "the policy before (clip range, KL).",
            evidence={
                "best": reward.best,
                "best_step": reward.where.step,
                "now": reward.level,
                "before_the_best": reward.low,
                "noise": reward.scatter,
            },
        )

    def _clear(self, metric: str, reward: _Reward, where: Place) -> Finding:
        reward.firing, reward.under = None, 0
        return self.clear(where, metric)


def _is_of_evaluation(metric: str) -> bool:
    return of_held_out(metric) and role(metric.partition("/")[2]) == REWARD


def _straightened(windows: Floats) -> Floats:
    """Return windows (n, width) without their linear trend where they are little else: gains are no noise."""
    along = np.arange(windows.shape[1]) - (windows.shape[1] - 1) / 2
    slopes = windows @ along / (along @ along)
    straight = windows - slopes[:, None] * along
    linear = straight.var(axis=1) < (1 - _LINEAR) * windows.var(axis=1)
    kept: Floats = np.where(linear[:, None], straight, windows)
    return kept
