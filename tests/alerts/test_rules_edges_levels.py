"""Thresholds of rules about a start, a ceiling, players and stalls, at their edges; as in test_rules_edges.py."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest

from runwatch.alerts.rules.nonfinite.masked_nan import MaskedNan
from runwatch.alerts.rules.optimization.above_start import AboveStart
from runwatch.alerts.rules.optimization.clip_saturation import ClipSaturation
from runwatch.alerts.rules.policies.discriminator import Discriminator
from runwatch.alerts.rules.policies.reward_collapse import RewardCollapse
from runwatch.alerts.rules.speed.jitter import Jitter
from runwatch.alerts.rules.speed.stalls import Stalls

from .columns import GRAD, TIME
from .edges import sides
from .test_rules_edges import SCATTER, SWING, Edge, losses, metric, norms, said, times, turns

UNTRAINED = times(3.0, 3)


def part(count):
    """Return 200 norms of which so many are at their ceiling."""
    return [*times(1.0, count), *times(0.5, 200 - count)]


def rewards(*parts):
    return metric("episode_reward_mean", [value for part in parts for value in part])


def around(level):
    """Return rewards that are in turn a tenth above and below a level."""
    return [level + 0.1 * (-1) ** i for i in range(64)]


def judges(*parts):
    return metric("loss_D", [value for part in parts for value in part])


def stalled(size, rows, count=460):
    """Return times of 1 s, in some rows of a given size."""
    values = np.ones(count)
    values[list(rows)] = size
    return metric(TIME, values)


def now_and_then(number, short=8, long=10):
    """Return rows at which so many stalls are, at two distances in turn."""
    return 303 + np.cumsum([short if i % 2 else long for i in range(int(number))])


def masked(*values):
    """Return a loss that is zero at its end, where the norm of the gradients is NaN."""
    return losses(values, times(0.0, 3)).set(GRAD, [*times(1.0, len(values)), *times(np.nan, 3)])


ODD = (320, 323, 331, 345, 350, 367, 371, 380, 382, 389, 395, 398, 403, 406)
"""Rows at no distance that comes again."""
EDGES = {
    "above_start rise": Edge(AboveStart, lambda x: losses(UNTRAINED, times(3 * x, 77)), 1.1),
    "above_start z": Edge(
        AboveStart, lambda x: losses(UNTRAINED, turns(3 * x, 0.1, 150)), exp(3.4 * 0.1 * SWING)
    ),
    "above_start grave": Edge(AboveStart, lambda x: losses(UNTRAINED, times(3 * x, 5)), 2.0, "warning"),
    "above_start grave, and lasts": Edge(
        AboveStart, lambda x: losses(UNTRAINED, times(3 * x, 150)), 2.0, "critical"
    ),
    "above_start persist": Edge(AboveStart, lambda n: losses(UNTRAINED, times(4, n)), 45),
    "above_start likelihood": Edge(AboveStart, lambda x: losses(times(x, 3), times(9, 150)), 2.0, "critical"),
    "above_start fallen": Edge(AboveStart, lambda x: losses(UNTRAINED, times(5, 29), times(5 * x, 64)), 0.8),
    "above_start epochs": Edge(
        AboveStart,
        lambda x: losses(UNTRAINED, times(4, 93)).set("train/epoch", np.linspace(0, x, 96)),
        20.0,
        "warning",
    ),
    "clip_saturation many": Edge(ClipSaturation, lambda n: norms(part(50), part(n)), 191),
    "clip_saturation few": Edge(ClipSaturation, lambda n: norms(part(n), part(200)), 100, falls=True),
    "clip_saturation ends": Edge(
        ClipSaturation, lambda n: norms(part(50), part(200), part(n)), 100, "clear", True
    ),
    "discriminator part": Edge(
        Discriminator, lambda x: judges(times(1, 64), times(x, 256)), 0.01, "info", True
    ),
    "discriminator rows": Edge(
        Discriminator, lambda n: judges(times(1, 64), (5 * [*times(1e-4, 39), 1])[: int(n)]), 192
    ),
    "discriminator soon": Edge(Discriminator, lambda n: judges(times(1, 64), times(1e-4, n)), 64),
    "discriminator rise": Edge(
        Discriminator,
        lambda x: judges(times(1, 64), times(1e-4, 256)).set("loss_G", [*times(1, 64), *times(x, 256)]),
        1.25,
        "warning",
    ),
    "discriminator real": Edge(
        Discriminator, lambda x: judges(times(x, 64), times(x * 1e-4, 256)), 0.05, "info"
    ),
    "discriminator back": Edge(
        Discriminator, lambda x: judges(times(1, 64), times(1e-4, 256), times(x, 256)), 0.05, "clear"
    ),
    "masked_nan early": Edge(
        MaskedNan, lambda n: losses(times(0.0, n)).set(GRAD, times(np.nan, int(n))), 10, "critical"
    ),
    "masked_nan above": Edge(MaskedNan, lambda x: masked(0.998 * x, 0.999 * x, x), 0.05, "critical"),
    "masked_nan learnt": Edge(
        MaskedNan,
        lambda x: losses([2, 1.9], times(0.0, 3)).set("val/loss", [1.0, 1.0, 1.0, x, x]),
        0.97,
        "critical",
    ),
    "masked_nan coarse": Edge(
        MaskedNan, lambda x: losses([2.0, 2.0 * (1 + x)] * 25, times(2.0, 30)), 0.005, "critical", True
    ),
    "masked_nan longest": Edge(
        MaskedNan,
        lambda n: losses(
            np.linspace(2.6, 2.56, 30), times(2.5, 10), np.linspace(2.4, 2.36, 30), times(2.0, n)
        ),
        40,
        "critical",
    ),
    "masked_nan changes": Edge(
        MaskedNan, lambda n: losses(np.linspace(2.2, 2.1, int(n)), times(2.0, 24)), 23, "critical"
    ),
    "masked_nan others": Edge(
        MaskedNan,
        lambda n: losses(np.linspace(2.2, 2.1, 90), times(2.0, 24), np.linspace(1.9, 1.8, int(n))),
        3,
        "clear",
    ),
    "masked_nan others than zero": Edge(
        MaskedNan, lambda n: losses([2, 1.9], times(0.0, 3), np.linspace(1.9, 1.8, int(n))), 3, "clear"
    ),
    "masked_nan last digit": Edge(MaskedNan, lambda x: masked(2, 1, x, 2 * x, 1), 0.01, "critical"),
    "masked_nan last digit, repeated": Edge(
        MaskedNan, lambda x: masked(2, 1, x, x, x, 3 * x, 2 * x, 1), 0.01, "critical"
    ),
    "masked_nan fell to its last digits": Edge(
        MaskedNan, lambda x: masked(2, 1, 0.5, 0.502, x), 0.02, "critical"
    ),
    "masked_nan fell to little": Edge(MaskedNan, lambda x: masked(2, 1, 0.5, 0.55, x), 0.1, "critical"),
    "reward_collapse part": Edge(
        RewardCollapse, lambda x: rewards(times(0, 32), times(1, 64), times(x, 128)), 0.5, "info", True
    ),
    "reward_collapse z": Edge(
        RewardCollapse,
        lambda x: rewards(around(0.0), around(1.0), around(x), around(x)),
        1 - 3 * 0.1 * SCATTER,
        "info",
        True,
    ),
    "reward_collapse persist": Edge(
        RewardCollapse, lambda n: rewards(times(0, 32), times(1, 64), times(0.1, n), times(1, 16)), 65
    ),
    "reward_collapse at the end": Edge(
        RewardCollapse, lambda n: rewards(times(0, 32), times(1, 64), times(0.1, n)), 48
    ),
    "reward_collapse, no gain": Edge(
        RewardCollapse, lambda x: rewards(times(1, 64), times(x, 128)), 0.8, "info", True
    ),
    "jitter times": Edge(Jitter, lambda x: stalled(x, ODD), 1.8),
    "jitter part": Edge(Jitter, lambda n: stalled(6.0, ODD[: int(n)]), 7),
    "jitter cost": Edge(Jitter, lambda x: stalled(x, ODD[:7]), 1 + 0.08 / 0.92 * 128 / 7),
    "jitter notable": Edge(Jitter, lambda x: stalled(x, ODD[:7]), 1 + 0.25 * 128 / 7, "warning"),
    "jitter persist": Edge(Jitter, lambda n: stalled(6.0, ODD[:7], n), 394),
    "stalls times": Edge(Stalls, lambda x: stalled(x, now_and_then(4)), 4.0),
    "stalls cost": Edge(Stalls, lambda x: stalled(x, now_and_then(4, 12, 14)), 1 + 38 / 9),
    "stalls count": Edge(Stalls, lambda n: stalled(20.0, now_and_then(n)), 4),
    "stalls many": Edge(Stalls, lambda n: stalled(20.0, now_and_then(n, 8, 12)), 8, "warning"),
    "stalls end": Edge(
        Stalls, lambda n: stalled(20.0, now_and_then(4), int(now_and_then(4)[-1] + n)), 27, "clear"
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_it_fires_on_one_side_of_its_threshold_and_not_on_the_other(name):
    edge = EDGES[name]
    above, below = sides(edge.at)
    assert (said(edge, above), said(edge, below)) == (not edge.falls, edge.falls)
