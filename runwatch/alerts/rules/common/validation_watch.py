"""What is remembered of one validation loss: its best, where it was, and how the evaluations since went."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import log

import numpy as np

from runwatch.alerts.rules.base import NOWHERE, Place
from runwatch.alerts.rules.baseline import middle
from runwatch.alerts.rules.common.chance import guessing
from runwatch.alerts.rules.common.scatter import Scatter
from runwatch.alerts.rules.common.trend import Course
from runwatch.alerts.rules.common.waves import Waves
from runwatch.core.findings import Severity

LONGEST = 24
"""The most evaluations in a row that a rise must last."""
THREE = 3
"""Newest evaluations whose median is compared, and during which the training loss is."""


@dataclass
class Watch:
    """What is remembered of one validation loss."""

    count: int = 0
    best: float = np.inf
    where: Place | None = None
    at: float = np.inf
    """Where it is, in the log."""
    first: list[float] = field(default_factory=list)
    """The first three evaluations."""
    scored: dict[str, float] = field(default_factory=dict)
    """The highest scores up to the best."""
    scores: tuple[dict[str, float], ...] = ({}, {})
    """The highest scores up to a quarter or more of the evaluations since, and up to half or more."""
    alike: int = 0
    """Evaluations that are exactly the first."""
    low: float = np.inf
    """Lowest median of three evaluations in a row: the best of many is low by chance."""
    untrained: bool = False
    """Whether the best is the first evaluation, before training."""
    train: float = np.nan
    """Median training loss of the three evaluations up to the best."""
    ends: deque[float] = field(default_factory=lambda: deque(maxlen=THREE + 1))
    """Where the newest evaluations were, in the log."""
    behind: int = 0
    """Evaluations since the best."""
    course: Course = field(default_factory=Course)
    """Those."""
    above: int = 0
    """Evaluations in a row that were above the margin."""
    step: float = -np.inf
    begin: float = -np.inf
    """Where this run began, in the log."""
    offset: float = -np.inf
    """Where the newest line was."""
    here: Place = NOWHERE
    """Where the newest evaluation begins."""
    batches: list[float] = field(default_factory=list)
    """What its lines say: of one that takes long a log may print each batch."""
    waits: bool = False
    """Whether it is judged when it is complete."""
    newest: deque[float] = field(default_factory=lambda: deque(maxlen=LONGEST))
    """ln of the newest evaluations."""
    single: Waves = field(default_factory=Waves)
    lasting: Waves = field(default_factory=Waves)
    """Rises of single evaluations, and of as many in a row as a rise must last, that came back."""
    noise: Scatter = field(default_factory=Scatter)
    signed: bool = False
    """Whether it has been below zero: then the newest, and the lowest median, are not in ln."""
    perplexity: bool = False
    """Whether it is exp(loss)."""
    scatters: bool = False
    """Whether what fires is within the noise: only all evaluations since the best show it."""
    firing: Severity | None = None
    reported: float = 0.0
    """Rise, in ln, that was reported last."""
    since: Place | None = None

    @property
    def loss(self) -> float:
        """The best, as a loss."""
        return log(self.best) if self.perplexity else self.best

    @property
    def guesses(self) -> bool:
        """Whether none, of few in a row so far, was better than that of the untrained model, a guess."""
        return self.untrained and self.above < LONGEST and guessing(self.loss) > 0

    def lost(self) -> float:
        """Return how much is lost of what was gained, of a loss that has no ratio."""
        newest = list(self.newest)[-THREE:]
        self.low = min(self.low, middle(newest)) if len(newest) == THREE else self.low
        gained = middle(self.first) - self.low
        return (middle(newest) - self.low) / gained if 0 < gained < np.inf else 0.0
