"""Thresholds of rules about silence, the end, deadlines and checkpoints on disk; as in test_rules_edges.py."""

from __future__ import annotations

import numpy as np
import pytest

from runwatch.alerts.rules.checkpoints.checkpoint_broken import CheckpointBroken
from runwatch.alerts.rules.checkpoints.checkpoint_shrunken import CheckpointShrunken
from runwatch.alerts.rules.checkpoints.checkpoint_space import CheckpointSpace
from runwatch.alerts.rules.life.blind import Blind
from runwatch.alerts.rules.life.ended import Ended
from runwatch.alerts.rules.life.hang import Hang
from runwatch.alerts.rules.optimization.behind_reference import BehindReference
from runwatch.alerts.rules.speed.deadline import Deadline
from runwatch.core import machine as known
from runwatch.core.block import Reference, Status
from runwatch.core.checkpoint import Checkpoint, State, Summary
from runwatch.core.readability import Lost

from .columns import Log
from .edges import Edge, fires_on_one_side
from .watched_machine import T0, machine, watch


def tick(**fields):
    """Look once; a field may be a function of what is tried."""

    def run(rule, x):
        given = {"phase": "training", "last_step": 7, **fields}
        return list(rule.tick(Status(now=T0, **{n: f(x) if callable(f) else f for n, f in given.items()})))

    return run


def silent(phase="training", **more):
    """Look at a run that has printed nothing for as long as is tried."""
    return tick(phase=phase, silent_for=lambda x: x, log_silent_for=lambda x: x, fraction=0.5, **more)


def silent_after(gaps, phase="training"):
    """The same of one whose rows came at distances of some seconds."""

    def run(rule, x):
        rule.observe(Log(loss=np.ones(len(gaps)), perf__step_time=gaps).block(0, len(gaps)))
        return silent(phase)(rule, x)

    return run


def cut(**fields):
    """Look at the end of a log that was read whole."""

    def run(rule, x):
        rule.observe(Log(loss=np.ones(10)).block(0, 10))
        given = {"silent_for": 1e6, "log_silent_for": 1e6, "fraction": 0.5, "live": False, **fields}
        return tick(**given)(rule, x)

    return run


def ended(exit_code=None, **fields):
    """Look at a run whose processes have ended."""

    def run(rule, x):
        under = machine()
        at = fields.get("ended", lambda x: T0 - 1000)(x)
        under.ended = known.Ended(at, exit_code, None)
        given = {"silent_for": 2000.0, "log_silent_for": 2000.0, **fields, "machine": under}
        given.pop("ended", None)
        return tick(**given)(rule, x)

    return run


def late(seconds, deadline, eta, fraction=lambda x: 0.5):
    """Watch a run that has a deadline; times from T0, functions of what is tried."""

    def run(rule, x):
        return watch(
            rule,
            None,
            seconds(x),
            10.0,
            deadline=T0 + deadline(x),
            eta=eta(x),
            fraction=fraction(x),
            finished=False,
        )

    return run


def checkpoint(at, state=State.COMPLETE, **more):
    return Checkpoint(f"{at}", f"/runs/{at}", "torch", state, step=at, **more)


def saved(**fields):
    """Look at what the checkpoints say together."""

    def run(rule, x):
        more = {name: fields[name](x) for name in ("eta", "total", "log_silent_for") if name in fields}
        summary = {n: f(x) if callable(f) else f for n, f in fields.items() if n not in more}
        return list(rule.tick(Status(now=T0, last_step=7, checkpoints=Summary(**summary), **more)))

    return run


def compared(ours, rows=lambda x: 500, count=100):
    """Compare a run with another whose loss is 1; `ours` gives its loss by step and what is tried."""

    def run(rule, x):
        rule.observe(Log(loss=np.ones(int(rows(x)))).block(0, int(rows(x))))
        steps = np.arange(count, dtype=float)
        losses = np.array([ours(step, x) for step in steps])
        return list(
            rule.tick(Status(now=T0, reference=Reference("b", lambda: (steps, losses, np.ones(count)))))
        )

    return run


def blind(rule, x):
    return list(rule.tick(Status(now=T0, blind=Lost("it cannot be read", "look", T0 - x))))


EDGES = {
    "hang unfamiliar": Edge(Hang, silent(), 600.0, "critical"),
    "hang pending": Edge(Hang, silent(), 300.0, "pending"),
    "hang starting": Edge(Hang, silent("starting"), 900.0, "critical"),
    "hang medians": Edge(Hang, silent_after([100.0] * 20), 2000.0, "critical"),
    "hang longest": Edge(Hang, silent_after([1.0, 1.0, 500.0, 1.0, 1.0]), 1500.0, "critical"),
    "hang while it evaluates": Edge(
        Hang, silent_after([1.0, 1.0, 250.0, 1.0], "evaluating"), 750.0, "critical"
    ),
    "hang, the log goes on": Edge(
        Hang, tick(silent_for=lambda x: x, log_silent_for=1.0, fraction=0.5), 1800.0, "critical"
    ),
    "hang, the log is quiet too": Edge(
        Hang, tick(silent_for=700.0, log_silent_for=lambda x: x, fraction=0.5), 300.0, "critical"
    ),
    "hang stopped": Edge(
        Hang,
        lambda rule, n: [
            f
            for t in range(n + 1)
            for f in rule.tick(
                Status(T0 + t, "training", 20.0 + t, 20.0 + t, fraction=0.5, machine=machine(state="stopped"))
            )
        ],
        15,
        "critical",
    ),
    "hang complete": Edge(Hang, cut(fraction=lambda x: x), 0.98, "info", True),
    "hang complete epoch": Edge(Hang, cut(fraction=None, epoch=lambda x: x), 0.98, "info", True),
    "ended settle": Edge(Ended, ended(ended=lambda x: T0 - x, log_silent_for=2000.0), 10.0, "info"),
    "ended quiet": Edge(Ended, ended(log_silent_for=lambda x: x, silent_for=1e4), 10.0, "info"),
    "ended complete": Edge(Ended, ended(fraction=lambda x: x), 0.98, "warning", True),
    "ended behind": Edge(Ended, ended(silent_for=lambda x: 1000 - x), 2.0, "info", True),
    "blind grace": Edge(Blind, blind, 60.0),
    "deadline slack": Edge(Deadline, late(lambda x: 300, lambda x: 8e4, lambda x: 8e4 * x), 1 / 0.98),
    "deadline seconds": Edge(Deadline, late(lambda n: 10 * n, lambda n: 8e4, lambda n: 9e4), 30),
    "deadline near": Edge(
        Deadline, late(lambda x: 300, lambda x: 300 + x, lambda x: 9e4), 3600.0, "critical", True
    ),
    "deadline begun": Edge(Deadline, late(lambda x: 300, lambda x: 8e4, lambda x: 9e4, lambda x: x), 0.02),
    "checkpoint_shrunken part": Edge(
        CheckpointShrunken, saved(last_good=checkpoint(5), size_ratio=lambda x: x), 0.9, "warning", True
    ),
    "checkpoint_shrunken half": Edge(
        CheckpointShrunken, saved(last_good=checkpoint(5), size_ratio=lambda x: x), 0.5, "critical", True
    ),
    "checkpoint_broken intervals": Edge(
        CheckpointBroken,
        saved(
            newest=checkpoint(100, State.DAMAGED),
            broken=checkpoint(100, State.DAMAGED),
            last_good=checkpoint(79),
            interval=lambda x: 21 / x,
        ),
        2.0,
        "critical",
    ),
    "checkpoint_space ahead": Edge(CheckpointSpace, saved(present=2, gaps=1, room=lambda n: int(4 - n)), 3),
    "checkpoint_space none fits": Edge(
        CheckpointSpace, saved(present=2, gaps=1, room=lambda n: int(4 - n)), 4, "critical"
    ),
    "checkpoint_space to the end": Edge(
        CheckpointSpace,
        saved(present=2, gaps=1, room=3, newest=checkpoint(100), interval=10.0, total=lambda n: int(100 + n)),
        40,
    ),
    "checkpoint_space by time": Edge(
        CheckpointSpace,
        saved(
            present=2,
            gaps=1,
            room=3,
            newest=checkpoint(100, written=T0),
            interval_seconds=10.0,
            eta=lambda x: x,
        ),
        40,
    ),
    "checkpoint_space two are there": Edge(
        CheckpointSpace, saved(present=int, gaps=1, room=0), 2, "critical"
    ),
    "checkpoint_space one gap": Edge(CheckpointSpace, saved(present=2, gaps=int, room=0), 1, "critical"),
    "checkpoint_space of now": Edge(
        CheckpointSpace,
        saved(present=2, gaps=1, room=0, log_silent_for=lambda x: x),
        3600.0,
        "critical",
        True,
    ),
    "behind_reference rise": Edge(BehindReference, compared(lambda step, x: x), 1.05),
    "behind_reference grave": Edge(BehindReference, compared(lambda step, x: x), 1.2, "critical"),
    "behind_reference skip": Edge(BehindReference, compared(lambda step, x: 1.1, lambda n: n), 200),
    "behind_reference part": Edge(
        BehindReference, compared(lambda step, n: 1.1 if step >= 400 - n else 1.0, count=400), 20
    ),
    "behind_reference at least 8": Edge(
        BehindReference, compared(lambda step, n: 1.1 if step >= 100 - n else 1.0), 8
    ),
    "behind_reference lowest of them": Edge(
        BehindReference, compared(lambda step, x: x if step == 99 else 1.1), 1.05**0.5
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_it_fires_on_one_side_of_its_threshold_and_not_on_the_other(name):
    assert fires_on_one_side(EDGES[name])
