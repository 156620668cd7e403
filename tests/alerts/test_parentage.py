"""Which incident leads which: the same, however findings came in."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.incidents import IncidentBook
from runwatch.findings import Finding, Severity, Verdict
from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine import Engine

RULES = (
    "nonfinite",
    "lr_anomaly",
    "loss_spike",
    "grad_spike",
    "divergence",
    "plateau",
    "throughput",
    "step_time",
)
LIVES = st.lists(
    st.tuples(
        st.sampled_from(RULES),
        st.integers(0, 400),  # where it begins
        st.sampled_from(list(Severity)),
        st.none() | st.integers(0, 300),  # how long it lasts
        st.none() | st.sampled_from(list(Severity)),  # what it becomes
    ),
    min_size=2,
    max_size=7,
    unique_by=lambda life: life[0],
)


def findings(rule, begin, severity, lasts, later):
    def one(verdict, severity, step):
        return Finding(rule, verdict, severity, rule, step=step, line=step + 1)

    found = [one(Verdict.PENDING, severity, begin), one(Verdict.FIRING, severity, begin)]
    found += [one(Verdict.FIRING, later, begin)] if later else []
    return found + ([] if lasts is None else [one(Verdict.CLEAR, later or severity, begin + lasts)])


def parentage(rows):
    names = {row.id: row.rule for row in rows}
    return {(row.rule, row.step, row.state): names.get(row.lead, row.lead) for row in rows}


def told(queues, order):
    """Apply the queues' findings, the next always from the queue that `order` says."""
    book, queues = IncidentBook("run", "run"), [list(queue) for queue in queues]
    for turn in order:
        if queues[turn % len(queues)]:
            book.apply(queues[turn % len(queues)].pop(0), now=0.0, live=True)
    for queue in queues:
        for finding in queue:
            book.apply(finding, now=0.0, live=True)
    return parentage(book.every())


@settings(max_examples=150, deadline=None)
@given(LIVES, st.lists(st.integers(0, 6), max_size=30), st.randoms(use_true_random=False))
def test_parents_do_not_depend_on_whose_findings_come_first(lives, order, shuffle):
    queues = [findings(*life) for life in lives]
    usual = told(queues, ())
    assert told(queues, order) == usual
    shuffle.shuffle(queues)
    assert told(queues, order) == usual


def test_an_incident_is_not_the_symptom_of_one_that_was_over_before_it():
    spike, slow = (
        findings("grad_spike", 100, Severity.INFO, 20, None),
        findings("nonfinite", 150, Severity.CRITICAL, None, None),
    )
    assert told([spike, slow], ()) == told([slow, spike], ())
    assert told([slow, spike], ())["grad_spike", 100, "resolved"] == ""


def test_what_follows_from_a_symptom_stands_beneath_its_lead():
    queues = [
        findings("jitter", 120, Severity.WARNING, None, None),
        findings("step_time", 110, Severity.WARNING, None, None),
        findings("retries", 100, Severity.WARNING, None, None),
    ]
    assert set(told(queues, ()).values()) == {"", "retries"}


def log():
    rng = np.random.default_rng(5)
    rows = []
    for step in range(1, 701):
        loss, grad, rate, seconds = 2.0 + 3 / (1 + step / 50), 0.5, 1e-3, 0.3
        if 300 <= step < 360:
            loss, grad = loss * 2, grad * 40
        if step >= 305:
            rate *= 20
        if 420 <= step < 520:
            seconds *= 4
        if step >= 600:
            loss, grad = float("nan"), float("nan")
        noise = np.exp(0.02 * rng.normal(size=3))
        rows.append(
            {
                "step": step,
                "loss": loss * noise[0],
                "grad_norm": grad * noise[1],
                "lr": rate,
                "step_time": seconds * noise[2],
            }
        )
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def judged(data, cuts):
    engine, parser = Engine(), StreamParser(tuple(catalogue()))
    engine.add_source("run", "run", "run.jsonl")
    for low, high in pairwise([0, *sorted(cuts), len(data)]):
        engine.fold("run", parser.feed(data[low:high]))
    engine.fold("run", parser.flush())
    engine.finish(4e9)
    return parentage([row for _, watched in engine.runs() for row in watched.incidents.every()])


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 60_000), max_size=30))
def test_a_log_gives_the_same_parents_however_it_is_cut(cuts):
    data = log()
    whole = judged(data, ())
    assert len(whole) > 3
    assert any(whole.values())
    assert judged(data, [cut for cut in cuts if cut < len(data)]) == whole
    assert judged(data, range(1000, len(data), 1000)) == whole
