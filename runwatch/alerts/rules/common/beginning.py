"""How a run and its series began: whether the log shows it, the first values, and which series came first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from runwatch.alerts.rules.common.context import Recent
from runwatch.core.block import Samples

EARLY = 50
"""Steps from which a first row shows that the run began elsewhere, unless rows are as far apart."""
EARLY_EPOCHS = 5
"""The same where steps are epochs."""


@dataclass
class Beginning:
    """The first values of a series, and the newest."""

    size: int
    first: list[float] = field(default_factory=list)
    since: float = np.inf
    """Offset from which all the first ones are known."""
    recent: Recent = field(default_factory=Recent)

    def push(self, rows: Samples) -> None:
        """Take new rows."""
        self.recent.push(rows)
        missing = self.size - len(self.first)
        self.first += rows.value[:missing].tolist()
        if 0 < missing <= len(rows):
            self.since = float(rows.offset[missing - 1])


def began_elsewhere(steps: Sequence[float], early: float = EARLY) -> bool:
    """Whether the first steps, two where there are as many, are not those of a run's beginning."""
    return len(steps) == 2 and steps[0] > max(early, 2 * (steps[1] - steps[0]))


def continues(step: float, begin: float, highest: float) -> bool:
    """Return whether a restart at `step` continues a run of steps `begin` to `highest`.

    What goes back to the first twentieth is another run, or the same from the start.
    """
    return step > begin + 0.05 * (highest - begin)


def is_among_first(name: str, known: Collection[str], most: int) -> bool:
    """Whether a series is known, or may be since fewer than `most` are."""
    return name in known or len(known) < most
