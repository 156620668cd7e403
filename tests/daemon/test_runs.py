"""`runwatch runs`: what was watched, with a daemon and without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runwatch.watcher.service.run_reports import key_of

from ..cli.live import Log
from .live import Daemon, Peer, Place, until


def listed(place: Place, *words: str) -> list[dict]:
    """Return the runs of the JSON document."""
    done = place.run("runs", *words, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)["runs"]


def test_runs_are_listed_while_they_are_watched_and_after(tmp_path: Path):
    ended, running = Log(tmp_path / "ended.log"), Log(tmp_path / "running.log")
    ended.steps(100, total=100)
    running.steps(50, total=5000)
    with Daemon(tmp_path, ended.path, running.path) as daemon:
        with Peer(daemon.socket) as peer:
            until(lambda: peer.step("running") == 49)
        runs = until(
            lambda: {run["name"]: run for run in listed(daemon)} if len(listed(daemon)) == 2 else None
        )
        assert (runs["ended"]["step"], runs["ended"]["total"]) == (99, 100)
        assert runs["running"]["phase"] == "training"
        assert runs["ended"]["best_metric"] == "train/loss"
        assert runs["ended"]["best"] <= runs["ended"]["loss"]
        assert [run["name"] for run in listed(daemon, "RUNNING")] == ["running"]
    place = Place(tmp_path)
    reports = place.state / "reports"
    reports.mkdir()
    report = reports / f"ended-{key_of(runs['ended']['id'])}.html"
    report.write_text("x")
    after = {run["name"]: run for run in listed(place)}
    assert after["running"]["phase"] == "unwatched"  # it may have ended since
    assert after["ended"]["step"] == 99
    assert after["ended"]["report"] == str(report)
    shown = place.run("runs").stdout
    assert "UNWATCHED" in shown
    assert str(report) in shown
    assert shown.endswith("no daemon is running: this is what it knew last\n")


def test_a_run_of_another_log_with_the_same_name_is_not_the_one_that_is_watched(tmp_path: Path):
    for number, folder in enumerate(("old", "new"), 1):
        (tmp_path / folder).mkdir()
        log = Log(tmp_path / folder / "lm.log")
        log.steps(50, total=5000)
        with Daemon(tmp_path, log.path) as daemon:
            with Peer(daemon.socket) as peer:
                until(lambda: peer.step("lm") == 49)
            runs = until(lambda number=number: found if len(found := listed(daemon)) == number else None)
    phases = {Path(run["sources"][0]).parent.name: run["phase"] for run in runs}
    assert phases == {"old": "unwatched", "new": "training"}


def test_without_a_state_it_says_what_to_do(tmp_path: Path):
    done = Place(tmp_path).run("runs")
    assert (done.returncode, done.stdout) == (
        0,
        "no run was watched yet: start the daemon with runwatch watch -d PATH\n",
    )
    assert not (tmp_path / "state").exists()


@pytest.mark.deep
def test_words_that_fit_no_run_are_an_error(tmp_path: Path):
    log = Log(tmp_path / "lm.log")
    log.steps(100, total=100)
    with Daemon(tmp_path, log.path) as daemon:
        until(lambda: listed(daemon))
    done = Place(tmp_path).run("runs", "nothing")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "runwatch: no such run: nothing: known runs: lm\n"
