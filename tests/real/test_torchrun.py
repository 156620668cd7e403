"""torchrun with four gloo ranks and a log per rank, watched from before, within and after its run."""

from __future__ import annotations

from pathlib import Path

import pytest

from .watching import Object, Watched, torchrun, watch

pytestmark = pytest.mark.real


def ranks(tmp_path: Path, what: str, *options: str, ending: str = "finished") -> Watched:
    """Run four ranks that log below `tmp_path`/run."""
    top = tmp_path / "run"
    logs = ("--log-dir", str(top), "--redirects", "3", "--tee", "3")
    launcher = torchrun("--nproc-per-node", "4", *logs, *options)
    return watch(top, "ddp.py", what, launcher=launcher, ending=ending)


def crash(run: Object) -> Object:
    (found,) = (i for i in run["incidents"] if i["rule"] == "crash")
    return found


def losses(run: Object) -> tuple[object, ...]:
    loss = run["metrics"]["train/loss"]
    return tuple(loss[key] for key in ("count", "first", "last", "min", "max"))


def test_four_ranks_are_one_run(tmp_path):
    watched = ranks(tmp_path, "plain")
    assert watched.code == 0
    run = watched.agree()
    assert run["state"] == "finished"
    assert run["steps"] == {"records": 40, "first": 0, "last": 39, "total": 40}
    assert run["ranks"] == {str(rank): {"done": 39, "total": 40} for rank in range(4)}
    assert losses(run) == (40, 1.0, 1.000039, 1.0, 1.000039)
    assert [i for i in run["incidents"] if i["severity"] == "critical"] == []


def test_the_rank_that_raised_is_named(tmp_path):
    watched = ranks(tmp_path, "raise", ending="crashed")
    assert watched.code == 1
    run = watched.agree()
    assert run["state"] == "crashed"
    assert losses(run)[0] in (25, 26)  # rank 0 may or may not have told the step that rank 2 did not
    assert crash(run)["evidence"]["failed_rank"] == 2
    assert "a bad sample on this rank" in crash(run)["title"]
    for reported in (watched.before, watched.during, watched.after):
        assert crash(reported[run["name"]])["evidence"]["failed_rank"] == 2


def test_a_second_attempt_goes_on_in_the_same_run(tmp_path):
    watched = ranks(tmp_path, "retry", "--max-restarts", "1")
    assert watched.code == 0
    run = watched.agree()
    assert run["state"] == "finished"
    assert any("/attempt_1/" in source for source in run["sources"])
    assert (run["steps"]["last"], run["steps"]["total"]) == (39, 40)
    assert {rank["done"] for rank in run["ranks"].values()} == {39}
