"""Made-up looks at a machine, at checkpoints and at a deadline: each number is one at which a rule decides.

Each is exactly that number, hardly more or less, far from it, or not known at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from runwatch.core.block import Status
from runwatch.core.checkpoint import Checkpoint, State, Summary
from runwatch.core.machine import Machine
from runwatch.core.sample import (
    Blind,
    Gpu,
    GpuProcesses,
    Gpus,
    MachineEvent,
    Process,
    Processes,
    Sample,
    Sighted,
    Space,
)

LOOKS, EVERY, PERIOD = 24, 60.0, 10.0
"""Looks at a run, seconds between two, and between two samples."""
T0, GB = 1_000_000.0, 1e9
RULES = (
    *("disk_full", "gpu_fault", "gpu_links", "gpu_memory", "gpu_slowed", "gpu_underuse", "host_limits"),
    *("host_memory", "io_stall", "hang", "deadline", "blind"),
    *(
        "checkpoint_broken",
        "checkpoint_overdue",
        "checkpoint_shrunken",
        "checkpoint_slow",
        "checkpoint_space",
    ),
)
SHORT: dict[str, Any] = {
    "gpu_memory": {"seconds": 300.0, "begin": 120.0},
    "gpu_underuse": {"seconds": 180.0},
    "gpu_slowed": {"seconds": 180.0, "close": 120.0},
    "host_memory": {"trend": 300.0},
    "disk_full": {"trend": 960.0},
    "gpu_fault": {"quiet": 240.0},
    "io_stall": {"long": 120.0},
    "deadline": {"seconds": 120.0},
}
"""Durations that are shorter than by default, as these runs are."""
GPU: dict[str, tuple[float, ...]] = {
    "util": (0.3, 0.6, 0.05, 0.5, 0.95),
    "power": (200.0, 350.0),
    "power_limit": (400.0,),
    "memory_used": (60 * GB, 79 * GB),
    "memory_total": (80 * GB,),
    "throttle": (0.0, 4.0, 64.0),
    "temperature_margin": (5.0, 10.0),
    "ecc_uncorrected": (0.0, 1.0),
    "ecc_corrected": (5.0, 50.0, 100.0, 200.0),
    "nvlink_active": (18.0, 17.0),
    "nvlink_errors": (10.0, 110.0),
    "pcie_replays": (10.0, 18.0, 90.0),
    "remap_failed": (0.0, 1.0),
    "remap_pending": (0.0, 1.0),
    "recovery_action": (0.0, 1.0, 2.0),
}
HOST: dict[str, tuple[float, ...]] = {
    "cpu": (0.95, 0.4),
    "io_pressure": (0.2, 0.02),
    "io_pressure_60": (0.2, 0.02),
    "memory_available": (80 * GB, 30 * GB, 160 * GB, 500 * GB),
    "memory_total": (1000 * GB,),
    "cgroup_memory_used": (92 * GB, 97 * GB, 84 * GB, 20 * GB),
    "cgroup_memory_limit": (100 * GB,),
    "shm_used": (90.0, 81.0, 10.0),
    "shm_total": (100.0,),
}
OWN: dict[str, tuple[float, ...]] = {
    "cores": (0.95, 0.02, 0.5),
    "blocked": (0.0, 0.3, 0.75),
    "workers": (0.0, 4.0),
    "workers_cores": (3.6, 1.0),
    "workers_blocked": (0.0, 0.75),
    "fds": (800.0, 720.0, 100.0),
    "fd_limit": (1000.0,),
}
GROWS = ("gpu/0/memory_used", "gpu/1/memory_used", "host/cgroup_memory_used", "host/memory_available")


def looked(seed: int) -> Iterator[Status]:
    """Yield looks at one of these runs, in order."""
    rng, machine = Random(2300 + seed), Machine()
    names = [f"gpu/{i}/{name}" for i in (0, 1) for name in GPU] + [f"host/{name}" for name in HOST]
    names += [f"proc/{i}/{name}" for i in (0, 1) for name in OWN]
    known = [name for name in names if rng.random() < 0.85]
    machine.fold(Gpus(T0, tuple(Gpu(str(i), measure=rng.choice(["util", "sm_activity"])) for i in (0, 1))))
    machine.fold(GpuProcesses(T0, {} if seed % 7 == 6 else {"0": {100: GB}, "1": {101: GB}}))
    values = {name: rng.choice(_usual(name)) for name in known}
    slopes: dict[str, float] = {}
    checkpoints, reads, free = _summary(rng), rng.random() < 0.8, 500 * GB
    shrinks = rng.choice([0.0, 0.0, 2 * GB, 30 * GB])
    for look in range(LOOKS):
        now = T0 + EVERY * look
        for name in rng.sample(known, 3):
            values[name] = _at(rng, rng.choice(_usual(name)))
        if rng.random() < 0.3:
            name = rng.choice([name for name in GROWS if name in known] or known)
            slopes = {name: values[name] * rng.choice([0.002, 0.02, -0.002, -0.02])}
        for part in range(int(EVERY / PERIOD)):
            for name, slope in slopes.items():
                values[name] += slope
            machine.fold(Sample(now + PERIOD * part, dict(values)))
        free = _at(rng, 256e6) if rng.random() < 0.05 else max(0.0, free - shrinks)
        for message in _messages(rng, now, free):
            machine.fold(message)
        checkpoints = _summary(rng, now) if rng.random() < 0.3 else checkpoints
        yield _status(rng, now + 50, look, checkpoints, machine if reads else None)


def _usual(name: str) -> tuple[float, ...]:
    kind, _, what = name.partition("/")
    return {"gpu": GPU, "host": HOST, "proc": OWN}[kind][what.rpartition("/")[2]]


def _at(rng: Random, value: float) -> float:
    return value * rng.choice([1.0, 1.0, 0.999, 1.001, 0.5])


def _messages(rng: Random, now: float, free: float) -> Iterator[Any]:
    states = rng.choices(["running", "sleeping", "blocked", "stopped"], [8, 2, 1, 1], k=2)
    yield Processes(
        now,
        tuple(
            Process(
                100 + i,
                T0,
                "rank",
                "python train.py",
                states[i],
                1,
                rank=i,
                local_rank=i,
                waits="nfs" * (i % 2),
            )
            for i in range(rng.choice([0, 1, 2, 2, 2, 2, 2, 2]))
        ),
    )
    inodes = rng.choice([5000, 5001, 4999, 900_000])
    seconds = rng.choice([0.01, 0.01, 5.0, 5.1])
    yield Space(
        now, "/runs", "/runs", "ext4", int(free), int(1000 * GB), inodes, 10**6, seconds, rng.random() < 0.03
    )
    if rng.random() < 0.2:
        sampler, cause = rng.choice(["gpu", "space /data", "machine"]), rng.choice(["silent", "crashed"])
        yield Blind(sampler, now, cause, "it does not answer", False)
    if rng.random() < 0.3:
        yield Sighted(rng.choice(["gpu", "space /data", "machine"]), now)
    if rng.random() < 0.1:
        gpu = rng.choice(["0", "1", None])
        yield MachineEvent(
            "xid", now - rng.choice([0, 60, 120]), "Xid", gpu=gpu, xid=rng.choice([13, 43, 48, 79, None])
        )
    if rng.random() < 0.05:
        yield MachineEvent("oom_kill", now - rng.choice([0, 60, 120]), "killed", pid=77)
    if rng.random() < 0.1:
        states = [rng.choice(["ok", "ok", "lost"]) for _ in range(2)]
        yield Gpus(now, tuple(Gpu(str(i), measure="util", state=states[i]) for i in range(2)))


def _checkpoint(rng: Random, now: float, state: State) -> Checkpoint:
    step = rng.choice([None, 0, 100, 300, 301, 400])
    path = rng.choice(["/runs/x", "x", "/runs/x/"])
    written = rng.choice([0.0, now - 300, now - 600, now - 660])
    missing = ("a", "b", "c", "d", "e")[: rng.randrange(6)]
    reason = rng.choice(["", "cut off"])
    return Checkpoint(
        str(step), path, "torch", state, reason, step, bytes=10**9, written=written, missing=missing
    )


def _summary(rng: Random, now: float = T0) -> Summary | None:
    if rng.random() < 0.1:
        return None
    good = _checkpoint(rng, now, State.COMPLETE) if rng.random() < 0.8 else None
    broken = _checkpoint(rng, now, State.DAMAGED) if rng.random() < 0.4 else None
    return Summary(
        present=rng.randrange(4),
        newest=rng.choice([good, broken or good, None]),
        last_good=good,
        broken=broken,
        interval=rng.choice([100.0, 100.0, 100.0, None]),
        interval_seconds=rng.choice([300.0, 300.0, 300.0, None]),
        gaps=rng.randrange(3),
        regular=rng.random() < 0.8,
        rotates=rng.random() < 0.3,
        usual_bytes=10**9,
        size_ratio=rng.choice([1.0, 0.9, 0.899, 0.5, 0.499, None]),
        room=rng.choice([None, 0, 1, 2, 3, 5]),
        full_time=rng.choice([None, now, now + 50, now + 600]),
        every=rng.choice([0.0, 30.0]),
    )


def _status(
    rng: Random, now: float, look: int, checkpoints: Summary | None, machine: Machine | None
) -> Status:
    silent = rng.choice([*[1.0] * 20, 60.0, 120.0, 700.0])
    eta = rng.choice([None, 1000.0, 10_000.0])
    return Status(
        now,
        rng.choice(["training"] * 36 + ["checkpointing", "evaluating", "finished", "crashed"]),
        silent,
        silent if rng.random() < 0.6 else 1.0,
        live=rng.random() < 0.97,
        finished=rng.random() < 0.02,
        fraction=rng.choice([None, 0.02, 0.5, 0.5, 1.0]),
        last_step=rng.choice([None, 500, 700, 900, 20 * look]),
        last_line=30 * look,
        total=rng.choice([None, 1000]),
        eta=eta,
        deadline=rng.choice([None, now + 3600, now + 1000, now + 980, now + 0.98 * (eta or 1), now + 9000]),
        checkpoints=checkpoints,
        machine=machine,
    )
