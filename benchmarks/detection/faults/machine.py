"""The machine under the run fails or runs out of something; the log tells little or nothing of it."""

from __future__ import annotations

from benchmarks.detection.faults.base import BEGIN, SPEED, fault, slower
from benchmarks.detection.trace import Trace, log_uniform
from benchmarks.detection.world import GB, Change, World, last
from runwatch.core.sample import MachineEvent

_HOURS = (3.0, 9.0)
_ROWS = {"least": 250, "room": 250, "rows": 240, "group": "machine", "needs": "seconds"}
"""An hour and more before the onset, and about as much after it."""
_SLOW = {**_ROWS, "room": 600, "rows": 590}
"""For what takes hours."""


def _world(t: Trace, at: int, change: Change | None = None) -> World:
    last(t, _HOURS)
    t.world = World(t, BEGIN, machine=True, change=change)
    t.world.onset = t.world.moment(at)
    return t.world


def _starved(name: str, cause: str, **values: float) -> None:
    def inject(t: Trace, at: int) -> None:
        low = t.rng.uniform(0.15, 0.4)

        def change(since: float, now: dict[str, float]) -> None:
            for i in range(2):
                now[f"gpu/{i}/util"] *= low
                for what, value in values.items():
                    now[what.replace("*", str(i))] = value

        slower(t, slice(at, None), 1 / low)
        _world(t, at, change)

    inject.__name__ = name
    fault("gpu_underuse io_stall", cause, also=SPEED, **_ROWS)(inject)


_starved(
    "gpus_wait_for_storage", r"storage|blocked", **{"proc/*/workers_blocked": 0.6, "host/io_pressure": 0.35}
)
_starved("gpus_wait_for_decoding", r"preparing data", **{"proc/*/workers_cores": 3.95, "host/cpu": 0.97})
_starved("gpus_wait_for_one_core", r"one core", **{"proc/*/cores": 1.0})


def _leads(name: str, rules: str, cause: str, change: Change, also: str = "") -> None:
    """Register a fault of the machine that changes values, faster or slower."""

    def inject(t: Trace, at: int) -> None:
        pace = log_uniform(t.rng, 0.7, 1.5)
        _world(t, at, lambda since, now: change(since * pace, now))

    inject.__name__ = name
    fault(rules, cause, also=also, **_SLOW)(inject)


def _hot(since: float, now: dict[str, float]) -> None:
    now["gpu/1/throttle"], now["gpu/1/temperature"], now["gpu/1/sm_clock"] = 0x44, 88.0, 1.1e9


def _vram(since: float, now: dict[str, float]) -> None:
    now["gpu/0/memory_used"] = min(80 * GB, now["gpu/0/memory_used"] + since / 7200 * 16 * GB)


def _ecc(since: float, now: dict[str, float]) -> None:
    now["gpu/1/ecc_uncorrected"] += 1 + int(since / 60)


def _ram(since: float, now: dict[str, float]) -> None:
    now["host/memory_available"] = max(2 * GB, (300 - since / 3600 * 200) * GB)


def _container(since: float, now: dict[str, float]) -> None:
    now["host/cgroup_memory_limit"] = 200 * GB
    now["host/cgroup_memory_used"] = min(199.5 * GB, (60 + since / 3600 * 90) * GB)


_leads("gpu_overheats", "gpu_slowed", r"hot", _hot, SPEED)
_leads("gpu_memory_leaks", "gpu_memory", r"full in", _vram)
_leads("gpu_memory_errors", "gpu_fault", r"uncorrectable", _ecc)
_leads("host_memory_leaks", "host_memory", r"memory of the host", _ram)
_leads("container_memory_leaks", "host_memory", r"memory limit", _container)


@fault("gpu_fault", r"does not answer", also=SPEED + " gpu_underuse", **_ROWS)
def gpu_is_lost(t: Trace, at: int) -> None:
    world = _world(t, at)
    world.events.append((world.onset, world.gpus("ok", "lost")))


@fault("gpu_fault", r"Xid", **_ROWS)
def gpu_reports_xid(t: Trace, at: int) -> None:
    world = _world(t, at)
    xid = int(t.rng.choice([48, 63, 79, 94, 95, 119]))
    event = MachineEvent("xid", BEGIN + world.onset, f"Xid {xid}", gpu="1", xid=xid)
    world.events.append((world.onset, event))


@fault("disk_full", r"full in|is full", also="checkpoint_space", **_SLOW)
def disk_fills_up(t: Trace, at: int) -> None:
    world, hours = _world(t, at), t.rng.uniform(2.5, 5.0)
    start = world.onset
    world.free = lambda now: (600 - max(0.0, now - start) / 3600 / hours * 600) * GB


@fault("disk_full", r"read-only", **_ROWS)
def disk_becomes_read_only(t: Trace, at: int) -> None:
    world = _world(t, at)
    world.read_only = world.onset


@fault("io_stall", r"waits for", also="hang gpu_underuse " + SPEED, **{**_ROWS, "room": 10, "rows": 10})
def storage_stops_answering(t: Trace, at: int) -> None:
    def change(since: float, now: dict[str, float]) -> None:
        now["host/io_pressure_60"] = min(0.9, since / 60)
        for i in range(2):
            now[f"proc/{i}/blocked"] = now[f"proc/{i}/workers_blocked"] = 1.0
            now[f"gpu/{i}/util"] = 0.0

    last(t, _HOURS)
    t.cut(at)
    t.silence = 3600.0
    t.world = World(t, BEGIN, machine=True, change=change)
    t.world.onset = t.world.slow = float(t.wait.sum())


@fault("ended crash", r"processes ended|killed", also="hang", **{**_ROWS, "room": 10, "rows": 10})
def processes_end_without_a_word(t: Trace, at: int) -> None:
    last(t, _HOURS)
    t.cut(at)
    t.silence = 1800.0
    world = t.world = World(t, BEGIN, machine=True)
    world.onset = float(t.wait.sum()) + 1.0
    kill = int(t.rng.choice([0, 9]))
    for i in range(2):
        death = MachineEvent(
            "process_died",
            BEGIN + world.onset,
            f"rank {i} was killed" if kill else f"rank {i} ended",
            pid=100 + i,
            rank=i,
            role="rank",
            signal=kill or None,
        )
        world.events.append((world.onset + i, death))


@fault("deadline", r"after its deadline", also=SPEED, **{**_ROWS, "needs": "seconds total"})
def deadline_will_be_missed(t: Trace, at: int) -> None:
    """Be in time until something makes it slower."""
    whole = float(t.wait.sum())
    slower(t, slice(at, None), 2.5)
    late = float(t.wait.sum())
    last(t, _HOURS)
    scale = float(t.wait.sum()) / late
    t.world = World(t, BEGIN, deadline=1.15 * whole * scale)
