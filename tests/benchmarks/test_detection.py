"""The detection benchmark: its parts fit together, and it can tell a miss from a detection."""

from __future__ import annotations

import json

import pytest

from benchmarks.detection import __main__ as benchmark
from benchmarks.detection import corpus, report, sweep
from benchmarks.detection.faults import FAULTS
from benchmarks.detection.healthy import SHAPES
from benchmarks.detection.replay import Alarm
from benchmarks.detection.score import Outcome, judge_fault, sound
from runwatch.alerts.rules import CATALOGUE


def test_faults_name_rules_that_exist():
    known = {rule.name for rule in CATALOGUE}
    assert len(FAULTS) >= 80
    assert all(fault.rules <= known for fault in FAULTS.values())
    reported = set().union(*(fault.rules for fault in FAULTS.values()))
    notes = {
        "blind",
        "disagreement",
        "finished",
        "low_mfu",
        "memorised",
        "score_plateau",
    }
    assert known - reported == notes | {
        "behind_reference",
        "checkpoint_failed",
        "generalization_gap",
        "loss_explosion",
        "reward_flat",
        "score_floor",
    }


@pytest.mark.parametrize(
    "name", ["nan_from_a_step_on", pytest.param("disk_becomes_read_only", marks=pytest.mark.deep)]
)
def test_a_fault_is_caught_and_named(name):
    out = judge_fault(FAULTS[name], 0)["runwatch"]
    assert out.caught is not None
    assert out.caught.rule in FAULTS[name].rules
    assert out.cause
    assert out.delay_rows <= 1
    assert out.false == []


def test_the_same_seed_gives_the_same_run():
    one, two = sound("plain", 3), sound("plain", 3)
    assert one.style == two.style
    assert (one.columns["loss"] == two.columns["loss"]).all()


def test_the_first_runs_are_of_every_fault_and_shape():
    tasks = benchmark._tasks(0, 2, "")
    every = len(FAULTS) + len(SHAPES)
    assert len({name for _, name, _ in tasks[:every]}) == every
    assert len(tasks) == 2 * len(FAULTS) + 4 * len(SHAPES)


def test_what_became_of_each_run_is_shown_and_the_rest_may_be_left(capsys):
    tasks = benchmark._tasks(0, 1, "nan_from_a_step_on")
    assert benchmark._judge(tasks, jobs=1, minutes=0) == []
    assert len(benchmark._judge(tasks, jobs=1, minutes=10)) == 1
    assert "1 of 1: nan_from_a_step_on/" in capsys.readouterr().err
    alarm = Alarm("hang", "warning", 7, 0.0, "no progress", sent=True)
    assert report.line(Outcome("a/b", 3, 1.0, 9, false=[alarm])) == "a/b seed 3: 1 false: hang"
    assert report.line(Outcome("a/b", 3, 1.0, 9)) == "a/b seed 3: silent"
    assert report.line(Outcome("a/b", 3, 1.0, 9, fault="a")) == "a/b seed 3: missed"


@pytest.mark.deep
def test_the_sweep_tells_what_a_threshold_changes():
    task = ("fault", "spike_that_recovers_slowly", 0)
    text = sweep.table([task], [sweep.judge_one(task)])
    assert "in 1 runs with a fault and 0 healthy ones" in text
    assert "| divergence | persist | 2 | 1 | 1 | 1 | 0 | 0 | 0 |" in text


def test_a_part_above_one_half_is_scaled_by_what_it_leaves():
    half, double = (sweep.scaled(0.98, factor) for factor in (0.5, 2.0))
    assert (half, double) == pytest.approx((0.96, 0.99))
    assert (sweep.scaled(0.5, 2.0), sweep.scaled(3, 0.5), sweep.scaled(1, 0.5)) == (1.0, 2, 1)


@pytest.mark.deep
def test_no_threshold_is_scaled_above_the_most_it_may_be():
    task = ("fault", "one_rank_is_slow", 0)
    text = sweep.table([task], [sweep.judge_one(task)])
    assert "| straggler | bucket |" in text
    assert "| straggler | of |" not in text, "5 of 5, where 8 of 5 were asked for"


def test_a_corpus_is_judged_by_its_index(tmp_path):
    def log(name, values, health, failure=None, records=1):
        lines = (f"iter {n}: loss {v}, time 250.00ms, mfu 40.00%\n" for n, v in enumerate(values))
        (tmp_path / name).write_text("".join(lines))
        entry = {"path": name, "health": health, "failure": failure, "core": {"records": records}}
        return json.dumps(entry) + "\n"

    fine = [f"{2 + 8 / (n + 1):.4f}" for n in range(60)]
    broken = [*fine[:40], *["nan"] * 20]
    where = {"kind": "nan loss", "step": 40, "line": 41}
    entries = [
        log("fine.log", fine, "healthy"),
        log("alarm.log", broken, "healthy"),
        log("nan.log", broken, "failing", where),
        log("late.log", broken, "failing", {**where, "step": 5, "line": 6}),
        log("other.log", fine, "n/a", {"kind": "a demo", "step": None, "line": None}),
    ]
    (tmp_path / "index.jsonl").write_text("".join(entries))
    first, _, *rest = corpus.table(tmp_path, 1).splitlines()
    assert first.startswith(
        "Of 5 logs: 1 of 2 healthy ones are silent at warning and above; 1 of 2 faults are"
    )
    assert rest == [
        "- alarm.log, healthy: nonfinite (firing): loss is NaN since step 40",
        "- late.log, nan loss: not reported (reported at step 40, line 41)",
    ]
