"""Storage that fails, and restarts."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.faults.base import FRAMES, OPTIMISER, fault
from benchmarks.detection.trace import Trace


@fault("retries", r"retr|connection|storage|network", needs="loss", group="storage", rows=60)
def retry_storm(t: Trace, at: int) -> None:
    for row in range(at, min(at + 60, t.rows)):
        if t.rng.random() < 0.6:
            t.say(
                row,
                "urllib3: Retrying in 1.6 s after: HTTPSConnectionPool: Read timed out. (read timeout=10)",
            )


@fault("checkpoint_overdue", r"checkpoint", needs="loss", group="storage", rows=600, least=850, room=650)
def checkpointsstop(t: Trace, at: int) -> None:
    """Stop saving; the gap is learned from those before."""
    t.before = {
        row: [line for line in lines if row < at or "checkpoint" not in line]
        for row, lines in t.before.items()
    }


@fault("resume", r"resum|restart", needs="loss", group="resume", rows=60, least=200, also=OPTIMISER)
def resumes_from_bad_weights(t: Trace, at: int) -> None:
    back = at - int(t.rng.integers(5, 40))
    t.resume(at, back)
    t.lift("loss", slice(at, None), 1 + t.rng.uniform(0.2, 1.0) * np.exp(-np.arange(t.rows - at) / 150))


@fault("restart_loop", r"restart", needs="loss", group="resume", rows=130, also="crash resume " + OPTIMISER)
def restarts_again_and_again(t: Trace, at: int) -> None:
    back = at - 20
    for number in range(5):
        t.resume(at + 20 * number, back)
        t.before[at + 20 * number][:0] = [
            *FRAMES,
            "RuntimeError: DataLoader worker (pid 7) exited unexpectedly",
        ]
