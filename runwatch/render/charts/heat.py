"""How far a value is from where it should be, as one of five roles: `heat-0`, as it should be, to `heat-4`.

Ranks are judged against their peers: what all of them have is no heat.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence

from runwatch.core import rank_pace

Heat = Callable[[float | None], str]
"""The role of a value; `dim` of one that is not known."""
SILENT = 60.0
"""Seconds without a word after which a rank is worth naming."""
ROLES = tuple(f"heat-{number}" for number in range(5))
_SHARES = {
    "step time": (0.08, 0.15, 1.0, 2.0),  # a straggler is a warning
    "progress": (0.0, 0.05, 0.2, 0.5),
    "gpu": (0.1, 0.2, 0.4, 0.7),
}
"""Parts of the usual by which a value is worse, from which it is of heat 1 to 4."""
_SILENCE = (SILENT / 2, SILENT, 2.5 * SILENT, 5 * SILENT)
_CELSIUS = (75.0, 83.0, 88.0, 93.0)


def among(measure: str, known: Sequence[float], near: float = 0.0) -> Heat:
    """Return how to judge values of a measure among these finite ones; differences up to `near` are none.

    Of a measure that is not known to be bad in one direction nothing is said.
    """
    if not known or measure not in {*_SHARES, "age"}:
        return _neutral
    if measure == "age":
        least = min(known)
        return _judge(_SILENCE, lambda x: x - least)
    if measure == "progress":
        most = max(known)
        return _judge(_SHARES[measure], lambda x: -1.0 if most - x <= near else (most - x) / most)
    usual = rank_pace.usual(known) if measure == "step time" else sorted(known)[len(known) // 2]
    if usual <= 0:
        return _neutral
    sign = 1 if measure == "step time" else -1
    return _judge(_SHARES[measure], lambda x: sign * (x / usual - 1))


def temperature(celsius: float | None) -> str:
    """Return the role of a GPU's temperature."""
    return _judge(_CELSIUS, lambda x: x)(celsius)


def _judge(limits: Sequence[float], distance: Callable[[float], float]) -> Heat:
    def role(x: float | None) -> str:
        if x is None or math.isnan(x):
            return "dim"
        far = distance(x)
        return ROLES[-1 if math.isnan(far) else bisect_right(limits, far)]

    return role


def _neutral(x: float | None) -> str:
    return "dim" if x is None or math.isnan(x) else ROLES[0]
