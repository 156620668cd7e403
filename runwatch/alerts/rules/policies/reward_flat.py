"""The reward has not risen since the beginning.

Reason: the reward is what a policy is trained for. If it is where it began after hundreds of
updates, it is out of reach of chance, or says nothing of what was done.
Formula: after `rows` rows, and four times as many, the mean of the last quarter of them is not
above that of the first by more than 2 standard errors of the two. A note; after four times as many rows a
warning where it is not above it by one either, or every value is exactly the same. Ends when the mean of 64
rows is above that of the first quarter by the deviation of its rows.

Example: 'the reward has not risen in the first 1,600 logged steps: -200', in which no car has ever
reached the top of its hill.

What to do: look at a few episodes. Check that the reward can be reached by chance, that advantages are
not all 0, and that the policy is what is updated.

Traps: what is resumed has learned already, so that only the first launch is judged, from its first
steps on; a perfect reward of 1 or 100 cannot rise, and one of exactly 0 is that of `score_floor`; against
oneself nobody wins more than half; rewards around 0 are of such games too. Where each row is an
episode, and its name says so, hundreds are few: all is a note.

Source: Henderson et al. 2018, on how much of what rewards do is chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import Place, place, threshold
from runwatch.alerts.rules.baseline import Floats, Windows, take
from runwatch.alerts.rules.common.beginning import began_elsewhere
from runwatch.alerts.rules.common.exploration import Exploration
from runwatch.alerts.rules.common.players import Players
from runwatch.alerts.rules.common.roles import REWARD, cast, of_episode
from runwatch.alerts.rules.metric_rule import SeriesRule
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import label
from runwatch.render import numbers

_LONG = 4
"""Multiple of the rows after which it is judged again, and the last time."""
_WIDTH, _HOP = 64, 16
_EXPLORES = 0.5
"""Rate of exploration above which a policy mostly acts at random."""
_GIVEN = frozenset({0.0, 1.0, 100.0})
"""Rewards that, always the same, are perfect or of another rule."""


@dataclass
class _Reward:
    """What is known of one series."""

    first: Floats = field(default_factory=lambda: np.empty(0))
    """The first rows, until all of them are judged."""
    steps: list[float] = field(default_factory=list)
    """The first two steps."""
    done: bool = False
    windows: Windows | None = None
    level: float = 0.0
    noise: float = 0.0
    """Mean and deviation of the first quarter."""
    firing: Severity | None = None


@dataclass
class RewardFlat(SeriesRule):
    """Fires when hundreds of rows have not raised a reward."""

    most: ClassVar[int] = 8
    name: ClassVar[str] = "reward_flat"
    summary: ClassVar[str] = "The reward of reinforcement learning has not risen since the run began."

    rows: int = threshold(400, "first rows that are judged", least=64)

    _rewards: dict[str, _Reward] = field(default_factory=dict, init=False, repr=False)
    _players: Players = field(default_factory=Players, init=False, repr=False)
    _exploration: Exploration = field(default_factory=Exploration, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge each reward of a block."""
        self._players.push(block)
        self._exploration.push(block)
        return self.judge_each({part.metric: part.samples for part in cast(block.samples, REWARD)}, block)

    def restart(self, metric: str, rows: Samples) -> list[Finding]:
        """End with the first launch."""
        reward = self._rewards.setdefault(metric, _Reward())
        reward.done, reward.windows, reward.first = True, None, np.empty(0)
        return [finding for _, finding in self._clear(metric, reward, rows, 0)]

    def walk(self, metric: str, rows: Samples) -> list[tuple[float, Finding]]:
        """Judge the first rows of a reward, and look whether it rises after all."""
        reward = self._rewards.setdefault(metric, _Reward())
        reward.steps += rows.step[: 2 - len(reward.steps)].tolist()
        found: list[tuple[float, Finding]] = []
        for count in (self.rows, _LONG * self.rows):
            missing = count - len(reward.first)
            if reward.done or not 0 < missing <= len(rows):
                continue
            piece, rows = take(rows, slice(None, missing)), take(rows, slice(missing, None))
            found += self._watch(metric, reward, piece)
            if not reward.done:
                reward.first = np.append(reward.first, piece.value)
                found += self._judge(metric, reward, piece)
        found += self._watch(metric, reward, rows)
        if not reward.done:
            reward.first = np.append(reward.first, rows.value)
        return found

    def _judge(self, metric: str, reward: _Reward, rows: Samples) -> list[tuple[float, Finding]]:
        """Judge the first rows, of which the newest are at hand."""
        offset, count = float(rows.offset[-1]), len(reward.first)
        begin, end = reward.first[: count // 4], reward.first[-(count // 4) :]
        level, now = float(begin.mean()), float(end.mean())
        error = float(np.hypot(begin.std(), end.std())) / (count // 4) ** 0.5
        same = float(np.ptp(reward.first)) == 0
        reward.done = count == _LONG * self.rows
        if reward.done:
            reward.first = np.empty(0)
        if now - level > 2 * error or offset >= self._players.silent or began_elsewhere(reward.steps):
            reward.done = True
            return []
        around_zero = abs(now) <= 2 * error and not same
        if around_zero or (same and level in _GIVEN):
            return []
        warns = (same or now - level <= error) and reward.done and not of_episode(metric)
        warns = warns and not self._exploration.falls(offset, _EXPLORES)
        severity = Severity.WARNING if warns else Severity.INFO
        if not severity.exceeds(reward.firing):
            return []
        if reward.firing is None:
            reward.windows, reward.level, reward.noise = Windows(_WIDTH, _HOP), level, float(begin.std())
        reward.firing = severity
        return [(offset, self._finding(metric, severity, place(rows, -1), count, level, now, same=same))]

    def _finding(
        self,
        metric: str,
        severity: Severity,
        here: Place,
        count: int,
        level: float,
        now: float,
        *,
        same: bool,
    ) -> Finding:
        return self.say(
            Verdict.FIRING,
            severity,
            f"{label(metric)} has not risen in the first {numbers.step(count)} logged steps: {now:.4g}",
            here,
            metric=metric,
            cause="it is always exactly the same, so that nothing is better than anything else"
            if same
            else "",
            advice="Look at a few episodes: can the reward be reached by chance, and is the policy updated?",
            evidence={"first": level, "now": now},
        )

    def _watch(self, metric: str, reward: _Reward, rows: Samples) -> list[tuple[float, Finding]]:
        """Look whether it rises after all."""
        if reward.windows is None:
            return []
        start = reward.windows.rows
        ends, windows = reward.windows.add(rows.value)
        risen = np.flatnonzero(windows.mean(axis=1) > reward.level + reward.noise) if len(ends) else ends
        if not len(risen):
            return []
        return self._clear(metric, reward, rows, int(ends[risen[0]]) - start - 1)

    def _clear(self, metric: str, reward: _Reward, rows: Samples, row: int) -> list[tuple[float, Finding]]:
        if reward.firing is None:
            return []
        reward.firing = None
        reward.windows, reward.done, reward.first = None, True, np.empty(0)
        return [(float(rows.offset[row]), self.clear(place(rows, row), metric))]
