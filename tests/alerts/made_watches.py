"""Made-up live runs for rules about time: ranks that print, a machine that is sampled, checkpoints that are seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from runwatch.core.batch import Event
from runwatch.core.block import Block, Reference, Samples, Status
from runwatch.core.checkpoint import Checkpoint, State, Summary
from runwatch.core.machine import Machine
from runwatch.core.readability import Lost
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

from .columns import GRAD, LOSS, TIME

WATCHES = range(8)
T0, EVERY, LOOKS = 1_000_000.0, 60.0, 110
"""Unix time of the first look, seconds between two, and how many there are."""
RANKS = 4
GB = 1e9
USUAL = {
    "util": 0.9, "memory_used": 60 * GB, "memory_total": 80 * GB, "throttle": 4.0, "temperature_margin": 20.0,
    "ecc_uncorrected": 0.0, "ecc_corrected": 5.0, "nvlink_active": 18.0, "nvlink_errors": 10.0, "pcie_replays": 10.0,
    "remap_failed": 0.0, "remap_pending": 0.0, "recovery_action": 0.0, "temperature": 60.0, "sm_clock": 1900.0,
}  # fmt: skip
HOST = {
    "cpu": 0.4, "io_pressure": 0.02, "io_pressure_60": 0.02, "memory_available": 300 * GB, "memory_total": 1000 * GB,
    "cgroup_memory_used": 20 * GB, "cgroup_memory_limit": 100 * GB, "shm_used": 12 * GB, "shm_total": 64 * GB,
}  # fmt: skip
OWN = {
    "cores": 0.6, "blocked": 0.0, "workers": 4.0, "workers_cores": 1.0, "workers_blocked": 0.0,
    "fds": 300.0, "fd_limit": 1024.0,
}  # fmt: skip
COUNTS = frozenset({"ecc_uncorrected", "ecc_corrected", "nvlink_errors", "pcie_replays"})


def watched(seed: int) -> Iterator[Block | Status]:
    """Yield what rules are shown of one of these runs, in order."""
    rng = np.random.default_rng([seed, 11])
    machine, table = Machine(), _values(rng)
    pids = tuple(
        Process(100 + rank, T0, "rank", "python train.py", "running", 1, rank=rank, local_rank=rank)
        for rank in range(2)
    )
    machine.fold(Processes(T0, pids))
    machine.fold(Gpus(T0, tuple(Gpu(str(i), measure="util") for i in range(2))))
    machine.fold(GpuProcesses(T0, {"0": {100: GB}, "1": {101: GB}}))
    stops, silent = int(rng.integers(LOOKS // 2, 2 * LOOKS)), int(rng.integers(RANKS))
    rises = {rank: np.where(rng.random() < 0.5, 1.0, rng.choice([1.05, 1.3, 2.0])) for rank in range(RANKS)}
    blind = _span(rng)
    for look in range(LOOKS):
        now, moved = T0 + EVERY * look, look < stops
        for rank in range(RANKS) if moved else ():
            if rank != silent or look < LOOKS // 2:
                yield _printed(rank, look, now, float(rises[rank]) if look > LOOKS // 3 else 1.0, rng)
        for part in range(6):
            values = {name: float(column[look]) for name, column in table.items()}
            machine.fold(Sample(now + 10 * part, values))
        for message in _messages(rng, now, seed, look):
            machine.fold(message)
        quiet = 1.0 if moved else EVERY * (look - stops + 1)
        yield Status(
            now + 59,
            "training" if look > 3 else "starting",
            quiet,
            quiet if seed % 2 else 1.0,
            fraction=None if seed % 3 == 2 else min(1.0, look / 100),
            last_step=20 * look,
            last_line=30 * look,
            total=20 * LOOKS,
            eta=EVERY * (LOOKS - look) * (1.5 if look > LOOKS // 2 else 0.9),
            deadline=T0 + EVERY * LOOKS if seed % 2 else None,
            checkpoints=_saved(seed, look, now, rng),
            machine=machine,
            reference=_reference(look, seed),
            blind=Lost("it cannot be read", "look", now - 100) if blind[0] <= look < blind[1] else None,
        )


def _span(rng, most=40):
    begin = int(rng.integers(5, LOOKS))
    return begin, begin + int(rng.integers(1, most))


def _values(rng):
    """Return name -> values by look: the usual, and some that go wrong for a while."""
    names = {f"gpu/{i}/{name}": value for i in range(2) for name, value in USUAL.items()}
    names |= {f"host/{name}": value for name, value in HOST.items()}
    names |= {f"proc/{i}/{name}": value for i in range(2) for name, value in OWN.items()}
    table = {name: np.full(LOOKS, value) for name, value in names.items()}
    for name, column in table.items():
        kind = name.rpartition("/")[2]
        low, high = _span(rng)
        part = column[low:high]
        if kind.endswith(("total", "limit")) or rng.random() < 0.4:
            continue
        if kind in COUNTS:
            part += np.arange(len(part)) * float(rng.choice([0.3, 5.0, 50.0]))
            column[high:] = part[-1] if len(part) else column[-1]
        elif kind == "throttle":
            part[:] = 64.0
        elif kind in {"remap_failed", "remap_pending", "recovery_action"}:
            part[:] = rng.integers(0, 3)
        elif rng.random() < 0.4:
            part[:] = (
                np.linspace(part[0], part[0] * float(rng.choice([0.05, 1.6, 3.0])), len(part))
                if len(part)
                else 0
            )
        else:
            part *= float(rng.choice([0.0, 0.02, 0.06, 0.2, 0.6, 3.0, 5.1]))
    return table


def _printed(rank, look, now, rise, rng):
    """Return what a rank prints in a minute."""
    rows = np.arange(20 * look, 20 * look + 20, dtype=float)

    def samples(values):
        return Samples(rows * 100 + rank, rows + 1, rows, values)

    norms = 1 + 0.1 * np.sin(rows)
    norms = norms * (1.01 if rank == 2 and rise > 1.2 else 1.0)
    losses = np.full(20, 2.0 if rise < 1.5 or rank % 2 else np.nan)
    found = {
        TIME: samples(3.0 * rise * np.exp(0.01 * rng.normal(size=20))),
        GRAD: samples(norms),
        LOSS: samples(losses),
    }
    events = (
        [Event("checkpoint", int(rows[5] * 100 + 50), 1, "saved", step=int(rows[5]))]
        if look % 5 == rank == 0
        else []
    )
    pause = float(rng.choice([0.0, 0.0, 200.0])) if look % 5 == 0 else 0.0
    return Block(found, samples(rows), events, rank=rank, live=True, arrival=now + pause, written=now)


def _messages(rng, now, seed, look):
    """Yield what samplers report besides values."""
    free = 500 * GB * max(0.0, 1 - look / float((60, 150, 1e9)[seed % 3]))
    yield Space(
        now,
        "/runs",
        "/runs",
        "ext4",
        int(free),
        int(1000 * GB),
        int(1e6 * (1 - look / 112)),
        10**6,
        0.01 + 6 * (look % 37 == 36),
    )
    if rng.random() < 0.02:
        yield MachineEvent(
            "xid", now, "NVRM: Xid", gpu=str(rng.integers(2)), xid=int(rng.choice([13, 43, 48, 79, 99]))
        )
    if rng.random() < 0.01:
        yield MachineEvent("oom_kill", now, "killed", pid=77)
    if rng.random() < 0.02:
        yield Blind("gpu", now, "silent", "nvidia-smi does not answer", False)
    if rng.random() < 0.3:
        yield Sighted("gpu", now)


def _saved(seed, look, now, rng):
    """Return what the checkpoints say."""
    step = 100 * (min(look, 60 if seed % 2 else LOOKS) // 5)
    good = Checkpoint(
        f"{step}",
        f"/runs/{step}",
        "torch",
        State.COMPLETE,
        step=step,
        bytes=10**9,
        written=now - 60 * (look % 5),
    )
    broken = None
    if 40 <= look < 70 and seed % 3:
        broken = Checkpoint(
            "x",
            "/runs/x",
            "torch",
            State.DAMAGED,
            step=step + 100 * (seed % 4),
            missing=("a", "b", "c", "d", "e"),
        )
    return Summary(
        present=min(step // 100, 3),
        newest=broken or good,
        last_good=good,
        broken=broken,
        interval=100.0,
        interval_seconds=300.0,
        gaps=step // 100,
        regular=step >= 400,
        rotates=seed % 4 == 0,
        usual_bytes=10**9,
        size_ratio=float((1.0, 0.95, 0.85, 0.4)[look // 20 % 4]) if seed % 2 else 1.0,
        room=max(0, 30 - look // 3),
        full_time=now + 600,
        every=30.0,
    )


def _reference(look, seed):
    """Return a run to compare with, which becomes better than this one."""
    steps = np.arange(max(40, 20 * look), dtype=float)
    late = np.clip(steps - 800, 0, None) / 4000

    def losses():
        noise = 0.01 * np.sin(17 * steps)
        return steps, np.exp(late * (seed % 3) + noise), np.ones(len(steps))

    return Reference("b", losses)
