"""What happens to a training program: to its process, its data, its learning rate and its files.

Nothing is only printed: signals are sent, reads block, the kernel refuses memory or space.
When the fault began is noted in the file `onset`, and when every step did in `times`, both beside the
directory that is watched.
"""

from __future__ import annotations

import fcntl
import io
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection.real.programs.plan import Plan

SIGNALS = {
    "kill": signal.SIGKILL,
    "terminate": signal.SIGTERM,
    "preempted": signal.SIGTERM,
    "interrupt": signal.SIGINT,
    "resume": signal.SIGINT,
    "stop": signal.SIGSTOP,
    "segfault": signal.SIGSEGV,
}
"""Event -> signal; "kill" meets the process itself, and there are "_all", "_launcher" and "_worker"."""
SHOWN_LATER = frozenset(["truncated", "slow_saves", "disk_full", "save_fails"])
"""Faults that begin with the next checkpoint."""
HOG = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(20000))"
PAGE = 4096


class Injector:
    """Lets the event of a plan happen to the process that it is made in."""

    def __init__(self, plan: Plan, rank: int = 0, victim: int = 0) -> None:
        """Prepare it for one rank; an event that meets one rank meets `victim`."""
        self.plan, self.event, self.rank = plan, plan.what, rank
        self.at = 0 if self.event.endswith("_from_start") else plan.at
        self._met = rank == victim and (not plan.attempt or self.event == "crash_again")
        self._rng = np.random.default_rng([plan.seed, rank, 7])
        self._kept: list[Any] = []
        self.step, self._computed = -1, time.process_time()
        self._times = plan.beside("times").open("a") if rank == 0 else None
        self._disk = Disk(plan) if self._met and self.event in ("slow_disk", "blocked_read") else None
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.event == "competitor":
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    def on(self, event: str, steps: int = 1 << 60) -> bool:
        """Return whether this event meets this rank now, and began less than so many steps ago."""
        return self._met and self.event == event and self.at <= self.step < self.at + steps

    def begins(self) -> None:
        """Note that the fault begins now."""
        path = self.plan.beside("onset")
        if not path.exists():
            path.write_text(str(time.time()))

    def before(self, step: int) -> None:
        """Do what happens to the process before this step."""
        self.step = step
        if self._times is not None:
            self._times.write(f"{time.time():.3f} {step}\n")
            self._times.flush()
        if step < self.at or not self._met:
            return
        if self.event not in SHOWN_LATER:
            self.begins()
        if self.event == "crash_again":
            raise RuntimeError(f"probability tensor contains either inf, nan or element < 0, at step {step}")
        if self.event == "memory":
            self._leak(first=step == self.at)
        elif step == self.at:
            self._strike()

    def _strike(self) -> None:
        name, _, whom = self.event.partition("_")
        if name in SIGNALS:
            targets = {
                "": [os.getpid()],
                "all": [os.getppid(), *_children(os.getppid())],
                "launcher": [os.getppid()],
                "worker": [process.pid or 0 for process in multiprocessing.active_children()][:1],
            }[whom]
            self._later(targets, SIGNALS[name])
        elif self.event in ("lost_state", "old_checkpoint"):
            self._later([os.getpid()], signal.SIGKILL)
        elif self.event in ("raise", "elastic"):
            raise ValueError("a bad sample on this rank")
        elif self.event == "competitor":
            for _ in range(3):  # on the same core: affinity is inherited
                subprocess.Popen([sys.executable, "-c", HOG])

    def _later(self, targets: list[int], number: signal.Signals) -> None:
        """Send a signal in the midst of the step, to this process last."""
        targets.sort(key=lambda pid: pid == os.getpid())
        delay = self._rng.uniform(0, self.plan.pause)
        timer = threading.Timer(delay, lambda: [os.kill(pid, number) for pid in targets])
        timer.daemon = True
        timer.start()

    def _leak(self, *, first: bool) -> None:
        if first:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + (400 << 20), resource.RLIM_INFINITY))
        self._kept.append(np.ones(2 << 20))

    def work(self) -> None:
        """Take a step's time: of the processor where others compete for it."""
        pause = self.plan.pause
        if self.event == "competitor":
            while time.process_time() - self._computed < pause:
                np.ones((64, 64)) @ np.ones((64, 64))
            self._computed = time.process_time()
            return
        if self.event == "jitter":
            pause *= self._rng.lognormal(0, 0.25)
        time.sleep(2.5 * pause if self.on("slow_rank") else pause)

    def rate(self, usual: float) -> float:
        """Return the learning rate of this step."""
        return 1000 * usual if self.on("rate_jump") or self.event == "rate_from_start" else usual

    def batch(self, step: int, x: Any, y: Any) -> tuple[Any, Any]:
        """Return what is read for this step, or fail to read it."""
        self.step = step
        if self._disk is not None:
            self._disk.read()
        if self.on("bad_batches", 2):
            x = x * 60
        if self.on("wrong_labels"):
            y = (y + 1) % 10  # a shard whose classes are numbered otherwise
        if self.on("nan_sample", 1):
            x = np.where(np.arange(len(x))[:, None] == 0, np.nan, x).astype(x.dtype)
        if self.on("large_values"):
            x = x * 1e4
        if self.on("stalls") and step % 9 == 0:
            time.sleep(9 * self.plan.pause)
        if self.on("broken_shard"):
            self.begins()
            x = _read_cut(x)
        return x, y

    def saved(self, path: Path) -> None:
        """Do what happens to a checkpoint that was just written."""
        late = self.step >= self.at
        if self.on("truncated"):
            self.begins()
            os.truncate(path, path.stat().st_size // 2)
        elif self.event == "slow_saves":
            if late:
                self.begins()
            time.sleep(6.5 if late else 0.4)
        elif self.event == "long_saves":
            time.sleep(1.5)


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _read_cut(x: Any) -> Any:
    """Read an array from a file that was cut short."""
    file = io.BytesIO()
    np.save(file, x)
    return np.load(io.BytesIO(file.getvalue()[: file.tell() // 2]))


class Disk:
    """A disk that the data come from: a pipe, whose writer slows down or stops at the plan's step."""

    def __init__(self, plan: Plan) -> None:
        """Let it write, in a thread."""
        path = plan.beside(f"data-{os.getpid()}")
        os.mkfifo(path)
        threading.Thread(target=self._write, args=(path, plan), daemon=True).start()
        self._pipe = os.open(path, os.O_RDONLY)

    def read(self) -> None:
        """Read one batch."""
        os.read(self._pipe, PAGE)

    def _write(self, path: Path, plan: Plan) -> None:
        with path.open("wb", buffering=0) as pipe:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PAGE)  # no batch is read ahead
            for batch in range(plan.steps + 1):
                if batch >= plan.at and plan.what == "blocked_read":
                    threading.Event().wait()  # the writer lives, and writes nothing any more
                time.sleep(4 * plan.pause if batch >= plan.at else 0)
                pipe.write(b"x" * PAGE)
