"""The scheduler's job, with stand-ins for its commands on PATH."""

from __future__ import annotations

import os
import time
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.core.sample import Job
from runwatch.watcher.samplers import slurm

SHOW = (
    "JobId=77 JobName=big run UserId=me(1) JobState=RUNNING Reason=None Restarts=2 TimeLimit=01:00:00 "
    "StartTime=2026-11-21T10:00:00 EndTime=2026-11-21T11:00:00 NodeList=gpu[01-02] BatchHost=gpu01"
)
END = datetime(2026, 11, 21, 11).timestamp()


def test_environment():
    environ = {
        "SLURM_JOB_ID": "77",
        "SLURM_JOB_END_TIME": "1795255200",
        "SLURM_JOB_NAME": "big\x1b[31m run",
    }
    assert slurm.from_environment(environ, 5.0) == Job(
        time=5.0, id="77", deadline=1795255200.0, name="big run"
    )
    assert slurm.from_environment({}, 5.0) is None
    assert slurm.from_environment({"SLURM_JOB_ID": "77; rm"}, 5.0) is None


def put(tmp_path, monkeypatch, name, script):
    path = tmp_path / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.defpath}")


def test_scontrol_knows_better_than_the_environment(tmp_path, monkeypatch):
    put(tmp_path, monkeypatch, "scontrol", f'[ "$*" = "show job -o 77" ] && echo "{SHOW}"')
    job = slurm.ask(Job(0.0, "77", deadline=1.0))
    assert (job.state, job.deadline) == ("RUNNING", END)


def test_squeue_is_asked_where_scontrol_fails(tmp_path, monkeypatch):
    put(tmp_path, monkeypatch, "scontrol", "exit 1")
    put(tmp_path, monkeypatch, "squeue", 'echo "RUNNING|2026-11-21T11:00:00|big run"')
    job = slurm.ask(Job(0.0, "77"))
    assert (job.state, job.deadline, job.name) == ("RUNNING", END, "big run")


def test_no_limit_is_no_deadline():
    job = slurm.parse_scontrol(
        "JobState=RUNNING TimeLimit=UNLIMITED EndTime=2027-11-21T11:00:00", Job(0, "1")
    )
    assert job.deadline is None
    job = slurm.parse_scontrol("JobState=PENDING EndTime=Unknown NodeList=(null)", Job(0, "1"))
    assert job.deadline is None


def test_a_scheduler_that_does_not_answer_changes_nothing(tmp_path, monkeypatch):
    put(tmp_path, monkeypatch, "scontrol", "exec sleep 60")
    job, begun = Job(0.0, "77", deadline=9.0), time.monotonic()
    assert slurm.ask(job, timeout=0.2) is job
    assert time.monotonic() - begun < 30


def test_no_scheduler(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    job = Job(0.0, "77")
    assert slurm.ask(job) is job


@given(st.text(max_size=80))
@settings(max_examples=100)
def test_garbage_from_the_scheduler(output):
    slurm.parse_scontrol(output, Job(0.0, "1"))
    slurm.parse_squeue(output, Job(0.0, "1"))
