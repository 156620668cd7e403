"""The SLURM job a run belongs to, and when it will be ended.

The environment shows the id and often the end; `scontrol` knows the rest where
it is installed. A limit may be changed while a job runs, so it is asked again.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from datetime import datetime

from runwatch.core import text
from runwatch.core.sample import Job

NAMES = frozenset("SLURM_" + name for name in ("JOB_ID", "JOBID", "JOB_END_TIME", "JOB_NAME"))
"""Variables that are looked at."""
TIMEOUT = 10.0
"""Seconds after which a scheduler that does not answer is left alone."""
_UNKNOWN = frozenset({"", "Unknown", "None", "N/A", "(null)"})
_ID = re.compile(r"\d+(_\d+)?")


def from_environment(environ: Mapping[str, str], now: float) -> Job | None:
    """Return the job that variables name; None outside of one."""
    number = environ.get("SLURM_JOB_ID") or environ.get("SLURM_JOBID") or ""
    if not _ID.fullmatch(number):
        return None
    end = environ.get("SLURM_JOB_END_TIME", "")
    return Job(
        time=now,
        id=number,
        deadline=float(end) if end.isdecimal() else None,
        name=text.plain(environ.get("SLURM_JOB_NAME", ""), 100),
    )


def ask(job: Job, *, timeout: float = TIMEOUT) -> Job:
    """Return the job as the scheduler knows it; as it was, if there is no scheduler or it does not answer."""
    output = _run(("scontrol", "show", "job", "-o", job.id), timeout)
    found = parse_scontrol(output, job) if output else None
    if found is None:
        output = _run(("squeue", "-h", "-j", job.id, "-o", "%T|%e|%j"), timeout)
        found = parse_squeue(output, job) if output else None
    return found or job


def parse_scontrol(line: str, job: Job) -> Job | None:
    """Read `scontrol show job -o`: one line of KEY=VALUE."""
    values = dict(re.findall(r"(?:^|\s)(\w+)=(\S*)", line.strip().split("\n", 1)[0]))
    if "JobState" not in values:
        return None
    limited = values.get("TimeLimit") not in {"UNLIMITED", "INFINITE"}
    return Job(
        time=time.time(),
        id=job.id,
        state=text.plain(values["JobState"], 40),
        deadline=moment(values.get("EndTime", "")) if limited else None,
        name=text.plain(values.get("JobName", ""), 100) or job.name,
    )


def parse_squeue(output: str, job: Job) -> Job | None:
    """Read `squeue -h -o "%T|%e|%j"`."""
    words = output.strip().split("\n", 1)[0].split("|", 2)
    if len(words) != 3 or not words[0]:
        return None
    return Job(
        time=time.time(),
        id=job.id,
        state=text.plain(words[0], 40),
        deadline=moment(words[1]) or job.deadline,
        name=text.plain(words[2], 100) or job.name,
    )


def moment(words: str) -> float | None:
    """Return the Unix time of SLURM's local `2026-11-21T12:00:00`; None for "Unknown"."""
    if words in _UNKNOWN:
        return None
    try:
        return datetime.fromisoformat(words).timestamp()
    except (ValueError, OverflowError):
        return None


def _run(command: tuple[str, ...], timeout: float) -> str:
    """Return what a command of the scheduler prints; "" if it is not there, fails or does not answer."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
