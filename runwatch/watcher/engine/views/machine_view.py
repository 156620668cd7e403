"""The machine under a run as screens show it."""

from __future__ import annotations

from runwatch.core.machine import SLOWED, Machine
from runwatch.core.sample import Gpu, Process, process_key, throttle_reasons
from runwatch.core.snapshot import GpuRow, MachineView, ProcessRow, RankPlace

MAX_PROCESSES = 64
MAX_GPUS = 64
MAX_TREND = 60
_WORSE = ("ok", "denied", "lost")
HOST = (
    "cpu", "memory_available", "memory_total", "swap_used", "cgroup_memory_used",
    "cgroup_memory_limit", "io_pressure", "memory_pressure", "cpu_pressure", "shm_used", "shm_total",
    "net_receive", "net_send", "disk_read", "disk_write",
)  # fmt: skip


def view(machine: Machine, now: float, ends: float | None = None) -> MachineView:
    """Return the newest values at Unix time `now`; `ends` is when its runs must have ended."""
    owned = frozenset(machine.owned())
    host = {name: machine.value(f"host/{name}", now) for name in HOST}
    job = machine.job
    notes = [
        machine.note,
        machine.gpu_note,
        *(blind.message for blind in machine.blind.values()),
        *machine.notes,
    ]
    return MachineView(
        processes=tuple(_process(machine, process, now) for process in machine.processes[:MAX_PROCESSES]),
        gpus=tuple(_gpu(machine, gpu, gpu.index in owned, now) for gpu in machine.gpus[:MAX_GPUS]),
        host={name: value for name, value in host.items() if value is not None},
        job="" if job is None else " ".join(filter(None, (f"job {job.id}", job.name, job.state.lower()))),
        deadline=None if ends is None else ends - now,
        notes=tuple(dict.fromkeys(filter(None, notes)))[:8],
    )


def places(machine: Machine, now: float) -> dict[int, RankPlace]:
    """Return by rank where each rank runs whose process is known, with the newest values of its GPUs."""
    ranks = {process.rank: process for process in machine.processes if process.role == "rank"}
    return {rank: _place(machine, process, now) for rank, process in ranks.items() if rank is not None}


def _place(machine: Machine, process: Process, now: float) -> RankPlace:
    indices = machine.gpus_of(process)
    gpus = [_gpu(machine, machine.gpu(index), True, now) for index in indices]
    measures = {gpu.measure for gpu in gpus}
    busy = [gpu.busy for gpu in gpus if gpu.busy is not None] if len(measures) == 1 else []
    return RankPlace(
        pid=process.pid,
        state=process.state,
        waits=process.waits,
        gpus=indices,
        gpu_state=max((gpu.state for gpu in gpus), key=_WORSE.index, default="ok"),
        measure=gpus[0].measure if len(measures) == 1 else "",
        busy=sum(busy) / len(busy) if busy else None,
        memory_used=_sum([gpu.memory_used for gpu in gpus]),
        memory_total=_sum([gpu.memory_total for gpu in gpus]),
        temperature=max((gpu.temperature for gpu in gpus if gpu.temperature is not None), default=None),
        power=_sum([gpu.power for gpu in gpus]),
    )


def _sum(values: list[float | None]) -> float | None:
    """Return the sum; None if a part of it is not known, or there is none."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _process(machine: Machine, process: Process, now: float) -> ProcessRow:
    head = f"proc/{process_key(process)}"
    return ProcessRow(
        pid=process.pid,
        role=process.role,
        state=process.state,
        rank=process.rank,
        command=process.command,
        waits=process.waits,
        cores=machine.value(f"{head}/cores", now) if process.role != "worker" else None,
        rss=machine.value(f"{head}/rss", now) if process.role != "worker" else None,
        gpus=machine.gpus_of(process),
    )


def _gpu(machine: Machine, gpu: Gpu, own: bool, now: float) -> GpuRow:
    head = f"gpu/{gpu.index}"
    trail = machine.trails.get(f"{head}/{gpu.measure}")
    trend = [mean for _, mean in trail.points()][-MAX_TREND:] if trail is not None else []
    power, limit = machine.value(f"{head}/power", now), machine.value(f"{head}/power_limit", now)
    if gpu.measure == "power":
        trend = [mean / limit for mean in trend] if limit else []
    return GpuRow(
        index=gpu.index,
        name=gpu.name,
        state=gpu.state,
        own=own,
        measure=gpu.measure,
        busy=busy(machine, gpu, now),
        memory_used=machine.value(f"{head}/memory_used", now),
        memory_total=machine.value(f"{head}/memory_total", now),
        power=power,
        power_limit=limit,
        temperature=machine.value(f"{head}/temperature", now),
        slowed=", ".join(throttle_reasons(int(machine.value(f"{head}/throttle", now) or 0) & SLOWED)),
        trend=tuple(trend),
    )


def busy(machine: Machine, gpu: Gpu, now: float) -> float | None:
    """Return how busy a GPU is at Unix time `now`, by what can be measured of it."""
    head = f"gpu/{gpu.index}"
    if gpu.measure != "power":
        return machine.value(f"{head}/{gpu.measure}", now)
    power, limit = machine.value(f"{head}/power", now), machine.value(f"{head}/power_limit", now)
    return power / limit if power is not None and limit else None
