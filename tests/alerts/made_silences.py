"""Rows, events and silences, as rules about silence and death see them."""

from __future__ import annotations

import numpy as np

from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples, Status

TIME = "perf/step_time"


def rows(low, high, *, seconds=None, every=1, events=(), restarts=(), rank=None, arrival=0.0, offset=None):
    number = np.arange(low, high, dtype=float)
    at = number * 100 if offset is None else offset + np.arange(high - low) * 100.0
    progress = Samples(at, number + 1, number * every, number * every)
    samples = {}
    if seconds is not None:
        samples[TIME] = Samples(at, number + 1, number * every, np.full(high - low, float(seconds)))
    return Block(
        samples, progress, list(events), list(restarts), rank=rank, live=arrival > 0, arrival=arrival
    )


def event(kind, offset, title="it broke", **more):
    return Event(kind, offset, offset // 100 + 1, title, **more)


def only(*events, rank=None):
    return Block({}, None, events, rank=rank)


def quiet(seconds, *, log=None, phase="training", **more):
    more.setdefault("fraction", 0.5)
    return Status(
        now=1000.0 + seconds,
        phase=phase,
        silent_for=seconds,
        log_silent_for=seconds if log is None else log,
        last_step=more.pop("last_step", 99),
        last_line=100,
        **more,
    )


def brief(findings):
    return [(f.verdict.value, f.severity.value) for f in findings]
