"""A policy collapsed: it does the same always, or anything at random, or its replies shrank to nothing.

Reason: a policy without entropy explores nothing more; replies of one token, or groups
of replies that all get the same reward, give no gradient. In the log of a real run the
replies went from 1,750 tokens to one within ten steps, and it trained on for days.
Formula, for entropy, length of replies and spread of rewards: the median of 16 rows,
taken every 8, is below `part` of the median of the first 16, at `persist` such points
in a row. And an entropy that is above `random` and `times` the least of the first three rows,
three rows in a row: that is a guess among a vocabulary. A warning if no reward is above where
it began by two standard errors, else a note. Ends above twice `part`, or below half of both.

Example: 'actor/entropy is 0.00018, 0.1% of what it was at first', and the score fell from
-0.68 to -1.

What to do: stop, since no gradient is left to come back by. Go back to before the fall;
raise the entropy bonus or the KL penalty, and look at what it says.

Traps: a policy that has learned a game is sure of itself, and its entropy falls too: its
rewards have risen; differential entropies of continuous actions have no zero, and are not
judged once they are negative; one of exactly 0 is not measured yet, and is none to grow from;
entropies of routers and of attention, and those of runs
that print no reward, are other things.

Sources: Cui et al. 2025 on the collapse of entropy in the training of language models;
verl's log of a policy that learned to say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place, RunRule, in_stream_order, place, threshold
from runwatch.alerts.rules.baseline import Windows, before_negative, median
from runwatch.alerts.rules.common.beginning import is_among_first
from runwatch.alerts.rules.common.rewards import Rewards
from runwatch.alerts.rules.common.roles import ENTROPY, LENGTH, SPREAD, cast, role
from runwatch.core.block import Block, Samples
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.metrics import label

_WIDTH, _HOP = 16, 8
_MOST = 8
_FIRST = 3
"""Rows that give the first entropy, and that must agree that it has grown."""
_SIGNS = (ENTROPY, LENGTH, SPREAD)


@dataclass
class _Sign:
    """What is known of one series."""

    windows: Windows = field(default_factory=lambda: Windows(_WIDTH, _HOP))
    first: float = np.nan
    signed: bool = False
    under: int = 0
    since: Place = NOWHERE
    firing: Severity | None = None


@dataclass
class _Guess:
    """What is known of an entropy that may grow."""

    rows: int = 0
    least: float = np.inf
    """The least of the first rows."""
    over: int = 0
    since: Place = NOWHERE
    firing: Severity | None = None


@dataclass
class PolicyCollapse(RunRule):
    """Fires when a policy loses its entropy, or its words, for nothing."""

    name: ClassVar[str] = "policy_collapse"
    summary: ClassVar[str] = (
        "A policy lost its entropy or guesses, or its replies their length, and no reward came of it."
    )

    part: float = threshold(0.1, "part of what it was at first below which it has collapsed")
    persist: int = threshold(5, "evaluations in a row, 8 rows apart, that must agree")
    random: float = threshold(5.0, "entropy from which replies may be guesses, in nats")
    times: float = threshold(4.0, "multiple of its first values from which an entropy has grown to that")

    _rewards: Rewards = field(default_factory=Rewards, init=False, repr=False)
    _signs: dict[str, _Sign] = field(default_factory=dict, init=False, repr=False)
    _guesses: dict[str, _Guess] = field(default_factory=dict, init=False, repr=False)

    def judge(self, block: Block) -> Sequence[Finding]:
        """Judge entropy, lengths and spread of a block."""
        self._rewards.push(block)
        found: list[tuple[float, Finding]] = []
        for metric, samples in cast(block.samples, *_SIGNS):
            if not is_among_first(metric, self._signs, _MOST):
                continue
            sign = self._signs.setdefault(metric, _Sign())
            if role(metric) == ENTROPY:
                guess = self._guesses.setdefault(metric, _Guess())
                found += self._grows(metric, guess, samples)
            if not sign.signed:
                rows, sign.signed = before_negative(samples)
                found += self._walk(metric, sign, rows)
        return in_stream_order(found)

    def _grows(self, metric: str, guess: _Guess, rows: Samples) -> list[tuple[float, Finding]]:
        """Judge an entropy that may grow to that of guesses."""
        quiet = guess.rows >= _FIRST and not guess.over and guess.firing is None
        if quiet and (rows.value < self.random).all():
            return []
        found: list[tuple[float, Finding]] = []
        for row, level in enumerate(rows.value.tolist()):
            if not level:  # it was not measured
                continue
            guess.rows += 1
            if guess.rows <= _FIRST:
                guess.least = min(guess.least, level)
            limit, here = max(self.random, self.times * guess.least), place(rows, row)
            guess.over = guess.over + 1 if level > limit else 0
            guess.since = here if guess.over == 1 else guess.since
            offset = float(rows.offset[row])
            if guess.firing is not None and level < limit / 2:
                guess.firing = None
                found.append((offset, self.clear(here, metric)))
            elif guess.over >= _FIRST and self._rewards.known(offset):
                finding = self._guessing(metric, guess, level, offset, here)
                found += [] if finding is None else [(offset, finding)]
        return found

    def _guessing(
        self, metric: str, guess: _Guess, level: float, offset: float, here: Place
    ) -> Finding | None:
        severity = Severity.INFO if self._rewards.better(offset) else Severity.WARNING
        if not severity.exceeds(guess.firing):
            return None
        guess.firing = severity
        return self.say(
            Verdict.FIRING,
            severity,
            f"{label(metric)} rose to {level:.3g}, from {guess.least:.3g} at first",
            guess.since,
            metric=metric,
            cause="the policy says anything at random" if severity is Severity.WARNING else "",
            advice=_TOO_FREE if severity is Severity.WARNING else "",
            evidence={"first": guess.least, "now": level, **self._rewards.words(offset)},
        )

    def _walk(self, metric: str, sign: _Sign, rows: Samples) -> list[tuple[float, Finding]]:
        start = sign.windows.rows
        ends, windows = sign.windows.add(rows.value)
        if not len(ends):
            return []
        levels = median(np.sort(windows, axis=1))
        sign.first = float(levels[0]) if np.isnan(sign.first) else sign.first
        if sign.firing is None and not sign.under and (levels >= self.part * sign.first).all():
            return []
        found: list[tuple[float, Finding]] = []
        for end, level in zip(ends.tolist(), levels.tolist(), strict=True):
            row = end - start - 1
            finding = self._step(metric, sign, level, place(rows, row), float(rows.offset[row]))
            if finding is not None:
                found.append((float(rows.offset[row]), finding))
        return found

    def _step(self, metric: str, sign: _Sign, level: float, here: Place, offset: float) -> Finding | None:
        """Judge one level."""
        if sign.firing is not None and level > 2 * self.part * sign.first:
            sign.firing, sign.under = None, 0
            return self.clear(here, metric)
        sign.under = sign.under + 1 if level < self.part * sign.first else 0
        sign.since = here if sign.under == 1 else sign.since
        if sign.under < self.persist or not self._rewards.known(offset):
            return None
        severity = Severity.INFO if self._rewards.better(offset) else Severity.WARNING
        if not severity.exceeds(sign.firing):
            return None
        sign.firing = severity
        share = f"{100 * level / sign.first:.2g}%"
        return self.say(
            Verdict.FIRING,
            severity,
            f"{label(metric)} is {level:.3g}, {share} of what it was at first",
            sign.since,
            metric=metric,
            cause="" if severity is Severity.INFO else _CAUSES[role(metric)],
            advice="" if severity is Severity.INFO else _ADVICE,
            evidence={"first": sign.first, "now": level, **self._rewards.words(offset)},
        )


_CAUSES = {
    ENTROPY: "the policy always does the same, and earns no more than at the beginning",
    LENGTH: "the policy has learned to say nothing, and earns no more than at the beginning",
    SPREAD: "all replies get the same reward, so that there is nothing to learn from",
}
_TOO_FREE = (
    "Go back to a checkpoint from before it began; lower the rate or the entropy bonus, or raise "
    "the KL penalty."
)
_ADVICE = "Go back to a checkpoint from before; look at samples, raise the entropy bonus, or lower the rate."
