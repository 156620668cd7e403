"""The difference of two curves and how sure it is."""

from __future__ import annotations

import math

import msgspec


class Gap(msgspec.Struct, frozen=True):
    """How far one curve is above another near the end of what both have; halves are of 95 % ranges."""

    value: float
    """Other minus reference."""
    noise: float
    """Half width by the noise of the two curves."""
    seed: float
    """Half width by what another seed may change."""
    first: float
    """The window, on the axis of the curves."""
    last: float
    level: float
    """Mean of the reference there."""
    repeats: int = 0
    """Further runs of one configuration that show what another seed changes."""

    @property
    def half(self) -> float:
        """Half width of the whole 95 % range."""
        return math.hypot(self.noise, self.seed)

    @property
    def real(self) -> bool:
        """Whether the difference is more than noise."""
        return abs(self.value) > self.half
