"""Whether evaluations get better: then a training loss that rose is that of harder data, or of a start.

And a validation loss that rose is that of answers of which more are right, but the wrong ones surer.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from runwatch.alerts.rules.baseline import middle
from runwatch.alerts.rules.common.beginning import is_among_first
from runwatch.alerts.rules.common.context import Recent
from runwatch.core.block import Block, Samples
from runwatch.core.metrics import VAL_LOSS, goal, of_held_out

_NEWEST = 3
"""Newest evaluations whose median is compared."""
_RISEN = 1.01
"""Multiple of a score that is more than chance brings."""
_MOST = 8
"""Scores that are followed."""
_PERPLEXITY = re.compile(r"(?i)(?:val(?:id(?:ation)?)?|eval|dev)[/_ ](?:.*[/_ ])?(?:ppl|perplexity)\Z")
_ERROR = re.compile(
    r"(?i)(?:val(?:id(?:ation)?)?|eval|dev)[/_ ]"
    r"(?:n?r?mse|mae|nll|ce|bce|mean[_ ](?:squared|absolute)[_ ]error)\Z"
)
"""Errors of all that is tested, as losses are."""


@lru_cache(maxsize=8192)
def replaces_loss(metric: str) -> bool:
    """Return whether a metric says what a validation loss does, where none is printed."""
    return is_perplexity(metric) or _ERROR.match(metric) is not None


@lru_cache(maxsize=8192)
def is_perplexity(metric: str) -> bool:
    """Return whether a metric is exp of a validation loss."""
    return _PERPLEXITY.match(metric) is not None


def evaluations(samples: Samples, step: float) -> tuple[list[int], float]:
    """Return the finite rows of evaluations of their own, after one of `step`, and the newest step.

    More rows of a step are of its parts: samples, tasks or batches.
    """
    rows = np.flatnonzero(np.isfinite(samples.value))
    steps = np.append(step, samples.step[rows])
    own: list[int] = rows[steps[1:] != steps[:-1]].tolist()
    return own, float(steps[-1])


class Launches:
    """Where launches began with the first step: what is evaluated at the same step then is of another run."""

    def __init__(self) -> None:
        self._first = np.nan
        """The first step."""
        self._begun: list[int] = []
        """Offsets: of those of the newest block, and of the one before."""

    def push(self, block: Block) -> None:
        """Take where the launches of a new block began."""
        if block.progress is None:
            return
        steps, at = block.progress.step, np.searchsorted(block.progress.offset, block.restarts)
        self._first = float(steps[0]) if np.isnan(self._first) else self._first
        begun = [r for r, row in zip(block.restarts, at, strict=True) if (steps[row:] <= self._first)[:1]]
        self._begun = [*self._begun[-1:], *begun]

    def between(self, before: float, offset: float) -> bool:
        """Whether one began after `before`, at or before `offset`."""
        return any(before < begun <= offset for begun in self._begun)


class Evaluations:
    """The validation losses of a run, and the lowest of them up to any place of the newest block."""

    def __init__(self) -> None:
        self._recent = Recent()
        self._before = np.inf
        self._offsets, self._lowest = np.empty(0), np.empty(0)

    def push(self, block: Block) -> None:
        """Take the evaluations of a new block, if it has any."""
        self.take(block.samples.get(VAL_LOSS))

    def take(self, samples: Samples | None) -> None:
        """Take new values of a series of which less is better."""
        self._recent.push(samples)
        if samples is not None:
            self._before = self._lowest[-1] if len(self._lowest) else self._before
            self._offsets = samples.offset
            self._lowest = np.fmin.accumulate(np.append(self._before, samples.value))[1:]

    def lowest(self, offset: float) -> float:
        """Return the lowest one at or before `offset`; infinite if there is none."""
        count = int(np.searchsorted(self._offsets, offset, "right"))
        return float(self._lowest[count - 1] if count else self._before)

    def better(self, than: float, since: float, offset: float) -> bool:
        """Whether the newest ones up to `offset`, since `since`, are lower than `than`, if that is known."""
        newest = self._recent.until(offset, _NEWEST)
        after = newest.value[newest.offset > since].tolist()
        return bool(after) and middle(after) < than < np.inf


class Scores:
    """The scores of held-out data, of which more is better."""

    def __init__(self) -> None:
        self._series: dict[str, Evaluations] = {}
        self._first: dict[str, tuple[float, float]] = {}
        """Offset and value of the first of each."""

    def push(self, block: Block) -> None:
        """Take the scores of a new block."""
        for name, s in sorted(block.samples.items()):
            if of_held_out(name) and goal(name) == "max" and is_among_first(name, self._series, _MOST):
                series = self._series.setdefault(name, Evaluations())
                series.take(Samples(s.offset, s.line, s.step, -s.value))
                self._first.setdefault(name, (float(s.offset[0]), float(s.value[0])))

    def best(self, offset: float) -> dict[str, float]:
        """Return the highest of each up to `offset`."""
        return {name: -series.lowest(offset) for name, series in self._series.items()}

    def risen(self, offset: float) -> bool:
        """Whether the newest of any score, up to `offset`, are higher than its first."""
        return any(self.rising({name: first}, at, offset) for name, (at, first) in self._first.items())

    def rising(self, best: dict[str, float], since: float, offset: float) -> str:
        """Return a score whose newest values up to `offset`, after `since`, are higher than `best`; or ""."""
        known = ((name, level) for name, level in best.items() if level > 0)
        rise = (n for n, level in known if self._series[n].better(-_RISEN * level, since, offset))
        return next(rise, "")
