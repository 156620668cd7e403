"""`runwatch tail DIR`: ranks are one run, new files are found, a killed reader goes on."""

from __future__ import annotations

import json

import pytest

from ..checkpoints.made import archive
from .command import called
from .live import Follower, Log


def log_of(directory, name: str) -> Log:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return Log(path)


def test_logs_of_ranks_are_one_run_and_new_files_join_it(tmp_path):
    first = [log_of(tmp_path, f"job/none_ab/attempt_0/{rank}/stdout.log") for rank in (0, 1)]
    for log in first:
        log.steps(50)
    with Follower(tmp_path, "--interval", "0.05") as follower:
        run = follower.until(lambda o: o["type"] == "run")
        assert (run["run"], run["sources"]) == ("job", [str(log.path) for log in first])
        assert follower.records(50)["step"] == 49
        reader = next(p for p in follower.family() if "runwatch.watcher.ingest.worker" in p.cmdline())
        reader.kill()
        first[0].steps(3)
        assert follower.records(53)["step"] == 52
        again = log_of(tmp_path, "job/none_ab/attempt_1/0/stdout.log")
        again.step = 40
        again.steps(5)
        assert follower.records(58)["step"] == 44
        assert [o["run"] for o in follower.seen if o["type"] == "run"] == ["job"]


def test_an_empty_directory_can_be_waited_for(tmp_path):
    with Follower(tmp_path, "--wait", "--interval", "0.05") as follower:
        log = log_of(tmp_path, "train.log")
        log.steps(4)
        assert follower.until(lambda o: o["type"] == "run")["run"] == tmp_path.name
        follower.records(4)


def test_a_crash_on_any_rank_is_heard_at_once(tmp_path):
    logs = [log_of(tmp_path, f"rank_{rank}.log") for rank in (0, 1)]
    for log in logs:
        log.steps(50)
    with Follower(tmp_path, "--interval", "0.05") as follower:
        follower.records(50)
        logs[1].write(
            'Traceback (most recent call last):\n  File "x"\ntorch.OutOfMemoryError: CUDA out of memory.\n'
        )
        assert follower.incident("crash")["incident"]["evidence"]["failed_rank"] == 1


@pytest.mark.deep
def test_a_run_that_is_renamed_keeps_its_id_and_ends(tmp_path):
    log = log_of(tmp_path, "first/lr1/train.log")
    log.steps(30, total=60)
    with Follower(tmp_path, "--interval", "0.05", "--exit") as follower:
        run = follower.until(lambda o: o["type"] == "run")
        assert run["run"] == "lr1"
        other = log_of(tmp_path, "second/lr1/train.log")
        other.steps(30, total=60)
        renamed = follower.until(lambda o: o["type"] == "renamed")
        assert (renamed["id"], renamed["former"], renamed["run"]) == (run["id"], "lr1", "first/lr1")
        follower.until(lambda o: o["type"] == "run" and o["run"] == "second/lr1")
        for each in (log, other):
            each.steps(30, total=60)
            each.write("Training finished.\n")
        assert follower.end() == 0
    begun = {o["id"] for o in follower.seen if o["type"] == "run"}
    ended = {o["id"]: o["run"] for o in follower.seen if o["type"] == "end"}
    assert (len(begun), set(ended)) == (2, begun)
    assert sorted(ended.values()) == ["first/lr1", "second/lr1"]
    assert {o["summary"]["id"] for o in follower.seen if o["type"] == "end"} == begun


@pytest.mark.deep
def test_the_preferred_source_leads_in_check_and_tail_alike(tmp_path):
    Log(tmp_path / "train.log").steps(100)
    rows = "".join(f"{n},9.5\n" for n in range(120))
    (tmp_path / "metrics.csv").write_text("step,loss\n" + rows)
    config = tmp_path / "runwatch.toml"
    for prefer, loss in (("log", 2.5), ("metrics", 9.5)):
        config.write_text(f'[sources]\nprefer = ["{prefer}"]\n')
        (run,) = json.loads(called("check", tmp_path, "--json", "--config", config).stdout)["runs"]
        assert run["metrics"]["train/loss"]["last"] == loss
        with Follower(tmp_path, "--interval", "0.05", "--config", config) as follower:
            body = follower.until(lambda o: o["type"] == "progress" and "train/loss" in o["metrics"])
            assert body["metrics"]["train/loss"] == loss


def test_a_directory_per_checkpoint_is_one_checkpoint_with_its_step(tmp_path):
    log_of(tmp_path, "train.log").steps(600)
    for step, size in ((250, None), (500, 300)):
        weights = tmp_path / f"step_{step:06d}" / "model.pt"
        weights.parent.mkdir()
        weights.write_bytes(archive()[:size])
    (run,) = json.loads(called("check", "--json", tmp_path).stdout)["runs"]
    assert [(row["step"], row["complete"]) for row in run["checkpoints"]] == [(250, True), (500, False)]
    good, cut = run["checkpoints"]
    assert (good["state"], good["reason"], good["kind"]) == ("complete", "", "torch")
    assert (cut["state"], cut["reason"]) == ("writing", "model.pt stops short: no end of the zip archive")
    assert run["sources"] == [str(tmp_path / "train.log"), str(tmp_path)]
