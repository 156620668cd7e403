"""Thresholds of rules about metrics, at their edges: what fires on one side of each, and does not on the other.

A case makes a run in which what a threshold is about has a given value, most of them without noise, so
that the edge follows from the formula in the rule's documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np
import pytest

from runwatch.alerts.rules.base import Rule
from runwatch.alerts.rules.nonfinite.loss_scale import LossScale
from runwatch.alerts.rules.nonfinite.nonfinite import NonFinite
from runwatch.alerts.rules.nonfinite.skipped_steps import SkippedSteps
from runwatch.alerts.rules.optimization.generalization_gap import GeneralizationGap
from runwatch.alerts.rules.optimization.grad_spike import GradSpike
from runwatch.alerts.rules.optimization.grad_vanish import GradVanish
from runwatch.alerts.rules.optimization.loss_drop import LossDrop
from runwatch.alerts.rules.optimization.loss_explosion import LossExplosion
from runwatch.alerts.rules.optimization.lr_anomaly import LrAnomaly
from runwatch.alerts.rules.optimization.memorised import Memorised
from runwatch.alerts.rules.optimization.oscillation import Oscillation
from runwatch.alerts.rules.optimization.plateau import Plateau
from runwatch.alerts.rules.optimization.resume import Resume
from runwatch.alerts.rules.optimization.score_floor import ScoreFloor
from runwatch.alerts.rules.optimization.score_plateau import ScorePlateau
from runwatch.alerts.rules.optimization.validation import Validation
from runwatch.alerts.rules.speed.low_mfu import LowMfu
from runwatch.core.batch import Event

from .columns import GRAD, LOSS, LR, SCALE, Log
from .edges import sides

SCATTER = 2 * 1.4826 / sqrt(2)
"""Robust deviation that successive differences of a series of +a, -a, +a, ... show, in units of a."""
SWING = 2 / (1.645 * sqrt(2))
"""The same, as the 90th percentile of the differences shows it."""


class Edge(NamedTuple):
    rule: type[Rule]
    run: Callable[[float], Log]
    at: float
    """Where it begins: an int counts, and fires itself; just above a float it fires, just below it does not."""
    what: str = "info"
    """info, warning, critical, or clear."""
    falls: bool = False
    """Whether it is the other way round: it fires below."""


def metric(name, values, **more):
    return Log(**more, **{name.replace("/", "__"): np.asarray(values, float)})


def norms(*parts):
    return metric(GRAD, [value for part in parts for value in part])


def losses(*parts, **more):
    return metric(LOSS, [value for part in parts for value in part], **more)


def rates(*parts, **more):
    return metric(LR, [value for part in parts for value in part], **more)


def times(value, count):
    return [value] * int(count)


def turns(level, width, count):
    """Return values that are in turn above and below a level by a factor of exp(width)."""
    return [level * exp(width * (-1) ** i) for i in range(int(count))]


def again(before, after, name=LR, back=0):
    """Return a run of `before`, and a restart `back` steps back with `after`."""
    steps = [*range(len(before)), *range(len(before) - back, len(before) - back + len(after))]
    return metric(name, [*before, *after], steps=steps, restarts=[len(before)])


def skips(counts, **more):
    return metric("number of skipped iterations", counts, **more)


def events(count, kind="retry", rows=1, **data):
    return Log(
        loss=np.ones(rows), events=[Event(kind, 10, 1, "it failed", data={"count": str(int(count)), **data})]
    )


def lost(back, died=False):
    """Return a run with checkpoints at 50 and 100 that continues from `back` after step 120."""
    saved = [Event("checkpoint", step * 100 + 1, step, "saved", step=step) for step in (50, 100)]
    crash = [Event("traceback", 12099, 120, "it broke")] * died
    steps = [*range(121), *range(int(back), 130)]
    return Log(steps=steps, restarts=[121], events=[*saved, *crash], loss=np.ones(len(steps)))


def validated(held_out, train):
    """Return a run with 64 rows of each training loss, behind which it is evaluated."""
    values = [value for each in held_out for value in (*times(np.nan, 63), each)]
    return losses(*(times(each, 64) for each in train)).set("val/loss", values)


FLAT = times(1.0, 100)
STEP = {  # norms of 1, and what follows
    "grad_spike factor": Edge(GradSpike, lambda x: norms(FLAT, [x]), 5.0),
    "grad_spike z": Edge(GradSpike, lambda x: norms(turns(1, 0.2, 100), [x]), exp(8 * 0.2 * SCATTER)),
    "grad_spike warmup": Edge(GradSpike, lambda n: norms(times(1, n), [9]), 50),
    "grad_spike huge": Edge(GradSpike, lambda x: norms(FLAT, [x]), 100.0, "warning"),
    "grad_spike huge, in noise": Edge(
        GradSpike, lambda x: norms(turns(1, 0.4, 100), [x]), exp(12 * 0.4 * SCATTER), "warning"
    ),
    "grad_spike high": Edge(GradSpike, lambda x: norms(FLAT, times(x, 3)), 10.0, "warning"),
    "grad_spike several": Edge(GradSpike, lambda n: norms(FLAT, times(20, n)), 3, "warning"),
    "grad_spike several in a row": Edge(
        GradSpike, lambda n: norms(FLAT, [20, 20, 9], times(20, n)), 3, "warning"
    ),
    "grad_spike sustained": Edge(GradSpike, lambda n: norms(FLAT, times(20, n)), 10, "critical"),
    "grad_spike fading": Edge(GradSpike, lambda x: norms(FLAT, [1000], times(x, 9)), 100.0, "critical"),
    "grad_spike calm": Edge(GradSpike, lambda n: norms(FLAT, [9], times(4, n)), 20, "clear"),
    "grad_spike calm in a row": Edge(
        GradSpike, lambda n: norms(FLAT, [9], times(1, 19), [9], times(1, n)), 20, "clear"
    ),
    "grad_spike settle": Edge(GradSpike, lambda n: norms(FLAT, times(6, n)), 256, "clear"),
    "grad_vanish factor": Edge(
        GradVanish, lambda x: norms(times(1, 200), times(x, 10)), 1 / 20, "warning", True
    ),
    "grad_vanish z": Edge(
        GradVanish,
        lambda x: norms(turns(1, 0.2, 200), times(x, 10)),
        exp(-8 * 0.2 * SCATTER),
        "warning",
        True,
    ),
    "grad_vanish rows": Edge(GradVanish, lambda n: norms(times(1, 200), times(0.01, n)), 10, "warning"),
    "grad_vanish warmup": Edge(GradVanish, lambda n: norms(times(1, n), times(0.01, 10)), 100, "warning"),
    "grad_vanish zeros": Edge(GradVanish, lambda n: norms(FLAT, times(0, n)), 3, "critical"),
    "grad_vanish zeros from the first": Edge(
        GradVanish, lambda n: norms(times(1, n), times(0, 3)), 3, "critical"
    ),
    "grad_vanish zeros, more than before": Edge(
        GradVanish, lambda n: norms(FLAT, [0, 0, 1], times(0, n)), 9, "critical"
    ),
    "grad_vanish zeros of what is rounded": Edge(
        GradVanish, lambda x: norms(times(x, 100), times(0, 5)), 0.05, "critical"
    ),
    "grad_vanish back": Edge(
        GradVanish, lambda n: norms(times(1, 200), times(0.01, 10), times(0.6, n)), 10, "clear"
    ),
    "grad_vanish back at half": Edge(
        GradVanish, lambda x: norms(times(1, 200), times(0.01, 10), times(x, 10)), 0.5, "clear"
    ),
    "grad_vanish settle": Edge(GradVanish, lambda n: norms(times(1, 200), times(0.01, n)), 512, "clear"),
    "lr_anomaly zeros": Edge(LrAnomaly, lambda n: rates(times(1, 20), times(0, n)), 10, "critical"),
    "lr_anomaly never": Edge(LrAnomaly, lambda n: rates(times(0, n)), 50),
    "lr_anomaly zeros after half the peak": Edge(
        LrAnomaly, lambda x: rates([1.0], times(x, 1), times(0, 10)), 0.5, "critical"
    ),
    "lr_anomaly zeros after a tenth of it": Edge(
        LrAnomaly, lambda x: rates([1.0, 0.01, x], times(0, 10)), 0.1, "critical"
    ),
    "lr_anomaly zeros, three times the least": Edge(
        LrAnomaly, lambda x: rates([1.0, 0.1, x], times(0, 10)), 0.3, "critical"
    ),
    "lr_anomaly jump": Edge(LrAnomaly, lambda x: rates([1.1], times(1, 20), [x]), 3.0, "warning"),
    "lr_anomaly jump above the highest": Edge(
        LrAnomaly, lambda x: rates([2.5], times(1, 20), [x]), 3.75, "warning"
    ),
    "lr_anomaly steady": Edge(LrAnomaly, lambda n: rates([0.9], times(1, n), [9]), 11, "warning"),
    "lr_anomaly end of a warm-up": Edge(LrAnomaly, lambda x: rates(times(1, 20), [x]), 4.0, "warning"),
    "lr_anomaly jump ends": Edge(
        LrAnomaly, lambda x: rates([1.1], times(1, 20), [9], [x]), 1.65, "clear", True
    ),
    "lr_anomaly mismatch": Edge(
        LrAnomaly, lambda x: again(times(1, 100), times(x, 3), back=20), 1.2, "warning"
    ),
    "lr_anomaly mismatch below": Edge(
        LrAnomaly, lambda x: again(times(1, 100), times(x, 3), back=20), 1 / 1.2, "info", True
    ),
    "lr_anomaly half": Edge(
        LrAnomaly, lambda x: again(times(1, 100), [x / 2, x, x], back=20), 1 / 2, "warning", True
    ),
    "lr_anomaly agree": Edge(LrAnomaly, lambda n: again(times(1, 100), times(2, n), back=20), 3, "warning"),
    "loss_drop fall": Edge(LossDrop, lambda x: losses(times(1, 300), times(x, 8)), 0.65, "warning", True),
    "loss_drop z": Edge(
        LossDrop, lambda x: losses(turns(1, 0.1, 300), times(x, 8)), exp(-12 * 0.1 * SCATTER), "warning", True
    ),
    "loss_drop rows": Edge(LossDrop, lambda n: losses(times(1, 300), times(0.5, n)), 8, "warning"),
    "loss_drop warmup": Edge(LossDrop, lambda n: losses(times(1, n), times(0.5, 8)), 200, "warning"),
    "plateau rows": Edge(Plateau, lambda n: losses(times(1, n)), 576),
    "plateau part": Edge(Plateau, lambda n: losses(np.geomspace(4, 1, 4096), times(0.9, n)), 1472),
    "plateau least": Edge(Plateau, lambda x: losses(times(1, 320), times(x, 320)), 1 / 1.005, "info"),
    "plateau guessing": Edge(Plateau, lambda x: losses(times(log(10) * x, 576)), 1.005, "warning", True),
    "plateau guessing, below": Edge(Plateau, lambda x: losses(times(log(10) * x, 576)), 0.995, "warning"),
    "plateau guessing from the first": Edge(
        Plateau, lambda x: losses([log(10) * x], times(log(10), 575)), 2.0, "warning", True
    ),
    "plateau, not a rise": Edge(Plateau, lambda x: losses(times(1, 512), times(x, 64)), 1.05, "info", True),
    "generalization_gap evals": Edge(
        GeneralizationGap, lambda n: validated(times(1, n + 1), [3, *times(0.1, n)]), 6
    ),
    "generalization_gap part": Edge(
        GeneralizationGap,
        lambda n: validated([*np.linspace(3, 1, 20), *times(1, n)], [*times(3, 20), *times(0.1, n)]),
        20,
    ),
    "generalization_gap fall": Edge(
        GeneralizationGap, lambda x: validated([1, *times(1 - x, 7)], [3, *times(0.1, 7)]), 0.02, "info", True
    ),
    "generalization_gap near": Edge(
        GeneralizationGap, lambda x: validated([1, *times(1 + x, 7)], [3, *times(0.1, 7)]), 0.1, "info", True
    ),
    "generalization_gap gap": Edge(
        GeneralizationGap, lambda x: validated(times(0.5, 8), [3, *times(0.5 - x, 7)]), 0.3
    ),
    "validation three": Edge(
        Validation, lambda n: validated([1, *times(1.4, n)], [3, *times(0.3, n)]), 3, "warning"
    ),
    "validation as far as long": Edge(
        Validation, lambda x: validated([1, *times(1 + x, 10)], [3, *times(0.3, 10)]), 0.1, "warning"
    ),
    "validation as long as far": Edge(
        Validation, lambda n: validated([1, *times(1.11, n)], [3, *times(0.3, n)]), 10, "warning"
    ),
    "validation rise": Edge(
        Validation, lambda x: validated([1, *times(1 + x, 24)], [3, *times(0.3, 24)]), 0.05, "warning"
    ),
    "validation of a guess": Edge(
        Validation,
        lambda n: validated([log(10), *times(1.18 * log(10), n)], [3, *times(0.3, n)]),
        24,
        "warning",
    ),
    "validation wasted": Edge(
        Validation,
        lambda n: validated([*times(2, 7), 1, *times(1.4, n)], [*times(3, 8), *times(0.1, n)]),
        8,
        "warning",
    ),
    "validation deep": Edge(
        Validation, lambda x: validated([1, *times(1.4, 3)], [3, *times(x, 3)]), 0.5, "warning", True
    ),
    "validation learned": Edge(
        Validation, lambda x: validated([1, *times(1.4, 4)], [0.4, *times(x, 4)]), 0.34, "warning", True
    ),
    "validation scatter": Edge(
        Validation, lambda x: validated([1, x, 1.44, 1.44], [3, *times(0.3, 3)]), 1.2, "warning"
    ),
    "score_plateau evals": Edge(ScorePlateau, lambda n: metric("val/accuracy", [0.5, *times(0.4, n)]), 8),
    "score_plateau part": Edge(
        ScorePlateau, lambda n: metric("val/accuracy", [*np.linspace(0.1, 0.5, 20), *times(0.4, n)]), 20
    ),
    "score_floor most": Edge(ScoreFloor, lambda x: metric("val/accuracy", times(x, 8)), 0.03, "info", True),
    "score_floor evals": Edge(ScoreFloor, lambda n: metric("val/accuracy", times(0.01, n)), 8),
    "score_floor twice as many": Edge(
        ScoreFloor, lambda n: metric("val/accuracy", times(0.01, n)), 16, "warning"
    ),
    "score_floor rows": Edge(ScoreFloor, lambda n: metric("train/accuracy", times(0.01, n)), 512),
    "score_floor few": Edge(ScoreFloor, lambda n: metric("mAP", times(0.0, n)), 32),
    "score_floor grew": Edge(
        ScoreFloor,
        lambda x: metric("val/accuracy", [*times(0.01, 4), *times(0.01 * x, 4)]),
        1.23,
        "info",
        True,
    ),
    "score_floor fall": Edge(
        ScoreFloor,
        lambda x: metric("val/accuracy", times(0.01, 16)).set(LOSS, [*times(1, 8), *times(x, 8)]),
        0.8,
        "warning",
    ),
    "score_floor rises": Edge(
        ScoreFloor, lambda x: metric("val/accuracy", [*times(0.0, 8), *times(x, 8)]), 0.12, "clear"
    ),
    "loss_explosion times": Edge(
        LossExplosion,
        lambda x: metric("box_loss", [*times(1, 160), *np.repeat(x * 1.5 ** np.arange(4), 16)]),
        25.0,
        "info",
    ),
    "loss_explosion grew": Edge(
        LossExplosion,
        lambda x: metric("box_loss", [*times(1, 160), *np.repeat(100 * np.array([1, x, x, x * x]), 16)]),
        1.2,
        "info",
    ),
    "loss_explosion far": Edge(
        LossExplosion, lambda x: metric("box_loss", [*times(1, 160), *times(x, 64)]), 1000.0, "info"
    ),
    "loss_explosion persist": Edge(
        LossExplosion, lambda n: metric("box_loss", [*times(1, 160), *times(2000, n)]), 64, "info"
    ),
    "loss_explosion huge": Edge(
        LossExplosion, lambda x: metric("box_loss", [*times(1, 160), *times(x, 64)]), 1e4, "warning"
    ),
    "loss_explosion half of the distance": Edge(
        LossExplosion, lambda x: losses(times(1, 48), times(-1, 112), times(x, 64)), 2.0, "warning"
    ),
    "loss_explosion z": Edge(
        LossExplosion,
        lambda x: losses([-1 + 0.2 * (-1) ** i for i in range(160)], times(x, 64)),
        -1 + 10 * 0.4 / (1.645 * 2**0.5),
        "warning",
    ),
    "loss_explosion grave": Edge(
        LossExplosion, lambda x: losses(times(1, 48), times(-1, 112), times(x, 64)), 11.0, "critical"
    ),
    "loss_explosion ends": Edge(
        LossExplosion,
        lambda x: metric("box_loss", [*times(1, 160), *times(2000, 64), *times(x, 16)]),
        1.0,
        "clear",
        True,
    ),
    "memorised part": Edge(
        Memorised,
        lambda x: losses(times(1, 64), times(x, 64)).set("train/epoch", times(5, 128)),
        0.05,
        "info",
        True,
    ),
    "memorised epochs": Edge(
        Memorised, lambda x: losses(times(1, 64), times(0.01, 64)).set("train/epoch", times(x, 128)), 3.0
    ),
    "oscillation least": Edge(
        Oscillation, lambda x: losses(turns(1, 0.01, 112), turns(1, x / SWING, 128)), 0.3
    ),
    "oscillation times": Edge(
        Oscillation, lambda x: losses(turns(1, 0.1 / SWING, 112), turns(1, x / SWING, 128)), 0.4
    ),
    "oscillation persist": Edge(Oscillation, lambda n: losses(turns(1, 0.01, 448), turns(1, 1, n)), 96),
    "oscillation rise": Edge(
        Oscillation, lambda x: losses(turns(1, 0.01, 112), turns(x, 1, 160)), 1.2, "warning"
    ),
    "resume rise": Edge(Resume, lambda x: again(times(1, 100), times(x, 12), LOSS), 1.05, "warning"),
    "resume grave": Edge(Resume, lambda x: again(times(1, 100), times(x, 12), LOSS), 1.5, "critical"),
    "resume rows": Edge(Resume, lambda n: again(times(1, 100), times(2, n), LOSS), 12, "critical"),
    "resume lower": Edge(
        Resume, lambda x: again(times(1, 100), times(x, 12), LOSS, back=20), 1 / 1.05, "info", True
    ),
    "resume z": Edge(
        Resume,
        lambda x: again(turns(1, 0.2, 100), times(x, 12), LOSS),
        exp(6 * 1.2533 * 0.2 * SCATTER * sqrt(1 / 12 + 1 / 64)),
        "warning",
    ),
    "resume known": Edge(Resume, lambda n: again(times(1, n), times(2, 12), LOSS), 32, "critical"),
    "resume settle": Edge(Resume, lambda n: again(times(1, 100), times(2, 12 + n), LOSS), 504, "clear"),
    "resume back": Edge(
        Resume,
        lambda x: again(times(1, 100), [*times(2, 12), *times(x, 12)], LOSS),
        exp(log(1.05) / 2),
        "clear",
        True,
    ),
    "loss_scale halvings": Edge(
        LossScale, lambda n: metric(SCALE, [*times(2**16, 150), 2 ** (16 - n)]), 8, "warning"
    ),
    "loss_scale search": Edge(LossScale, lambda n: metric(SCALE, [*times(2**16, n), 2**6]), 100, "warning"),
    "loss_scale window": Edge(
        LossScale, lambda n: metric(SCALE, [*times(2**16, 150), *times(2**12, 51 - n), 2**8]), 2, "warning"
    ),
    "loss_scale one": Edge(LossScale, lambda x: metric(SCALE, [*times(4, 150), x]), 1.0, "critical", True),
    "loss_scale rises": Edge(
        LossScale, lambda x: metric(SCALE, [*times(2**16, 150), 2**6, 2**6 * x]), 2.0, "clear"
    ),
    "skipped_steps part": Edge(SkippedSteps, lambda x: skips(times(x, 150)), 0.1, "warning"),
    "skipped_steps most": Edge(SkippedSteps, lambda x: skips(times(x, 150)), 0.9, "critical"),
    "skipped_steps search": Edge(SkippedSteps, lambda n: skips(times(1, n)), 150, "critical"),
    "skipped_steps rows": Edge(SkippedSteps, lambda n: skips([*times(0, 150), *times(1, n)]), 10, "warning"),
    "skipped_steps of": Edge(SkippedSteps, lambda n: skips([*times(0, 250), *times(0.9, n)]), 50, "critical"),
    "skipped_steps ends": Edge(
        SkippedSteps, lambda x: skips([*times(1, 150), *times(x, 50)]), 0.05, "clear", True
    ),
    "skipped_steps batches": Edge(SkippedSteps, lambda n: events(n, "skip"), 16, "warning"),
    "skipped_steps many batches": Edge(SkippedSteps, lambda n: events(n, "skip"), 64, "critical"),
    "nonfinite lines": Edge(NonFinite, lambda n: events(n, "nan"), 4, "warning"),
    "nonfinite many lines": Edge(NonFinite, lambda n: events(n, "nan"), 16, "critical"),
    "nonfinite streak": Edge(NonFinite, lambda n: losses([1, np.nan], times(1, n)), 20, "clear"),
    "nonfinite norms": Edge(NonFinite, lambda n: norms([1], times(np.nan, n)), 3, "critical"),
    "nonfinite norms within": Edge(
        NonFinite, lambda n: norms([1, np.nan], times(1, 8 - n), [np.nan, np.nan]), 1, "critical"
    ),
    "nonfinite scale_search": Edge(
        NonFinite,
        lambda n: norms(times(1, n - 2), times(np.inf, 3)).set(SCALE, times(2**16, n + 1)),
        100,
        "critical",
    ),
    "nonfinite scale": Edge(
        NonFinite, lambda x: norms([1], times(np.inf, 1)).set(SCALE, times(x, 2)), 1.0, "warning", True
    ),
    "low_mfu low": Edge(LowMfu, lambda x: metric("perf/mfu", times(x, 192)), 0.2, "info", True),
    "low_mfu least": Edge(LowMfu, lambda x: metric("perf/mfu", times(x, 192)), 0.01),
    "low_mfu rows": Edge(LowMfu, lambda n: metric("perf/mfu", times(0.1, n)), 178),
    "low_mfu ends": Edge(
        LowMfu, lambda x: metric("perf/mfu", [*times(0.1, 178), *times(x, 128)]), 0.3, "clear"
    ),
}


def said(edge, value):
    """Return whether a rule says at least that of a run, and says the same where it comes in pieces."""
    log = edge.run(value)
    found = log.judge(edge.rule())
    cuts = [log.count // 2, max(0, log.count - 9), log.count - 1]
    assert repr(log.judge(edge.rule(), cuts)) == repr(found)
    if edge.what == "clear":
        return any(f.verdict.value == "clear" for f in found)
    order = ("info", "warning", "critical")
    worst = max((order.index(f.severity.value) for f in found if f.verdict.value == "firing"), default=-1)
    return worst >= order.index(edge.what)


@pytest.mark.parametrize("name", STEP)
def test_it_fires_on_one_side_of_its_threshold_and_not_on_the_other(name):
    edge = STEP[name]
    above, below = sides(edge.at)
    assert (said(edge, above), said(edge, below)) == (not edge.falls, edge.falls)
