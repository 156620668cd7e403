"""Pipelines: one run with stages, each with its steps and results; behind the end of one, what goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.checkpoint import Checkpoint, Look, State
from runwatch.core.fold.stages import Header
from runwatch.parsers.events import stages
from runwatch.parsers.log import LogParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views import views
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.engine.views.surroundings import looks
from runwatch.watcher.engine.views.views import Shown
from runwatch.watcher.protocol import IncidentList, Incidents, View
from runwatch.watcher.service.request_handlers import answers
from runwatch.watcher.service.server_api import ServerApi
from runwatch.watcher.sources.member import DIRECTORY, METRICS, WANDB, Member
from runwatch.watcher.sources.sidecar_facts import SidecarFacts


def base(steps: int = 60) -> str:
    return "".join(
        f"step {i:05d}/{steps:05d} ({100 * i / steps:.2f}%) | loss: {5 - i / 20:.6f} | dt: 50.00ms\n"
        for i in range(steps)
    )


def chat(steps: int = 40, validated: bool = True) -> str:
    first = "Step 00000 | Validation loss: 1.500000\n" if validated else ""
    rows = (f"Step {i:05d}/{steps:05d} | Training loss: {2 - i / 40:.6f}| lrm: 1.0\n" for i in range(steps))
    return first + "".join(rows)


END = "Total training time: 0.25m\n"
PIPELINE = (
    "=== Stage 1/3: tokenizer ===\nProcessed 100 documents\n=== Stage 2/3: pretraining ===\n"
    + base()
    + "Saved model file to: out/base_checkpoints/d4/model_000060.pt\n"
    + END
    + "CORE metric: 0.2086\nMMLU accuracy: 25.0%\n=== Stage 3/3: SFT ===\n"
    + chat()
    + END
    + "MMLU accuracy: 31.65%\n2026-11-23 10:00:00,000 - eval - INFO - GSM8K accuracy: 4.17% (55/1319)\n"
)


def folded(text: str, cuts: tuple[int, ...] = (), *, live: bool = False) -> Engine:
    engine, parser, data = Engine(), LogParser(), text.encode()
    engine.add_source("log", "speedrun", "speedrun.log")
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for low, high in pairwise(edges):
        engine.fold("log", parser.feed(data[low:high]), live=live, arrival=1000.0, written=1000.0)
    engine.fold("log", parser.flush(), live=live, arrival=1000.0, written=1000.0)
    if not live:
        engine.finish(2000.0)
    return engine


def stages_of(engine: Engine) -> list[tuple[object, ...]]:
    (run,) = document(engine, 2000.0)["runs"]
    return [(s["name"], s["state"], s["steps"]["records"], s["results"]) for s in run["stages"]]


STAGES = [
    ("pretraining", "finished", 60, {"CORE metric": 0.2086, "MMLU accuracy": 0.25}),
    ("SFT", "finished", 40, {"MMLU accuracy": 0.3165, "GSM8K accuracy": 0.0417}),
]


def test_a_pipeline_is_one_run_with_stages_and_their_results():
    engine = folded(PIPELINE)
    (run,) = document(engine, 2000.0)["runs"]
    assert (run["name"], run["state"], run["steps"]["records"]) == ("speedrun", "finished", 60)
    assert run["results"] == STAGES[1][3]
    assert stages_of(engine) == STAGES
    assert [[c["step"] for c in s["checkpoints"]] for s in run["stages"]] == [[60], []]


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(1, len(PIPELINE)), st.integers(1, len(PIPELINE)), st.integers(1, len(PIPELINE))))
def test_stages_are_the_same_however_the_bytes_come(cuts):
    assert stages_of(folded(PIPELINE, cuts)) == STAGES


def test_a_stage_without_a_header_is_named_by_the_folder_of_its_checkpoints_or_by_its_number():
    saved = "Saved model file to: /data/mid_checkpoints/d4/model_000040.pt\n"
    engine = folded(base() + END + chat() + saved + END)
    assert [name for name, *_ in stages_of(engine)] == ["stage 1", "mid"]


def test_another_launch_of_the_same_training_is_no_stage():
    runs = document(folded(base() + END + base() + END), 2000.0)["runs"]
    assert [(run["name"], run["stages"]) for run in runs] == [("speedrun", []), ("speedrun#2", [])]


@pytest.mark.parametrize(
    "words", ["Training Started", "Starting model training", "TRAINING BEGINS", "Begin training"]
)
def test_a_banner_that_any_training_begins_with_is_no_stage(words):
    banner = f"===== {words} =====\n"
    runs = document(folded(banner + base() + banner + base()), 2000.0)["runs"]
    assert [(run["name"], run["stages"]) for run in runs] == [("speedrun", []), ("speedrun#2", [])]


def test_a_header_makes_a_stage_of_the_same_kind_of_lines():
    (run,) = document(folded(base() + "==> further training\n" + base()), 2000.0)["runs"]
    assert [s["name"] for s in run["stages"]] == ["stage 1", "further training"]


@pytest.mark.parametrize(
    ("name", "trains"), [("chat SFT", True), ("RL", True), ("evaluation", False), ("data preparation", False)]
)
def test_what_is_no_training_is_known_by_its_name(name, trains):
    assert Header(name, 0).trains == trains


def test_banners_of_evaluations_do_not_cut_a_run():
    lines = base(40).splitlines(keepends=True)
    text = "".join(line + ("=== Evaluation ===\n" if i % 10 == 9 else "") for i, line in enumerate(lines))
    (run,) = document(folded(text), 2000.0)["runs"]
    assert (run["steps"]["records"], run["stages"]) == (40, [])


def test_results_are_only_what_is_behind_the_end():
    run = document(folded("val accuracy: 10%\n" + base() + "val accuracy: 20%\n"), 2000.0)["runs"][0]
    assert run["results"] == {"val/accuracy": 0.2}
    running = document(folded(base(60)[: len(base(60)) // 2] + "val accuracy: 20%\n"), 2000.0)["runs"][0]
    assert running["results"] == {}


def phase(engine: Engine, now: float) -> tuple[str, str]:
    snapshot = views.snapshot([Shown(group) for group in engine.groups.values()], View(), now)
    (row,) = snapshot.runs
    return row.phase, row.progress.stage


def test_behind_its_end_a_run_is_evaluating_while_its_log_grows_and_starting_before_the_next_stage():
    before = PIPELINE[: PIPELINE.index("=== Stage 3/3")]
    evaluating = folded(before, live=True)
    assert phase(evaluating, 1010.0) == ("evaluating", "pretraining 2/3")
    assert phase(evaluating, 1100.0) == ("finished", "pretraining 2/3")
    assert phase(folded(before + "=== Stage 3/3: SFT ===\n", live=True), 1010.0) == (
        "starting",
        "pretraining 2/3",
    )
    assert phase(folded(base() + END, live=True), 1010.0) == ("finished", "")


def test_incidents_of_all_stages_are_shown_with_their_stage():
    broken = chat().replace("Training loss: 1.500000", "Training loss: nan")
    engine = folded(base() + END + "=== Stage 2: SFT ===\n" + broken + END + "=== Stage 3: RL ===\n" + base())
    (run,) = document(engine, 2000.0)["runs"]
    assert {row["stage"] for row in run["incidents"] if row["rule"] == "nonfinite"} == {"SFT"}
    (group,) = engine.groups.values()
    view = views.snapshot([Shown(group)], View(), 2000.0).run
    assert view is not None
    assert [stage.name for stage in view.stages] == ["stage 1", "SFT", "RL"]
    assert {row.stage for row in view.incidents if row.rule == "nonfinite"} == {"SFT"}
    server = cast(ServerApi, SimpleNamespace(engine=engine, clock=SimpleNamespace(time=lambda: 2000.0)))
    for asked in (run["name"], run["id"], None):
        (listed,) = answers(server, Incidents(asked, resolved=True))
        assert isinstance(listed, IncidentList)
        assert "nonfinite" in {row.rule for row in listed.incidents}
    former = views.snapshot([Shown(group)], View(run=view.stages[1].id), 2000.0).run
    assert former is not None
    assert (former.id, former.records) == (view.stages[1].id, 40)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b"=== Stage 2/6: hard negatives (70 epochs) ===", "hard negatives"),
        (b"==> mid-train", "mid-train"),
        (b"2026-01-01 10:00:00 - root - INFO - Stage 1: base training", "base training"),
        ("──── Stage 2 — mid-training ────".encode(), "mid-training"),
        (b"[INFO] ZeRO stage 2 optimizer", None),
        (b"=== Epoch 3 ===", None),
        (b"================ Training Loss (Fri May 28 15:43:51 2021) ================", None),  # of losses
        (b"phase 2: loss 0.3", None),
    ],
)
def test_headers(line, name):
    assert stages.stage(line).get("name") == name


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"MMLU accuracy: 31.65%", ("MMLU accuracy", 0.3165)),
        (b"val bpb: 0.8119", ("val/bpb", 0.8119)),
        (b"INFO - Test accuracy = 0.93 (93/100)", ("Test accuracy", 0.93)),
        (b"Minimum validation bpb: 0.8118", None),
        (b"score of the road: long", None),
        (b"metric: accuracy", None),
    ],
)
def test_scores(line, found):
    score = stages.result(line)
    assert ((score["name"], float(score["value"])) if score else None) == found


@pytest.mark.deep
def test_check_shows_the_stages(tmp_path):
    log = tmp_path / "speedrun.log"
    log.write_text(PIPELINE)
    shown = subprocess.run(
        [sys.executable, "-m", "runwatch", "check", str(log), "--ascii"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "stage 1, pretraining: finished" in shown
    assert "results: MMLU accuracy 0.3165, GSM8K accuracy 0.0417" in shown
    done = subprocess.run(
        [sys.executable, "-m", "runwatch", "check", str(log), "--json"], capture_output=True, check=True
    )
    assert len(json.loads(done.stdout)["runs"]) == 1


def test_what_a_tracker_writes_late_is_of_the_stage_that_it_reported_of():
    log, metrics = LogParser(), LogParser()
    rows = [f"{i},{5 - i / 20:.6f},{i / 100}\n" for i in range(60)]
    engine = Engine()
    engine.add_source("log", "speedrun", "speedrun.log", Member(group="runs"))
    engine.add_source("metrics", "speedrun", "metrics.csv", Member(kind=METRICS, group="runs"))

    def fold(source: str, parser: LogParser, text: str) -> None:
        engine.fold(source, parser.feed(text.encode()), live=True, arrival=1000.0, written=1000.0)

    fold("log", log, base())
    fold("metrics", metrics, "step,loss,val_accuracy\n" + "".join(rows[:50]))
    fold("log", log, END + "=== Stage 2: SFT ===\n" + chat())
    fold("metrics", metrics, "".join(rows[50:]))
    first, second = engine.groups["runs"].runs
    assert len(first.run.series["val/accuracy"]) == 60
    assert "val/accuracy" not in second.run.series


def test_a_run_that_is_silent_for_longer_than_its_steps_explain_has_no_eta():
    engine = folded(base(60)[: len(base(60)) // 2], live=True)
    (group,) = engine.groups.values()
    shown = [Shown(group)]

    def eta(now: float) -> float | None:
        return views.snapshot(shown, View(), now).runs[0].progress.eta_seconds

    assert eta(1010.0) is not None
    assert eta(1031.0) is None
    assert document(engine, 1031.0)["runs"][0]["eta_seconds"] is None


def test_a_trackers_run_is_of_the_stage_whose_log_names_it():
    log, tracked = LogParser(), LogParser()
    name = "offline-run-20260101_000000-abcd1234"
    engine = Engine()
    engine.add_source("log", "speedrun", "speedrun.log", Member(group="runs"))
    path = f"/runs/wandb/{name}/run-abcd1234.wandb"
    engine.add_source(path, "speedrun", path, Member(kind=WANDB, group="runs"))
    saved = f"wandb: Run data is saved locally in /runs/wandb/{name}\n"
    text = base() + END + "=== Stage 2: SFT ===\n" + saved + chat() + END + "=== Stage 3: RL ===\n" + base()
    engine.fold("log", log.feed(text.encode()))
    rows = "".join(f"{i},{2 - i / 40:.6f},{i / 100}\n" for i in range(40))
    engine.fold(path, tracked.feed(f"step,loss,val_accuracy\n{rows}".encode()))
    names = [[name for name in watched.run.series if "val" in name] for watched in engine.groups["runs"].runs]
    assert names == [[], ["val/loss", "val/accuracy"], []]


def test_the_message_about_the_end_shows_the_results_of_each_stage():
    engine = folded(PIPELINE, live=True)
    (evaluating,) = looks(engine, 1010.0, "")
    assert (evaluating.phase, evaluating.stage, evaluating.records) == ("evaluating", "SFT 3/3", 100)
    (ended,) = looks(engine, 1100.0, "")
    assert (ended.id, ended.phase) == (evaluating.id, "finished")
    assert ended.metrics()[-2:] == (
        "Results of pretraining: CORE metric 0.2086, MMLU accuracy 0.25",
        "Results of SFT: MMLU accuracy 0.3165, GSM8K accuracy 0.0417",
    )


@pytest.mark.parametrize("looked", ["first", "last"])
def test_each_stage_has_the_checkpoints_that_its_log_names_or_whose_folder_is_called_like_it(looked):
    engine, parser = Engine(), LogParser()
    engine.add_source("log", "speedrun", "speedrun.log", Member(group="runs"))
    engine.add_source("out", "speedrun", "out", Member(kind=DIRECTORY, group="runs"))

    def look() -> None:
        for step, folder in ((60, "base_checkpoints"), (40, "sft_checkpoints")):
            path = f"/runs/out/{folder}/model_{step:06d}.pt"
            seen = Checkpoint(path, path, "torch", State.COMPLETE, step=step)
            engine.look("out", Look(f"/runs/out/{folder}", (seen,), 1), SidecarFacts())

    if looked == "first":
        look()
    text = (
        base()
        + "Saved model to out/base_checkpoints/model_000060.pt\n"
        + END
        + "=== Stage 2: SFT ===\n"
        + chat()
    )
    engine.fold("log", parser.feed((text + END).encode()))
    if looked == "last":
        look()
    (run,) = document(engine, 2000.0)["runs"]
    stages = [[(c["step"], c["state"]) for c in s["checkpoints"]] for s in run["stages"]]
    assert stages == [[(60, "complete")], [(40, "complete")]]
