"""Thresholds of rules about events, ranks, checkpoints and speed, at their edges; as in test_rules_edges.py."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np
import pytest

from runwatch.alerts.rules.checkpoints.checkpoint_failed import CheckpointFailed
from runwatch.alerts.rules.checkpoints.checkpoint_overdue import CheckpointOverdue
from runwatch.alerts.rules.checkpoints.checkpoint_slow import CheckpointSlow
from runwatch.alerts.rules.life.crash import Crash
from runwatch.alerts.rules.life.disagreement import Disagreement
from runwatch.alerts.rules.life.restart_loop import RestartLoop
from runwatch.alerts.rules.life.retries import Retries
from runwatch.alerts.rules.nonfinite.masked_nan import MaskedNan
from runwatch.alerts.rules.optimization.lost_work import LostWork
from runwatch.alerts.rules.optimization.validation import Validation
from runwatch.alerts.rules.ranks.rank_divergence import RankDivergence
from runwatch.alerts.rules.ranks.silent_rank import SilentRank
from runwatch.alerts.rules.ranks.straggler import Straggler
from runwatch.alerts.rules.speed.data_bound import DataBound
from runwatch.alerts.rules.speed.step_time import StepTime
from runwatch.alerts.rules.speed.throughput import Throughput
from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples, Status

from .columns import END, GRAD, LOSS, TIME, Log
from .edges import Edge, fires_on_one_side

ALIVE = Status(now=0.0)


def log(**columns):
    """Show a run whose columns are functions of what is tried; `steps`, `events` and `restarts` too."""

    def run(rule, x):
        made = {name: f(x) for name, f in columns.items()}
        return Log(**made).judge(rule)

    return run


def happens(*moments, rows=lambda x: 100, end=END, **more):
    """Show a run with events: (kind, row before it, data), or functions of what is tried."""

    def run(rule, x):
        given = [moment(x) if callable(moment) else moment for moment in moments]
        given = [each for part in given for each in (part if isinstance(part, list) else [part])]
        events = [
            Event(kind, int(row) * 100 - 50, int(row), "RuntimeError: it broke", step=int(row), data=data)
            for kind, row, data in given
        ]
        found = Log(loss=np.ones(int(rows(x))), events=events, **{n: f(x) for n, f in more.items()}).judge(
            rule, end=False
        )
        return found + list(rule.tick(end(x) if callable(end) else end))

    return run


def ranks(metric, values, count=4, steps=400):
    """Show a run of ranks, 10 steps at a time; `values` gives (count, steps) of what is tried."""

    def run(rule, x):
        table, found = np.asarray(values(x), float), []
        for low in range(0, table.shape[1], 10):
            for rank in range(len(table)):
                rows = np.arange(low, min(low + 10, table.shape[1]), dtype=float)
                part = Samples(rows * 100, rows + 1, rows, table[rank, low : low + 10])
                found += rule.observe(
                    Block({metric: part}, Samples(rows * 100, rows + 1, rows, rows), rank=rank)
                )
        return found + list(rule.tick(END))

    return run


def apart(factor, count=4, since=100, until=400, steps=400, rank=1):
    """Return what ranks print: 1, and one of them something else for a while."""
    table = np.ones((count, steps))
    table[rank, since:until] = factor
    return table


def voices(silent, least=5, every=10.0):
    """Show four ranks that print now and then, of which one has fallen silent."""

    def run(rule, x):
        row, found = np.ones(1), []
        for number in range(int(least(x)) if callable(least) else least):
            for rank in range(4):
                block = Block(
                    {}, Samples(row, row, row, row), rank=rank, live=True, arrival=1000.0 + every * number
                )
                found += rule.observe(block)
        newest = 1000.0 + every * (number)
        now = newest + silent(x)
        for rank in range(3):
            found += rule.observe(
                Block({}, Samples(row, row, row, row), rank=rank, live=True, arrival=now, late=True)
            )
        return found + list(rule.tick(Status(now=now, phase="training")))

    return run


def pauses(*seconds):
    """Show a run that pauses for saves, each for what is tried or a number of seconds."""

    def run(rule, x):
        clock, found = 1000.0, []
        for row in range(6 * len(seconds)):
            pause = 1.0 if row % 6 else seconds[row // 6]  # a save after each sixth row
            clock += pause(x) if callable(pause) else pause
            at = np.array([float(row)])
            one = Samples(at * 100, at, at, at)
            saved = [Event("checkpoint", row * 100 - 50, 1, "Saving checkpoint")] if not row % 6 else []
            found += rule.observe(Block({}, one, saved, live=True, arrival=clock))
        return found

    return run


def every(distance, count, until):
    """Return checkpoints at a distance, then none until a row."""
    return happens(*[("checkpoint", distance * n, {}) for n in range(1, count + 1)], rows=until)


def error(quiet, kind="traceback", **more):
    """Show an error, and then silence."""
    return happens(
        (kind, 100, {}), end=lambda x: Status(now=0.0, log_silent_for=quiet(x), silent_for=quiet(x), **more)
    )


def steps(*parts):
    return np.concatenate([np.full(int(count), value, float) for value, count in parts])


def tried(count, gain):
    """Show a run that crashes and is restarted at step 50 again and again, and gets a bit further or not."""

    def run(rule, x):
        numbers, restarts, events = list(range(100)), [], []
        for _ in range(int(count(x))):
            restarts.append(len(numbers))
            events.append(Event("traceback", len(numbers) * 100 - 50, 1, "it broke"))
            numbers += range(50, max(numbers) + 1 + int(gain(x)))
        return Log(steps=numbers, restarts=restarts, events=events, loss=np.ones(len(numbers))).judge(rule)

    return run


def back(to, saved=(50, 100), top=120):
    """Show a run with checkpoints that continues from a step after it had come to another one."""

    def run(rule, x):
        events = [Event("checkpoint", int(s) * 100 + 1, int(s), "saved", step=int(s)) for s in saved]
        end = int(top(x)) if callable(top) else top
        numbers = [*range(end + 1), *range(int(to(x)) if callable(to) else to, end + 20)]
        return Log(steps=numbers, restarts=[end + 1], events=events, loss=np.ones(len(numbers))).judge(rule)

    return run


def evaluated(*values, loss=2.0):
    """Show a run that is evaluated every ten rows."""

    def run(rule, x):
        found = [value(x) if callable(value) else value for value in values]
        found = [each for part in found for each in (part if isinstance(part, list) else [part])]
        whole = Log(train__loss=np.full(10 * len(found), loss)).block(0, 10 * len(found))
        rows = np.arange(9.0, 10 * len(found), 10)
        one = Samples(rows * 100, rows + 1, rows, np.array(found, float))
        return list(rule.observe(replace(whole, samples={**whole.samples, "val/loss": one}))) + list(
            rule.tick(END)
        )

    return run


def retried(count, rows=100, apart=1):
    return happens(
        lambda n: [("retry", 10 + apart * i, {}) for i in range(int(count(n)))], rows=lambda n: rows
    )


EDGES = {
    "retries count": Edge(Retries, retried(lambda n: n), 6),
    "retries rows": Edge(Retries, lambda rule, n: retried(lambda _: 6, apart=7 - int(n))(rule, n), 1),
    "retries without a step": Edge(Retries, happens(lambda n: [("retry", 10, {})] * int(n)), 30),
    "retries calm": Edge(
        Retries,
        happens(lambda n: [("retry", 10 + i, {}) for i in range(6)], rows=lambda n: 15 + n),
        51,
        "clear",
    ),
    "disagreement least": Edge(
        Disagreement,
        happens(lambda x: ("disagreement", 5, {"metric": LOSS, "ours": "1", "theirs": repr(1 - x)})),
        0.001,
        "info",
    ),
    "straggler rise": Edge(Straggler, ranks(TIME, apart), 1.1),
    "straggler few": Edge(Straggler, ranks(TIME, lambda x: apart(x, 3)), 1.3),
    "straggler four": Edge(Straggler, ranks(TIME, lambda x: apart(x, 4)), 1.1),
    "straggler of": Edge(Straggler, ranks(TIME, lambda n: apart(2.0, until=100 + 20 * n)), 4),
    "straggler bucket": Edge(Straggler, ranks(TIME, lambda n: apart(2.0, until=169 + n)), 1),
    "straggler keeps up": Edge(Straggler, ranks(TIME, lambda n: apart(2.0, until=400 - 20 * n)), 4, "clear"),
    "straggler z": Edge(
        Straggler,
        ranks(
            TIME,
            lambda x: np.repeat([[exp(0.1)], [exp(-0.1)], [1.0], [exp(0.1)], [exp(-0.1)], [x]], 400, axis=1),
        ),
        exp(0.05 + 0.1 * 6 * 1.4826),  # the median is between 0 and 0.1
    ),
    "rank_divergence differ": Edge(RankDivergence, ranks(GRAD, lambda x: apart(1 + x)), 1e-3, "critical"),
    "rank_divergence same": Edge(
        RankDivergence,
        ranks(
            GRAD,
            lambda x: np.vstack([np.ones((3, 200)), np.r_[np.full(100, 1 + x), np.full(100, 2.0)][None]]),
        ),
        1e-4,
        "critical",
        True,
    ),
    "rank_divergence agreed": Edge(
        RankDivergence, ranks(GRAD, lambda n: apart(2.0, since=int(n))), 20, "critical"
    ),
    "rank_divergence steps": Edge(
        RankDivergence, ranks(GRAD, lambda n: apart(2.0, until=100 + int(n))), 5, "critical"
    ),
    "rank_divergence agrees again": Edge(
        RankDivergence, ranks(GRAD, lambda n: apart(2.0, until=400 - int(n))), 5, "clear"
    ),
    "rank_divergence, half of the losses": Edge(
        RankDivergence,
        ranks(
            LOSS,
            lambda n: np.vstack(
                [np.ones((4, 20)), np.r_[np.ones(10), np.full(10, np.nan)] * np.ones((4 - int(n), 1))]
            ),
        ),
        0,
        "critical",
    ),
    "rank_divergence, losses are finite again": Edge(
        RankDivergence, ranks(LOSS, lambda n: apart(np.nan, until=400 - int(n))), 5, "clear"
    ),
    "silent_rank seconds": Edge(SilentRank, voices(lambda x: x), 120.0, "critical"),
    "silent_rank times": Edge(SilentRank, voices(lambda x: x, every=100.0), 500.0, "critical"),
    "silent_rank least": Edge(SilentRank, voices(lambda x: 300.0, least=lambda n: n), 5, "critical"),
    "checkpoint_failed skips": Edge(CheckpointFailed, lambda rule, n: _quietly(rule, int(n)), 3),
    "checkpoint_failed survive": Edge(
        CheckpointFailed, happens(("error", 10, {"state": "failed"}), rows=lambda n: 10 + n), 3
    ),
    "checkpoint_overdue late": Edge(CheckpointOverdue, every(20, 4, lambda n: n), 120),
    "checkpoint_overdue very_late": Edge(CheckpointOverdue, every(20, 4, lambda n: n), 160, "critical"),
    "checkpoint_overdue gaps": Edge(
        CheckpointOverdue, lambda rule, n: every(20, int(n), lambda _: 300)(rule, n), 4
    ),
    "checkpoint_slow times": Edge(
        CheckpointSlow, pauses(9, 9, 21, 21, 21, lambda x: 1 + x, lambda x: 1 + x), 60.0
    ),
    "checkpoint_slow least": Edge(
        CheckpointSlow, pauses(9, 9, 3, 3, 3, lambda x: 1 + x, lambda x: 1 + x), 32.0
    ),
    "checkpoint_slow persist": Edge(
        CheckpointSlow, lambda rule, n: pauses(9, 9, 2, 2, 2, *[90] * int(n))(rule, n), 2
    ),
    "checkpoint_slow known": Edge(
        CheckpointSlow, lambda rule, n: pauses(9, 9, *[2] * int(n), 90, 90)(rule, n), 3
    ),
    "crash settle": Edge(Crash, error(lambda x: x, fraction=0.5), 5.0, "critical"),
    "crash complete": Edge(
        Crash, lambda rule, x: error(lambda _: 60.0, fraction=x)(rule, x), 0.98, "critical", True
    ),
    "crash survive": Edge(
        Crash,
        happens(
            ("traceback", 50, {}),
            rows=lambda n: 50 + n,
            end=Status(now=0.0, log_silent_for=60.0, fraction=0.5),
        ),
        3,
        "clear",
    ),
    "crash survive, of what leaves no way on": Edge(
        Crash, happens(("killed", 50, {}), rows=lambda n: 50 + n, end=ALIVE), 60, "clear"
    ),
    "crash goes on": Edge(
        Crash,
        happens(
            ("traceback", 50, {"inner": "1", "frames": "x"}),
            rows=lambda n: 50,
            end=lambda n: Status(now=0.0, log_silent_for=60.0, fraction=0.5, lines={"a": 50 + int(n)}),
        ),
        20,
        "critical",
        True,
    ),
    "restart_loop starts": Edge(RestartLoop, tried(lambda n: n, lambda n: 0), 3, "critical"),
    "restart_loop gain": Edge(RestartLoop, tried(lambda n: 3, lambda n: 25 - n), 1, "critical"),
    "lost_work least": Edge(LostWork, back(40, (42, 45), lambda n: 40 + n), 10, "info"),
    "lost_work saved": Edge(LostWork, back(lambda n: 50 - n), 1, "info"),
    "masked_nan zeros": Edge(
        MaskedNan, log(train__loss=lambda n: steps((2.0, 9), (1.9, 1), (0.0, n))), 3, "critical"
    ),
    "masked_nan same": Edge(
        MaskedNan,
        log(train__loss=lambda n: np.r_[np.linspace(3, 2, 400), np.full(int(n) - 1, 2.0)]),
        24,
        "critical",
    ),
    "masked_nan never": Edge(MaskedNan, log(train__loss=lambda n: steps((0.0, n))), 100),
    "validation rise": Edge(Validation, evaluated([2.0] * 20, lambda x: [2 * x] * 3), 1.05, "info"),
    "validation costly": Edge(Validation, evaluated([2.0] * 20, lambda x: [2 * x] * 3, loss=1.0), 1.2),
    "validation jump": Edge(Validation, evaluated([2.0] * 20, lambda x: [2 * x] * 2, loss=1.0), 1.5),
    "validation evals": Edge(Validation, evaluated([2.0] * 20, lambda n: [2.2] * int(n)), 3, "info"),
    "validation part": Edge(Validation, evaluated([2.0] * 56, lambda n: [2.2] * int(n)), 7, "info"),
    "throughput times": Edge(Throughput, log(perf__step_time=lambda x: steps((2.0, 100), (2 * x, 40))), 3.0),
    "throughput rows": Edge(Throughput, log(perf__step_time=lambda n: steps((2.0, 100), (9.0, n))), 5),
    "throughput seconds": Edge(
        Throughput, log(perf__step_time=lambda x: steps((x / 100, 100), (x, 8))), 5 / 7, "warning"
    ),
    "step_time rise": Edge(StepTime, log(perf__step_time=lambda x: steps((1.0, 200), (x, 200))), 1.1, "info"),
    "step_time notable": Edge(StepTime, log(perf__step_time=lambda x: steps((1.0, 200), (x, 200))), 1.24),
    "step_time critical": Edge(
        StepTime, log(perf__step_time=lambda x: steps((10.0, 200), (10 * x, 200))), 2.0, "critical"
    ),
    "data_bound high": Edge(
        DataBound,
        log(perf__step_time=lambda x: steps((1.0, 300)), data_time=lambda x: steps((x, 300))),
        0.2,
        "info",
    ),
    "data_bound times": Edge(
        DataBound,
        log(perf__step_time=lambda x: steps((1.0, 600)), data_time=lambda x: steps((0.15, 300), (x, 300))),
        0.3,
    ),
    "data_bound most": Edge(
        DataBound, log(perf__step_time=lambda x: steps((1.0, 60)), data_time=lambda x: steps((x, 60))), 0.9
    ),
    "tokens fell": Edge(Throughput, log(perf__tokens_per_sec=lambda x: steps((9.0, 100), (9 / x, 40))), 3.0),
}


def _quietly(rule, count):
    """Show saves that were skipped for no error."""
    events = [Event("checkpoint_failed", 100 * n, n, "skipped: busy") for n in range(1, count + 1)]
    return Log(loss=np.ones(100), events=events).judge(rule)


@pytest.mark.parametrize("name", EDGES)
def test_it_fires_on_one_side_of_its_threshold_and_not_on_the_other(name):
    assert fires_on_one_side(EDGES[name])
