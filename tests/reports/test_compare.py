"""`runwatch compare`: its verdicts on runs with a known truth, its forms, and its errors on one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..cli.command import called
from .trainings import event_file, run, tracked


def compared(*arguments: str | Path) -> dict[str, Any]:
    """Return the document of a comparison."""
    done = called("compare", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["schema"] == 1
    return document


def only(*arguments: str | Path) -> dict[str, Any]:
    """Return the only comparison of a document."""
    (found,) = compared(*arguments)["comparisons"]
    return found


def test_one_seed_twice_is_identical(tmp_path):
    found = only(run(tmp_path / "a", 1, config={}), run(tmp_path / "b", 1, form="records", config={}))
    assert found["verdict"] == "identical"
    assert "identical to a: the same loss at all 600 common steps" in found["sentence"]
    found = only(run(tmp_path / "c", 1), run(tmp_path / "d", 1))
    assert not any("unknown" in each for each in found["details"])


def test_another_seed_is_within_noise(tmp_path):
    found = only(run(tmp_path / "a", 1, config={}), run(tmp_path / "b", 2, config={}))
    assert found["verdict"] == "no difference"
    assert found["better"] is None
    assert found["cause"] == "no reported setting that may matter differs"


def test_one_changed_setting_is_the_likely_cause(tmp_path):
    found = only(
        run(tmp_path / "a", 1, 0.2, config={}), run(tmp_path / "b", 2, config={"learning_rate": 1e-3})
    )
    assert (found["verdict"], found["better"]) == ("lower", True)
    gap = found["gaps"]["step"]
    assert gap["difference"] == pytest.approx(-0.2, abs=gap["half_width"])
    assert "learning rate: it is the likely cause" in found["cause"]
    assert found["evaluations"]["val/loss"]["beyond_noise"]


def test_two_changed_settings_refuse_a_cause(tmp_path):
    config = {"learning_rate": 1e-3, "batch_size": 64}
    found = only(run(tmp_path / "a", 1, config={}), run(tmp_path / "b", 2, 0.2, config=config))
    assert found["verdict"] == "higher"
    assert len(found["variables"]) == 2
    assert "cannot be attributed to any one of them" in found["cause"]


def test_without_a_configuration_nothing_is_said_of_the_cause(tmp_path):
    found = only(run(tmp_path / "a", 1), run(tmp_path / "b", 2, 0.2))
    assert found["verdict"] == "higher"
    assert "nothing is said about the cause" in found["cause"]


def test_other_data_say_that_the_losses_are_not_of_the_same_thing(tmp_path):
    found = only(run(tmp_path / "a", 1, config={}), run(tmp_path / "b", 2, 0.2, config={"dataset": "web"}))
    assert "losses are not of the same thing" in found["cause"]


def test_runs_that_part_say_where(tmp_path):
    first = run(tmp_path / "a", 1, config={})
    lines = (first / "train.log").read_text().splitlines(keepends=True)
    second = run(tmp_path / "b", 2, config={})
    at = next(i for i, line in enumerate(lines) if line.startswith("iter 200:"))
    others = (second / "train.log").read_text().splitlines(keepends=True)
    (second / "train.log").write_text("".join(lines[:at] + others[at:]))
    found = only(first, second)
    assert found["same_until"] == 199
    assert "b equals a up to step 199 and differs from step 200 on" in found["details"]


def test_a_loss_that_became_nan_is_a_failure(tmp_path):
    first, second = run(tmp_path / "a", 1, config={}), run(tmp_path / "b", 2, config={})
    log = second / "train.log"
    lines = log.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("iter 400:"))
    log.write_text(
        "\n".join(
            [*lines[:at], *(f"iter {step}: loss nan, time 100.00ms, mfu 30.00%" for step in range(400, 601))]
        )
    )
    assert only(first, second)["details"][0] == "b failed: its loss is NaN or Inf from step 400 to its end"
    newest = next(
        line for line in called("compare", first, second).stdout.splitlines() if "newest loss" in line
    )
    assert newest.split()[-2] == "NaN"


def test_the_reference_is_chosen_by_name_or_path(tmp_path):
    paths = [run(tmp_path / name, seed, config={}) for seed, name in enumerate("abc")]
    assert compared(*paths)["reference"] == "a"
    assert compared(*paths, "--reference", "b")["reference"] == "b"
    assert compared(*paths, "--reference", paths[2])["reference"] == "c"
    done = called("compare", *paths, "--reference", "x")
    assert (done.returncode, done.stderr) == (2, "runwatch: no such run: x: known runs: a, b, c\n")


def test_a_log_is_compared_with_the_tracker_next_to_it_as_another_run(tmp_path):
    folder = run(tmp_path / "a", 1)
    other = run(tmp_path / "b", 2, 0.3, form="records")
    (folder / "metrics.jsonl").write_bytes((other / "metrics.jsonl").read_bytes())
    found = only(folder / "train.log", folder / "metrics.jsonl")
    assert found["verdict"] == "higher"


def test_a_log_a_tracker_and_an_event_file_are_compared(tmp_path):
    log = run(tmp_path / "log", 1, config={})
    found = compared(
        log, tracked(tmp_path / "wandb", 2, -0.2, learning_rate=1e-3), event_file(tmp_path / "tb", 1)
    )
    of_wandb, of_events = found["comparisons"]
    assert (of_wandb["verdict"], of_wandb["better"]) == ("lower", True)
    assert of_wandb["variables"] == ["learning rate"]
    assert "it is the likely cause" in of_wandb["cause"]
    assert of_events["verdict"] == "identical"  # up to the digits that the log prints
    assert {"step", "time"} <= set(of_wandb["gaps"])
    assert "nothing is said about the cause" in of_events["cause"]


def test_more_runs_than_a_chart_holds_have_several_charts(tmp_path):
    paths = [run(tmp_path / f"run{seed}", seed, config={}) for seed in range(6)]
    page = called("compare", *paths, "--html").stdout
    assert page.count("<svg") == 4  # training and validation, twice each
    assert all(f"run{seed}" in page for seed in range(6))


def test_a_log_named_by_itself_has_the_configuration_next_to_it(tmp_path):
    first, second = (
        run(tmp_path / "a", 1, config={}),
        run(tmp_path / "b", 2, 0.2, config={"optimizer": "sgd"}),
    )
    found = only(first / "train.log", second / "train.log")
    assert found["variables"] == ["optimizer"]


def test_markdown_html_and_text_have_the_verdict_and_escape_names(tmp_path):
    first, second = (
        run(tmp_path / "a", 1, config={}),
        run(tmp_path / "<b>x", 2, config={"optimizer": "<script>"}),
    )
    plain = called("compare", first, second).stdout
    assert "no difference beyond noise between" in plain.lower()
    assert "## Configuration, code and data" in plain
    page = called("compare", first, second, "--html").stdout
    assert "<svg" in page
    assert "<script" not in page
    assert "<b>x" not in page
    written = tmp_path / "out.html"
    assert called("compare", first, second, "-o", written).returncode == 0
    assert written.read_text().startswith("<!DOCTYPE html>")


def test_the_price_of_gpu_hours(tmp_path):
    paths = [run(tmp_path / name, seed, config={"num_gpus": 8}) for seed, name in enumerate("ab")]
    first = compared(*paths, "--price-per-gpu-hour", "2")["runs"][0]
    assert first["gpus"] == 8
    assert first["cost"] == pytest.approx(first["seconds"] / 3600 * 16)


def without_loss(path: Path) -> Path:
    path.write_text(
        "".join(f'{{"step": {step}, "lr": 0.1, "grad_norm": {step % 7}}}\n' for step in range(100))
    )
    return path


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (lambda p, a: [a], 2, "only one run to compare: a: give the path of another one"),
        (lambda p, a: [a, a / "train.log"], 2, "the same file twice"),
        (lambda p, a: [a, p / "nothing"], 3, "no such file or directory"),
        (lambda p, a: [a, empty(p / "empty.log")], 3, "nothing to read"),
        (lambda p, a: [a, empty(p / "words.log", "hello\n")], 3, "no training run recognized"),
    ],
)
def test_what_cannot_be_compared_is_one_line(tmp_path, make, code, said):
    done = called("compare", *make(tmp_path, run(tmp_path / "a", 1)))
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"runwatch: {said}")
    assert done.stderr.count("\n") == 1


def test_a_log_with_two_runs_is_compared_as_two(tmp_path):
    base, both = (run(tmp_path / name, 1) / "train.log" for name in ("base", "both"))
    both.write_text((once := both.read_text()) + "Training complete\n" + once)
    done = called("compare", base, both, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["runs"]) == 3


def empty(path: Path, content: str = "") -> Path:
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: without_loss(p / "b.jsonl"), "b.jsonl has no loss"),
        (
            lambda p: run(p / "b", 2, steps=2),
            "too few records in common: 2 in steps 1 to 2, and 4 or more are needed",
        ),
        (lambda p: run(p / "b", 2, steps=1), "b has 1 finite value of train/loss"),
        (
            lambda p: later(run(p / "b", 2)),
            "no steps in common: a has steps 1 to 600, b has steps 1,001 to 1,600",
        ),
    ],
)
def test_a_run_that_cannot_be_compared_says_why(tmp_path, make, said):
    done = called("compare", run(tmp_path / "a", 1), make(tmp_path), "--json")
    assert done.returncode == 3
    (found,) = json.loads(done.stdout)["comparisons"]
    assert found["verdict"] == "not comparable"
    assert found["problem"] == said


def later(folder: Path) -> Path:
    lines = (folder / "train.log").read_text().splitlines(keepends=True)
    moved = (line.replace("iter ", "iter 1", 1) for line in lines if line.startswith("iter "))
    shifted = [f"iter {int(line.split(':')[0][6:]) + 1000}:{line.split(':', 1)[1]}" for line in moved]
    (folder / "train.log").write_text("".join(shifted))
    return folder
