"""The evidence of a run at rest is what `check` has folded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runwatch.reports.evidence import RunEvidence, gather
from runwatch.reports.facts import sort_facts
from runwatch.watcher.engine.check import check

NOW = 2e9


def _evidence(path: Path) -> RunEvidence:
    (run,) = gather(check([str(path)], now=NOW), NOW)
    return run


def _nanochat(steps: int) -> str:
    lines = (
        f"step {n:05d}/{steps:05d} ({100 * n / steps:.2f}%) | loss: {2 + 3 / (n + 1):.6f} | lrm: 1.00 | "
        f"dt: 500.00ms | tok/sec: 1,000,000 | mfu: 40.00 | total time: {n / 120:.2f}m\n"
        for n in range(steps)
    )
    return "".join(lines)


def test_its_figures_are_those_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(_nanochat(10_000))
    stage = _evidence(log).main
    loss = stage.curves["train/loss"]
    assert (stage.records, stage.first_step, stage.last_step, stage.total) == (10_000, 0, 9_999, 10_000)
    assert (loss.summary.count, loss.summary.first, loss.summary.minimum) == (10_000, 5.0, 2.0003)
    assert not loss.exact
    assert loss.points.count.sum() == 10_000
    assert np.all(np.diff(loss.steps) > 0)
    assert loss.mean == pytest.approx(np.mean([round(2 + 3 / (n + 1), 6) for n in range(10_000)]))
    assert stage.clock is not None
    assert not stage.clock.pauses
    assert stage.clock.at(np.array([6_000.0])) == pytest.approx([3_000.0], abs=4)


def test_dated_lines_are_the_clock_of_each_training(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(
        "".join(
            f"2026-03-01 10:{minute:02d}:{second:02d},000 - INFO - step {minute * 60 + second} loss 2.5 lr 0.01\n"
            for minute in range(10)
            for second in range(0, 60, 2)
        )
    )
    clock = _evidence(log).main.clock
    assert clock is not None
    assert clock.pauses
    assert clock.began is not None
    assert clock.length == 598.0


def test_seconds_of_a_restarted_run_count_what_was_done_over(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    steps = [*range(1, 60), *range(31, 90)]
    log.write_text(
        "".join(
            f"2026-03-01 10:{n // 60:02d}:{n % 60:02d},000 - INFO - step {step} loss 2.5 lr 0.01\n"
            for n, step in enumerate(steps)
        )
    )
    stage = _evidence(log).main
    assert stage.clock is not None
    assert stage.restarts == (31,)
    assert stage.clock.length == 117.0
    assert stage.clock.at(np.array([30.0, 31.0, 89.0])).tolist() == [29.0, 59.0, 117.0]


def test_facts_are_sorted_by_what_they_are_about() -> None:
    facts = sort_facts(
        {
            "config.lr": "0.1",
            "config.dataset": "c4",
            "git/commit": "abc",
            "host": "node1",
            "python": "3.12",
            "summary/val": "0.1",
            "project": "llm",
            "config/name": "large",
        }
    )
    assert dict(facts.settings) == {"config.lr": "0.1", "config/name": "large"}
    assert dict(facts.data) == {"config.dataset": "c4"}
    assert dict(facts.code) == {"git/commit": "abc"}
    assert dict(facts.hardware) == {"host": "node1"}
    assert dict(facts.software) == {"python": "3.12"}
    assert dict(facts.summary) == {"summary/val": "0.1"}
    assert dict(facts.identity) == {"project": "llm"}
