"""Which incident leads which: the same, however findings came in."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.alerts.incidents.incidents import IncidentBook
from runwatch.alerts.rules.causes import near
from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine

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


def reported(queues, order):
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
    usual = reported(queues, ())
    assert reported(queues, order) == usual
    shuffle.shuffle(queues)
    assert reported(queues, order) == usual


def test_an_incident_is_not_the_symptom_of_one_that_was_over_before_it():
    spike, slow = (
        findings("grad_spike", 100, Severity.INFO, 20, None),
        findings("nonfinite", 150, Severity.CRITICAL, None, None),
    )
    assert reported([spike, slow], ()) == reported([slow, spike], ())
    assert reported([slow, spike], ())["grad_spike", 100, "resolved"] == ""


def test_a_validation_loss_that_rises_and_its_gap_to_training_are_one_incident_however_far_apart():
    for severity in (Severity.INFO, Severity.WARNING):
        queues = [
            findings("validation", 500, severity, None, None),
            findings("generalization_gap", 9000, Severity.INFO, None, None),
        ]
        assert set(reported(queues, ()).values()) == {"", "validation"}


def test_what_follows_from_a_symptom_is_beneath_its_lead():
    queues = [
        findings("jitter", 120, Severity.WARNING, None, None),
        findings("step_time", 110, Severity.WARNING, None, None),
        findings("retries", 100, Severity.WARNING, None, None),
    ]
    assert set(reported(queues, ()).values()) == {"", "retries"}


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


def deaths():
    """A run that saves, meets sick storage, dies, and goes on from an old checkpoint."""
    lines, rng = [], np.random.default_rng(6)

    def train(low, high, seconds=300.0):
        for step in range(low, high):
            loss = (2.0 + 3 / (1 + step / 50)) * np.exp(0.01 * rng.normal())
            lines.append(
                f"step {step:05d}/02000 ({step / 20:.2f}%) | loss: {loss:.5f} | dt: {seconds:.2f}ms\n"
            )
            if step % 40 == 39:
                lines.append(f"Saved checkpoint to out/model_{step + 1:06d}.pt\n")

    train(0, 300)
    for step in range(300, 330):
        lines.append("urllib3: Retrying in 2 s after: Read timed out\n")
        train(step, step + 1, 1500.0)
    lines.append("Traceback (most recent call last):\n  File x\nOSError: [Errno 5] Input/output error\n")
    lines.append("Resuming from checkpoint out/model_000120.pt\n")
    train(120, 420)
    lines.append("[rank1]: NCCL error: unhandled system error\n")
    lines.append("slurmstepd: error: *** STEP 7.0 ON n1 CANCELLED AT 2030-01-02T03:04:05 ***\n")
    return "".join(lines).encode()


def judged(data, cuts):
    engine, parser = Engine(), StreamParser(tuple(catalogue()))
    engine.add_source("run", "run", "run.jsonl")
    for low, high in pairwise([0, *sorted(cuts), len(data)]):
        engine.fold("run", parser.feed(data[low:high]))
    engine.fold("run", parser.flush())
    engine.finish(4e9)
    rows = [row for _, watched in engine.runs() for row in watched.incidents.every()]
    checkpoints = {(row.rule, row.step): row.evidence.get("last_checkpoint") for row in rows}
    return {**parentage(rows), **checkpoints}


@cache
def in_one_piece(made):
    return judged(made(), ())


@pytest.mark.parametrize(
    ("made", "parts"), [(log, "grad_spike nonfinite"), (deaths, "crash retries lost_work")]
)
@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 60_000), max_size=30))
def test_a_log_gives_the_same_parents_however_it_is_cut(made, parts, cuts):
    data, whole = made(), in_one_piece(made)
    assert set(parts.split()) <= {key[0] for key in whole}
    assert any(whole.values())
    assert judged(data, [cut for cut in cuts if cut < len(data)]) == whole


@pytest.mark.parametrize("made", [log, deaths])
def test_a_log_that_comes_bit_by_bit_gives_the_same_parents(made):
    data = made()
    assert judged(data, range(1000, len(data), 1000)) == in_one_piece(made)


@pytest.mark.parametrize(
    ("cause", "one", "other", "expected"),
    [
        ("loss_spike", 100, 300, True),
        ("loss_spike", 301, 100, False),
        ("loss_spike", 10_000, 10_526, True),
        ("loss_spike", 10_527, 10_000, False),
        ("loss_spike", None, 10_000, True),
        ("divergence", 1, 10_000, True),
    ],
)
def test_what_is_far_apart_has_another_cause_unless_that_lasts(cause, one, other, expected):
    assert near(cause, one, other) is expected
