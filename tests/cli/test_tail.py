"""`runwatch tail --headless --json` on files that grow, rotate, finish and crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from ..alerts.slack_server import SlackServer
from .command import called
from .live import WAIT, Follower, Log


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path / "train.log")
    made.steps(50)
    return made


def test_history_growth_and_rotation(log, tmp_path):
    with Follower(log.path, "--interval", "0.05") as follower:
        run = follower.until(lambda o: o["type"] == "run")
        sources = [str(log.path)]
        assert run.pop("id") == f"{log.path}#1"
        assert run == {"type": "run", "run": tmp_path.name, "format": "nanochat", "sources": sources}
        progress = follower.records(50)
        assert (progress["step"], progress["total"], progress["phase"]) == (49, 10_000, "training")
        assert progress["metrics"]["train/loss"] == 2.5
        log.steps(25)
        assert follower.records(75)["step"] == 74
        log.write("step 00075/10000 (0.10%) | lo")
        log.write("ss: 1.5\nstep 00076/10000 (0.10%) | loss: 1.25\n")
        assert follower.records(77)["metrics"]["train/loss"] == 1.25
        # Rotation and truncation lose nothing and repeat nothing.
        log.path.rename(tmp_path / "train.log.1")
        log.step = 77
        log.steps(10)
        follower.records(87)
        with log.path.open("r+") as file:
            file.truncate(0)
        log.steps(7)
        follower.records(94)
        new = tmp_path / "new"
        new.write_text("".join(f"step {s:05d}/10000 (0.10%) | loss: 3.0\n" for s in range(94, 97)))
        new.replace(log.path)
        assert follower.records(97)["step"] == 96


@pytest.mark.parametrize(
    ("named", "meant"),
    [("typo.log", "; did you mean train.log?"), ("train2.log", ""), ("other.jsonl", "")],
)
def test_a_file_that_does_not_exist_is_reported_and_the_one_that_may_be_meant(log, tmp_path, named, meant):
    done = called("tail", named, "--headless", cwd=tmp_path)
    why = meant.removeprefix("; ") or "check the path"
    assert done.stderr == f"runwatch: no such file or directory: {named}: {why} (--wait waits for it)\n"
    with Follower(tmp_path / named, "--wait") as follower:
        follower.says(f"no such file: {named}; waiting for it{meant}")


def test_of_several_logs_only_one_with_a_similar_name_is_meant(tmp_path):
    for name in ("random.log", "train.log"):
        (tmp_path / name).write_text("no step\n")
    for named, why in (("nosuch.log", "check the path"), ("trian.log", "did you mean train.log?")):
        done = called("check", named, cwd=tmp_path)
        assert done.stderr.endswith(f"no such file or directory: {named}: {why}\n")


def test_the_only_text_of_a_directory_is_not_meant_by_any_name(tmp_path):
    (tmp_path / "notes.txt").write_text("no step\n")
    for named, why in (("nothere.log", "check the path"), ("notse.log", "did you mean notes.txt?")):
        done = called("check", named, cwd=tmp_path)
        assert done.stderr.endswith(f"no such file or directory: {named}: {why}\n")


@pytest.mark.deep
def test_polling_sees_growth_too(log):
    with Follower(log.path, "--interval", "0.05", "--poll") as follower:
        follower.records(50)
        log.steps(1)
        follower.records(51)


@pytest.mark.deep
def test_a_file_that_comes_later(tmp_path):
    log = Log(tmp_path / "later.log")
    with Follower(log.path, "--interval", "0.05", "--wait") as follower:
        log.steps(3)
        follower.records(3)


@pytest.mark.deep
def test_nan_fires_at_once_and_resolves(log):
    with Follower(log.path, "--interval", "3600") as follower:
        follower.records(50)
        log.steps(1, loss="nan")
        incident = follower.incident("nonfinite")["incident"]
        assert (incident["metric"], incident["step"], incident["line"]) == ("train/loss", 50, 51)
        log.steps(25)
        resolved = follower.incident("nonfinite", "resolved")["incident"]
        assert (resolved["step"], resolved["resolved_step"], resolved["state"]) == (50, 51, "resolved")


def test_finished_run_ends_with_zero(log, tmp_path):
    log.write("Total training time: 1.00m\n")
    with Follower(log.path, "--exit") as follower:
        assert follower.end() == 0
        end = follower.seen[-1]
        summary = end.pop("summary")
        assert end.pop("id") == f"{log.path}#1"
        assert end == {"type": "end", "run": tmp_path.name, "state": "finished", "exit_code": 0}
        assert (summary["name"], summary["steps"]["last"]) == (tmp_path.name, 49)
        assert summary["metrics"]["train/loss"]["count"] == 50


def test_crashed_run_ends_with_one_and_its_history_is_shown_as_it_ended_but_not_sent(log):
    log.steps(3, loss="nan")
    log.steps(40)
    log.write("Traceback (most recent call last):\n  File 'x'\nRuntimeError: boom\n")
    week_ago = time.time() - 7 * 86_400
    os.utime(log.path, (week_ago, week_ago))
    with SlackServer() as slack:
        with Follower(log.path, "--exit", env={"RUNWATCH_SLACK_WEBHOOK": slack.url}) as follower:
            assert follower.end() == 1
            nan, crash = (o for o in follower.seen if o["type"] == "incident")
            assert (nan["incident"]["rule"], nan["change"]) == ("nonfinite", "resolved")
            assert "RuntimeError: boom" in crash["incident"]["title"]
            assert follower.seen[-1]["state"] == "crashed"
        assert slack.posts == []


@pytest.mark.deep
def test_a_run_that_is_started_again_after_its_end_goes_on_and_ends_again(log):
    log.write("Traceback (most recent call last):\n  File 'x'\nRuntimeError: boom\n")
    with Follower(log.path, "--interval", "0.05") as follower:
        end = follower.until(lambda o: o["type"] == "end")
        assert (end["state"], end["exit_code"]) == ("crashed", 1)
        log.step = 40
        log.steps(30)
        assert follower.records(80)["step"] == 69
        log.write("Total training time: 1.00m\n")
        end = follower.until(lambda o: o["type"] == "end")
        assert (end["state"], end["summary"]["steps"]["records"]) == ("finished", 80)


def test_interrupt_is_130_and_leaves_nothing_behind(log):
    with Follower(log.path) as follower:
        follower.records(50)
        family = follower.family()
        assert 3 <= len(family) <= 4  # this one, the engine, its reader, and soon the sampler
        code, errors = follower.interrupt()
        assert (code, errors.strip()) == (130, "")
        assert psutil.wait_procs(family, WAIT)[1] == []


@pytest.mark.parametrize("end", [pytest.param(signal.SIGTERM, marks=pytest.mark.deep), signal.SIGKILL])
def test_no_process_outlives_its_client(log, end):
    with Follower(log.path) as follower:
        follower.records(50)
        family = follower.family()
        follower.process.send_signal(end)
        assert psutil.wait_procs(family, WAIT)[1] == []


def test_a_killed_reader_is_replaced_and_repeats_no_incident(log):
    log.steps(1, loss="nan")
    with Follower(log.path, "--interval", "0.05") as follower:
        follower.incident("nonfinite")
        follower.records(51)
        reader = next(p for p in follower.family() if "runwatch.watcher.ingest.worker" in p.cmdline())
        reader.kill()
        log.steps(5)
        follower.records(56)
        assert [o["change"] for o in follower.seen if o["type"] == "incident"] == ["firing"]


def test_a_dead_engine_is_one_clear_line(log):
    with Follower(log.path) as follower:
        follower.records(50)
        next(p for p in follower.family() if "runwatch.watcher.service.private" in p.cmdline()).kill()
        assert follower.end() == 3
        assert follower.words.startswith("runwatch: the engine ended")


@pytest.mark.deep
def test_slack_hears_of_live_incidents_only(log):
    log.steps(1, loss="nan")
    log.steps(30)
    with SlackServer() as slack, Follower(log.path, env={"RUNWATCH_SLACK_WEBHOOK": slack.url}) as follower:
        follower.records(81)
        log.steps(1, loss="inf")
        follower.incident("nonfinite")
        log.steps(25)
        follower.incident("nonfinite", "resolved")
        slack.wait(shown=2)
        firing, resolved = (str(post) for post in slack.shown)
        assert "infinite" in firing
        assert "resolved" in resolved.lower()


@pytest.mark.deep
def test_a_dead_slack_delays_nothing(log):
    environment = {"RUNWATCH_SLACK_WEBHOOK": "http://127.0.0.1:9/services/x"}
    with Follower(log.path, "--interval", "0.05", env=environment) as follower:
        follower.records(50)
        begin = time.monotonic()
        log.steps(1, loss="nan")
        follower.incident("nonfinite")
        log.steps(3)
        follower.records(54)
        assert time.monotonic() - begin < WAIT / 2


def test_stdin_until_its_end_in_plain_lines_where_no_terminal_is(log):
    text = log.path.read_text() + "Total training time: 1.00m\n"
    done = subprocess.run(
        [sys.executable, "-m", "runwatch", "tail", "-", "--exit"],
        input=text, capture_output=True, text=True, timeout=WAIT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "step 49/10,000" in done.stdout
    assert "finished" in done.stdout.splitlines()[-1]
    assert "\x1b" not in done.stdout


@pytest.mark.deep
def test_exit_waits_for_every_run(log, tmp_path):
    log.write("Total training time: 1.00m\n")
    other = Log(tmp_path / "other.log")
    other.steps(20)
    with Follower(log.path, other.path, "--exit") as follower:
        follower.until(lambda o: o["type"] == "end" and o["run"] == tmp_path.name)
        assert follower.process.poll() is None
        other.write("Total training time: 1.00m\n")
        assert follower.end() == 0


def test_a_log_that_goes_away_is_told(log):
    with Follower(log.path, "--interval", "0.05") as follower:
        follower.records(50)
        log.path.unlink()
        follower.says("is gone")
        log.step = 0
        log.steps(5)
        follower.records(55)


@pytest.mark.deep
def test_a_reader_killed_while_the_log_is_gone_comes_back(log):
    with Follower(log.path, "--interval", "0.05") as follower:
        follower.records(50)
        log.path.unlink()
        next(p for p in follower.family() if "runwatch.watcher.ingest.worker" in p.cmdline()).kill()
        log.steps(5)
        follower.records(55)


@pytest.mark.deep
def test_what_is_written_while_the_reader_is_down_is_live(log):
    with (
        SlackServer() as slack,
        Follower(log.path, "--interval", "0.05", env={"RUNWATCH_SLACK_WEBHOOK": slack.url}) as follower,
    ):
        follower.records(50)
        next(p for p in follower.family() if "runwatch.watcher.ingest.worker" in p.cmdline()).kill()
        log.steps(1, loss="nan")
        follower.incident("nonfinite")
        slack.wait(shown=1)


def test_hostile_names_reach_no_terminal(tmp_path):
    path = tmp_path / "evil\x1b]0;owned\x07\x1b[31m.log"
    path.write_bytes(b"{'ev\xc2\x9b31mil\x07': nan, 'loss': 1.0, 'epoch': 1.0}\n" * 30)
    done = called("check", path)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout) & {"\x1b", "\x07", "\x9b"}


@pytest.mark.deep
def test_a_name_that_is_not_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/bad\xff.log"
    with open(path, "wb") as file:
        file.write(b"step 1/2 (50.00%) | loss: 1.5\nTotal training time: 1.00m\n")
    done = called("check", os.fsdecode(path))
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        [os.fsencode(sys.executable), b"-m", b"runwatch", b"tail", path, b"--headless", b"--exit"],
        capture_output=True, timeout=WAIT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_bad_file_among_good_ones(log, tmp_path):
    (tmp_path / "empty.log").touch()
    done = called("check", log.path, tmp_path / "empty.log")
    assert done.returncode == 0
    assert "step 49" in done.stdout
    assert done.stderr.count("\n") == 1


@pytest.mark.deep
def test_closing_the_reader_early_is_no_finding(log):
    command = f"{sys.executable} -m runwatch tail {log.path} --headless --interval 0.05; echo $? >&2"
    with subprocess.Popen(
        command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as shell:
        assert shell.stdout is not None
        assert shell.stderr is not None
        shell.stdout.readline()
        shell.stdout.close()
        log.steps(1)
        assert shell.stderr.readline() == "0\n"


@pytest.mark.parametrize("command", [("tail", "x.log"), ("demo",), ("attach",)])
def test_a_theme_that_does_not_exist_is_refused_also_without_a_screen(command):
    done = called(*command, "--theme", "drak", "--headless")
    assert done.returncode == 2
    assert "'drak'" in done.stderr
    assert "'dark'" in done.stderr
    assert done.stderr.count("\n") == 1
