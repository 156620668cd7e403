"""Whether a policy still explores, so that what it earns is of chance."""

from __future__ import annotations

from dataclasses import dataclass, field

from runwatch.alerts.rules.common.context import Recent
from runwatch.alerts.rules.common.roles import EXPLORATION, cast
from runwatch.core.block import Block

_ROWS = 32


@dataclass
class Exploration:
    """The newest rates of exploration of a run, as DQN and its kin print them."""

    _rates: Recent = field(default_factory=Recent)

    def push(self, block: Block) -> None:
        """Take the rates of a new block."""
        for part in cast(block.samples, EXPLORATION)[:1]:
            self._rates.push(part.samples)

    def falls(self, offset: float, above: float) -> bool:
        """Return whether at `offset` the rate still falls, and is above so much."""
        rates = self._rates.until(offset, _ROWS).value
        return len(rates) > 1 and bool(above < rates[-1] < rates[0])
