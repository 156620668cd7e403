"""Starts a case's program, again if it is to go on, and ends what is left of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from pathlib import Path

import psutil

from benchmarks.detection.real.cases import Case
from benchmarks.detection.real.programs.plan import Plan

ROOT = Path(__file__).parents[3]
PROGRAMS = "benchmarks.detection.real.programs"


class Launcher:
    """Runs one attempt after the other in a thread, and reaps each at once, as a shell does."""

    def __init__(self, python: str, case: Case, plan: Plan) -> None:
        """Prepare the directory that is watched."""
        self._python, self._case, self._plan = python, case, plan
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._process: subprocess.Popen[bytes] | None = None
        self.log = plan.dir / "train.log"
        checkpoints = plan.dir / "checkpoints"
        checkpoints.mkdir(parents=True)
        self._mount = checkpoints if case.tmpfs and _mount(checkpoints, case.tmpfs) else None

    def start(self) -> None:
        """Start the first attempt."""
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether no attempt runs, and none will follow."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        for attempt in range(self._case.launches):
            if attempt and self._stop.wait(1.0 + self._plan.seed % 3):
                return
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command(attempt),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._plan.dir.parent,
                    env=_environment(),
                    start_new_session=True,
                )
            if self._process.wait() == 0 and self._case.event != "preempted":
                return

    def _command(self, attempt: int) -> list[str]:
        plan = Plan(**{**vars(self._plan), "attempt": attempt})
        launcher = [self._python]
        if self._case.ranks:
            launcher += ["-m", "torch.distributed.run", "--standalone"]
            launcher += ["--nproc-per-node", str(self._case.ranks)]
            launcher += ["--max-restarts", str(self._case.restarts)]
            if self._case.split:
                launcher += ["--log-dir", str(plan.dir), "--redirects", "3"]
        return [*launcher, "-m", f"{PROGRAMS}.{self._case.program}", *plan.arguments()]

    def close(self) -> None:
        """End what still runs, and only that: what was started with this case's directory."""
        self._stop.set()
        while self._thread.is_alive():
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    if f"--dir={self._plan.dir}" in process.cmdline() and process.pid != os.getpid():
                        process.kill()
            self._thread.join(0.2)
        if self._mount is not None:
            subprocess.run(["umount", "-l", self._mount], check=False)


def _mount(folder: Path, size: int) -> bool:
    """Put a file system of this size there; return whether that was allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _environment() -> dict[str, str]:
    quick = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **quick, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
