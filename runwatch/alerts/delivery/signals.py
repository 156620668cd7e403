"""Sends a signal to processes with a known pid and start time, and to no others."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SIGNALS = {
    "SIGUSR1": signal.SIGUSR1,
    "SIGUSR2": signal.SIGUSR2,
    "SIGINT": signal.SIGINT,
    "SIGTERM": signal.SIGTERM,
}
"""What may be sent."""
SAME = 2.0
"""Seconds by which two readings of the start time may differ: the clock may have been set."""


class Target(NamedTuple):
    """A process with its start time: a pid may be reused."""

    pid: int
    started: float


def send(name: str, targets: Sequence[Target]) -> str:
    """Send a signal to those processes that are still the same; return the outcome."""
    reached: list[str] = []
    missed: list[str] = []
    for target in targets:
        (reached if _send(SIGNALS[name], target) else missed).append(str(target.pid))
    if not targets:
        return f"{name} not sent: no process of the run is known"
    gone = f", not to {' '.join(missed)}" if missed else ""
    return f"{name} sent to {' '.join(reached) or 'none'}{gone}"


def _send(number: signal.Signals, target: Target) -> bool:
    try:
        handle = os.pidfd_open(target.pid)  # from now on the number cannot pass to another process unseen
    except (OSError, AttributeError):  # gone, or no Linux
        return False
    try:
        born = _started(target.pid)
        if born is None or abs(born - target.started) > SAME:
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _started(pid: int) -> float | None:
    """Return the Unix time at which a process was started, None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        boot = next(
            int(line.split()[1])
            for line in Path("/proc/stat").read_bytes().splitlines()
            if line.startswith(b"btime")
        )
        return boot + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError, StopIteration):
        return None
