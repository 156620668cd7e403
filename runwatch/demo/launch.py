"""Start and stop the demo run in its own process, like a user's training."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOG_NAME = "demo.log"
"""The run's standard output and error, inside its directory."""
FAULT_NAMES = ("crash", "hang", "nan", "slow", "spike")
"""What `fault` may be. Listed here so that asking does not import numpy."""


def start(
    directory: Path,
    *,
    fault: str | None = None,
    steps: int | None = None,
    step_seconds: float | None = None,
    seed: int | None = None,
    fault_at: float | None = None,
) -> subprocess.Popen[bytes]:
    """Start a run that writes `demo.log`, rank logs and checkpoints below `directory`; return at once.

    None leaves the run's own default: 340 steps of 0.1 s, the fault at 0.58 of
    them. The process leads its own session, so a Ctrl-C here does not reach it;
    its input is a pipe of ours, whose end shows that we are gone.
    Raises OSError if the log cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    given = {
        "--fault": fault,
        "--steps": steps,
        "--step-seconds": step_seconds,
        "--seed": seed,
        "--fault-at": fault_at,
    }
    command = [sys.executable, "-u", "-m", "runwatch.demo.train", "--leashed", "--dir", str(directory)]
    for option, value in given.items():
        if value is not None:
            command += [option, str(value)]
    # The ranks are threads already; more threads below each would only fight over the cores.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with (directory / LOG_NAME).open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], grace: float = 2.0) -> int:
    """End the run if it still runs: SIGTERM, after `grace` seconds SIGKILL. Return its exit status."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    if process.stdin is not None:
        process.stdin.close()
    return process.wait()
