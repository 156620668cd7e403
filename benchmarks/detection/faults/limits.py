"""Links that fail, limits that are reached, and steps that are skipped."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.faults.base import BEGIN, OPTIMISER, fault
from benchmarks.detection.trace import Trace
from benchmarks.detection.world import GB, Change, World, last

_SEEN = {"least": 200, "room": 250, "rows": 240, "group": "machine"}


def _from(t: Trace, at: int, change: Change) -> None:
    last(t, (3.0, 9.0))
    t.world = World(t, BEGIN, machine=True, change=change)
    t.world.onset = t.world.moment(at)


@fault("gpu_links", r"NVLink", **_SEEN)
def link_goes_down(t: Trace, at: int) -> None:
    """Lose one of eighteen links."""

    def change(since: float, now: dict[str, float]) -> None:
        now["gpu/1/nvlink_active"] = 17.0 if since > 0 else 18.0

    _from(t, at, change)
    t.world.onset = 0.0  # the links are there from the beginning
    moment = t.world.moment(at)
    t.world.change = lambda since, now: change(since - moment, now)


@fault("gpu_links", r"repeats|errors", **_SEEN)
def link_repeats_transfers(t: Trace, at: int) -> None:
    pace = t.rng.uniform(0.4, 5)
    _from(t, at, lambda since, now: now.update({"gpu/0/pcie_replays": 12 + pace * since}))


@fault("host_limits", r"shared memory", **_SEEN)
def shared_memory_fills_up(t: Trace, at: int) -> None:
    """Leave segments behind in /dev/shm."""

    def change(since: float, now: dict[str, float]) -> None:
        now |= {"host/shm_used": min(8 + since / 60, 63.5) * GB, "host/shm_total": 64 * GB}

    _from(t, at, lambda since, now: change(since * 4, now))


@fault("host_limits", r"files open", **_SEEN)
def files_are_never_closed(t: Trace, at: int) -> None:
    pace = t.rng.uniform(0.3, 3)

    def change(since: float, now: dict[str, float]) -> None:
        now |= {"proc/1/fds": min(200 + pace * since, 1023.0), "proc/1/fd_limit": 1024.0}

    _from(t, at, change)


@fault("gpu_fault", r"corrected", **_SEEN)
def memory_errors_are_corrected(t: Trace, at: int) -> None:
    pace = t.rng.uniform(0.1, 2)
    _from(t, at, lambda since, now: now.update({"gpu/1/ecc_corrected": 3 + np.floor(pace * since)}))


@fault("gpu_slowed", r"slows down", **_SEEN)
def gpu_is_about_to_slow_down(t: Trace, at: int) -> None:
    _from(t, at, lambda since, now: now.update({"gpu/0/temperature_margin": 3.0, "gpu/0/temperature": 84.0}))


@fault("lost_work", r"continued from step", needs="loss", group="resume", rows=40, least=300,
       also="crash resume lr_anomaly checkpoint_overdue")  # fmt: skip
def goes_on_from_an_old_checkpoint(t: Trace, at: int) -> None:
    """Die, and take not the newest checkpoint but one far before it."""
    saves = list(range(at // 2, at - 20, 40))
    for row in saves:
        t.say(row, f"Saved checkpoint to out/step_{t.step(row - 1):07d}/model.pt")
    t.resume(at, saves[0])
    t.before[at][:0] = ["Traceback (most recent call last):", '  File "train.py", line 7, in <module>',
                        "RuntimeError: NCCL communicator was aborted"]  # fmt: skip


@fault("skipped_steps", r"skipped", needs="extra", group="optimisation", least=200, rows=80, also=OPTIMISER)
def steps_are_skipped(t: Trace, at: int) -> None:
    """Count the steps whose gradients overflowed, as DeepSpeed does."""
    odds = np.full(t.rows, 0.01)
    odds[:20], odds[at:] = 0.5, t.rng.uniform(0.25, 0.6)
    t.extra["skipped"] = np.cumsum(t.rng.binomial(t.every, odds)).astype(float)
