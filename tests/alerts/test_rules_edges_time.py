"""Thresholds of rules about time, the machine and checkpoints, at their edges; as in test_rules_edges.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from runwatch.alerts.rules.base import Rule
from runwatch.alerts.rules.checkpoints.checkpoint_broken import CheckpointBroken
from runwatch.alerts.rules.checkpoints.checkpoint_shrunken import CheckpointShrunken
from runwatch.alerts.rules.checkpoints.checkpoint_space import CheckpointSpace
from runwatch.alerts.rules.common.trend import seconds_to
from runwatch.alerts.rules.life.blind import Blind
from runwatch.alerts.rules.life.ended import Ended
from runwatch.alerts.rules.life.hang import Hang
from runwatch.alerts.rules.machine.disk_full import DiskFull
from runwatch.alerts.rules.machine.gpu_fault import GpuFault
from runwatch.alerts.rules.machine.gpu_links import GpuLinks
from runwatch.alerts.rules.machine.gpu_memory import GpuMemory
from runwatch.alerts.rules.machine.gpu_slowed import GpuSlowed
from runwatch.alerts.rules.machine.gpu_underuse import GpuUnderuse, starved_of
from runwatch.alerts.rules.machine.host_limits import HostLimits
from runwatch.alerts.rules.machine.host_memory import HostMemory
from runwatch.alerts.rules.machine.io_stall import IoStall
from runwatch.alerts.rules.optimization.behind_reference import BehindReference
from runwatch.alerts.rules.speed.deadline import Deadline
from runwatch.core import machine as known
from runwatch.core.block import Reference, Status
from runwatch.core.checkpoint import Checkpoint, State, Summary
from runwatch.core.machine import Machine
from runwatch.core.readability import Lost
from runwatch.core.sample import Gpu, GpuProcesses, Gpus, MachineEvent, Process, Processes, Sample, Space

from .columns import Log
from .edges import said

T0 = 1_000_000.0
GB = 1e9
JUST = 1e-6


class Edge(NamedTuple):
    rule: type[Rule]
    run: Callable[[Rule, float], list]
    """Shows a rule a run in which what its threshold is about has a value; returns what it finds."""
    at: float
    what: str = "warning"
    falls: bool = False
    """Whether it fires below."""


def process(state="running"):
    return Process(100, T0, "rank", "python train.py", state, 1, rank=0, local_rank=0)


def machine(gpus=1, state="running"):
    found = Machine()
    found.fold(Processes(T0, (process(state),)))
    found.fold(Gpus(T0, tuple(Gpu(str(i), measure="util") for i in range(gpus))))
    found.fold(GpuProcesses(T0, {str(i): {100: GB} for i in range(gpus)}))
    return found


def watch(rule, values, seconds, every=10.0, space=None, event=None, **more):
    """Sample and look every few seconds up to and with `seconds`; `values` and `space` are functions of time."""
    under, found = machine(), []
    for t in np.arange(0, seconds + every / 2, every).tolist():
        if values:
            under.fold(Sample(T0 + t, values(t)))
        if space:
            under.fold(Space(T0 + t, "/runs", "/runs", "ext4", **space(t)))
        if event and (message := event(t)):
            under.fold(message)
        if seconds > 1200 and t < seconds - 60 and t % 60:
            continue  # it looks each minute, to be quick
        fields = {"phase": "training", "silent_for": 1.0, "last_step": 7, **more}
        fields = {name: value(t) if callable(value) else value for name, value in fields.items()}
        found += rule.tick(Status(now=T0 + t, machine=under, **fields))
    return found


def gpu(name, value, seconds, every=10.0, **fixed):
    """Watch one value of a GPU, a function of time."""

    def run(rule, x):
        rest = {f"gpu/0/{key}": number for key, number in fixed.items()}
        return watch(rule, lambda t: {f"gpu/0/{name}": value(t, x), **rest}, seconds(x), every)

    return run


def host(seconds, **values):
    """Watch values of the host, numbers or functions of time and of what is tried."""

    def run(rule, x):
        def at(t):
            return {
                f"host/{name}": value(t, x) if callable(value) else value for name, value in values.items()
            }

        return watch(rule, at, seconds(x))

    return run


def room(seconds=0.0, **fields):
    """Watch the room of a file system."""
    usual = {
        "free": 500 * GB,
        "total": 1000 * GB,
        "inodes_free": 10**6,
        "inodes_total": 10**6,
        "seconds": 0.01,
    }

    def run(rule, x):
        def at(t):
            return {**usual, **{name: value(t, x) for name, value in fields.items()}}

        return watch(rule, None, seconds, 60.0, at)

    return run


def tick(**fields):
    """Look once; a field may be a function of what is tried."""

    def run(rule, x):
        given = {"phase": "training", "last_step": 7, **fields}
        return list(rule.tick(Status(now=T0, **{n: f(x) if callable(f) else f for n, f in given.items()})))

    return run


def silent(phase="training", **more):
    """Look at a run that has printed nothing for as long as is tried."""
    return tick(phase=phase, silent_for=lambda x: x, log_silent_for=lambda x: x, fraction=0.5, **more)


def silent_after(gaps, phase="training"):
    """The same of one whose rows came at distances of some seconds."""

    def run(rule, x):
        rule.observe(Log(loss=np.ones(len(gaps)), perf__step_time=gaps).block(0, len(gaps)))
        return silent(phase)(rule, x)

    return run


def cut(rows=10, **fields):
    """Look at the end of a log that was read whole."""

    def run(rule, x):
        count = int(x) if rows is None else rows
        rule.observe(Log(loss=np.ones(count)).block(0, count))
        given = {"silent_for": 1e6, "log_silent_for": 1e6, "fraction": 0.5, "live": False, **fields}
        return tick(**given)(rule, x)

    return run


def ended(exit_code=None, **fields):
    """Look at a run whose processes have ended."""

    def run(rule, x):
        under = machine()
        at = fields.get("ended", lambda x: T0 - 1000)(x)
        under.ended = known.Ended(at, exit_code, None)
        given = {"silent_for": 2000.0, "log_silent_for": 2000.0, **fields, "machine": under}
        given.pop("ended", None)
        return tick(**given)(rule, x)

    return run


def late(seconds, deadline, eta, fraction=lambda x: 0.5):
    """Watch a run that has a deadline; times from T0, functions of what is tried."""

    def run(rule, x):
        return watch(
            rule,
            None,
            seconds(x),
            10.0,
            deadline=T0 + deadline(x),
            eta=eta(x),
            fraction=fraction(x),
            finished=False,
        )

    return run


def checkpoint(at, state=State.COMPLETE, **more):
    return Checkpoint(f"{at}", f"/runs/{at}", "torch", state, step=at, **more)


def saved(**fields):
    """Look at what the checkpoints say together."""

    def run(rule, x):
        more = {name: fields[name](x) for name in ("eta", "total", "log_silent_for") if name in fields}
        summary = {n: f(x) if callable(f) else f for n, f in fields.items() if n not in more}
        return list(rule.tick(Status(now=T0, last_step=7, checkpoints=Summary(**summary), **more)))

    return run


def compared(ours, rows=lambda x: 500, count=100):
    """Compare a run with another whose loss is 1; `ours` gives its loss by step and what is tried."""

    def run(rule, x):
        rule.observe(Log(loss=np.ones(int(rows(x)))).block(0, int(rows(x))))
        steps = np.arange(count, dtype=float)
        losses = np.array([ours(step, x) for step in steps])
        return list(
            rule.tick(Status(now=T0, reference=Reference("b", lambda: (steps, losses, np.ones(count)))))
        )

    return run


def blind(rule, x):
    return list(rule.tick(Status(now=T0, blind=Lost("it cannot be read", "look", T0 - x))))


def xid(rule, x):
    """An Xid, and then nothing for a while."""
    return watch(
        rule,
        lambda t: {},
        10 * x,
        10.0,
        event=lambda t: MachineEvent("xid", T0, "NVRM: Xid", gpu="0", xid=79) if t == 0 else None,
    )


EDGES = {
    "gpu_links seconds": Edge(
        GpuLinks, gpu("nvlink_active", lambda t, n: 18.0 if t < 100 else 17.0, lambda n: 100 + n, 1.0), 60
    ),
    "gpu_links replays": Edge(GpuLinks, gpu("pcie_replays", lambda t, x: x * t / 60, lambda x: 600), 8.0),
    "gpu_links errors": Edge(GpuLinks, gpu("nvlink_errors", lambda t, x: x * t / 60, lambda x: 600), 100.0),
    "gpu_links quiet": Edge(
        GpuLinks,
        gpu("pcie_replays", lambda t, x: 16 * min(t, 600) / 60 + x * max(0, t - 600) / 60, lambda x: 1200),
        2.0,
        "clear",
        True,
    ),
    "gpu_links window": Edge(
        GpuLinks, gpu("pcie_replays", lambda t, n: 1000.0 * (t > 0), lambda n: n * 10), 15
    ),
    "gpu_slowed part": Edge(
        GpuSlowed, gpu("throttle", lambda t, n: 64.0 * (t > 1000 - 10 * n), lambda n: 1000), 31
    ),
    "gpu_slowed seconds": Edge(GpuSlowed, gpu("throttle", lambda t, n: 64.0, lambda n: 10 * n - 10), 48),
    "gpu_slowed margin": Edge(
        GpuSlowed, gpu("temperature_margin", lambda t, x: x, lambda x: 400), 5.0, "warning", True
    ),
    "gpu_slowed close": Edge(GpuSlowed, gpu("temperature_margin", lambda t, n: 4.0, lambda n: n, 1.0), 300),
    "gpu_slowed cooler": Edge(
        GpuSlowed, gpu("temperature_margin", lambda t, x: 4.0 if t < 400 else x, lambda x: 420), 10.0, "clear"
    ),
    "gpu_fault quiet": Edge(GpuFault, xid, 361, "clear"),
    "gpu_fault corrected": Edge(
        GpuFault, gpu("ecc_corrected", lambda t, x: x * t / 3600, lambda x: 7200, 60.0), 100.0
    ),
    "gpu_fault corrected less": Edge(
        GpuFault,
        gpu(
            "ecc_corrected",
            lambda t, x: (200 * min(t, 7200) + x * max(0, t - 7200)) / 3600,
            lambda x: 14400,
            60.0,
        ),
        50.0,
        "clear",
        True,
    ),
    "gpu_fault one error": Edge(
        GpuFault, gpu("ecc_uncorrected", lambda t, n: 3.0 + n * (t > 0), lambda n: 10), 1, "critical"
    ),
    "gpu_fault recovery": Edge(GpuFault, gpu("recovery_action", lambda t, n: n, lambda n: 0), 1),
    "gpu_fault recovery needed": Edge(
        GpuFault, gpu("recovery_action", lambda t, n: n, lambda n: 0), 2, "critical"
    ),
    "gpu_memory soon": Edge(
        GpuMemory,
        gpu(
            "memory_used",
            lambda t, x: 80 * GB - GB / 1000 * (4000 + x - t),
            lambda x: 4000,
            memory_total=80 * GB,
        ),
        7200.0,
        "warning",
        True,
    ),
    "gpu_memory least": Edge(
        GpuMemory,
        gpu(
            "memory_used",
            lambda t, x: 80 * GB - 80 * GB * x * (4010 - t) / 2310,
            lambda x: 4000,
            memory_total=80 * GB,
        ),
        0.01,
    ),
    "gpu_memory begin": Edge(
        GpuMemory,
        gpu("memory_used", lambda t, n: 75 * GB + GB / 1000 * t, lambda n: 10 * n, memory_total=80 * GB),
        360,
    ),
    "gpu_underuse low": Edge(GpuUnderuse, gpu("util", lambda t, x: x, lambda x: 700), 0.3, "info", True),
    "gpu_underuse drop": Edge(
        GpuUnderuse, gpu("util", lambda t, x: 0.8 if t < 3000 else x, lambda x: 4000), 0.4, "warning", True
    ),
    "gpu_underuse seconds": Edge(GpuUnderuse, gpu("util", lambda t, n: 0.1, lambda n: 10 * n), 60, "info"),
    "gpu_underuse used again": Edge(
        GpuUnderuse, gpu("util", lambda t, x: 0.1 if t < 1000 else x, lambda x: 2000), 0.6, "clear"
    ),
    "gpu_underuse still": Edge(
        GpuUnderuse,
        lambda rule, x: watch(rule, lambda t: {"gpu/0/util": 0.1}, 700, silent_for=x),
        60.0,
        "info",
        True,
    ),
    "host_memory low": Edge(
        HostMemory,
        host(lambda x: 120, memory_available=lambda t, x: x * 1000 * GB, memory_total=1000 * GB),
        0.08,
        "warning",
        True,
    ),
    "host_memory very_low": Edge(
        HostMemory,
        host(lambda x: 120, memory_available=lambda t, x: x * 1000 * GB, memory_total=1000 * GB),
        0.03,
        "critical",
        True,
    ),
    "host_memory of a container": Edge(
        HostMemory,
        host(lambda x: 120, cgroup_memory_used=lambda t, x: x * 100 * GB, cgroup_memory_limit=100 * GB),
        0.92,
    ),
    "host_memory seconds": Edge(
        HostMemory, host(lambda n: 10 * n, memory_available=20 * GB, memory_total=1000 * GB), 12, "critical"
    ),
    "host_memory soon": Edge(
        HostMemory,
        host(lambda x: 2000, memory_available=lambda t, x: GB / 44 * (2000 + x - t), memory_total=1000 * GB),
        3600.0,
        "warning",
        True,
    ),
    "host_memory soon, while half is left": Edge(
        HostMemory,
        host(
            lambda x: 2000,
            memory_available=lambda t, x: x * 1000 * GB * (1 + (2000 - t) / 3000),
            memory_total=1000 * GB,
        ),
        0.5,
        "warning",
        True,
    ),
    "host_limits shared": Edge(
        HostLimits, host(lambda x: 60, shm_used=lambda t, x: x * 64 * GB, shm_total=64 * GB), 0.9
    ),
    "host_limits seconds": Edge(HostLimits, host(lambda n: 10 * n, shm_used=63 * GB, shm_total=64 * GB), 6),
    "host_limits room again": Edge(
        HostLimits,
        host(lambda x: 120, shm_used=lambda t, x: (63 if t < 90 else 64 * x) * GB, shm_total=64 * GB),
        0.81,
        "clear",
        True,
    ),
    "host_limits files": Edge(
        HostLimits,
        lambda rule, n: watch(rule, lambda t: {"proc/0/fds": n, "proc/0/fd_limit": 1000.0}, 60),
        801,
    ),
    "disk_full least": Edge(DiskFull, room(free=lambda t, n: n), 256e6, "critical", True),
    "disk_full inodes": Edge(DiskFull, room(inodes_free=lambda t, x: 1e6 * x), 0.005, "warning", True),
    "disk_full soon": Edge(
        DiskFull, room(7200, free=lambda t, x: GB / 100 * (7200 + x - t)), 28800.0, "warning", True
    ),
    "disk_full very_soon": Edge(
        DiskFull, room(7200, free=lambda t, x: GB / 100 * (7200 + x - t)), 7200.0, "critical", True
    ),
    "disk_full fresh": Edge(
        DiskFull,
        lambda rule, x: watch(
            rule,
            lambda t: {},
            x,
            x,
            event=lambda t: (
                None if t else Space(T0, "/runs", "/runs", "ext4", 0, 10**12, 9, 9, 0.1, read_only=True)
            ),
            finished=lambda t: t == 0,
        ),
        300.0,
        "critical",
        True,
    ),
    "io_stall pressure": Edge(
        IoStall,
        lambda rule, x: watch(rule, lambda t: {"host/io_pressure_60": x, "proc/0/blocked": 1.0}, 60),
        0.2,
    ),
    "io_stall blocked": Edge(
        IoStall,
        lambda rule, x: watch(rule, lambda t: {"host/io_pressure_60": 0.5, "proc/0/blocked": x}, 60),
        0.75,
    ),
    "io_stall slow": Edge(
        IoStall,
        lambda rule, x: watch(
            rule,
            lambda t: {"host/io_pressure_60": 0.5},
            60,
            space=lambda t: {"free": 9, "total": 9, "inodes_free": 9, "inodes_total": 9, "seconds": x},
        ),
        5.0,
    ),
    "io_stall long": Edge(
        IoStall,
        lambda rule, n: watch(
            rule, lambda t: {"host/io_pressure_60": 0.5, "proc/0/blocked": 1.0}, 40 + 10 * n, silent_for=400.0
        ),
        30,
        "critical",
    ),
    "io_stall without progress": Edge(
        IoStall,
        lambda rule, x: watch(
            rule, lambda t: {"host/io_pressure_60": 0.5, "proc/0/blocked": 1.0}, 400, silent_for=x
        ),
        300.0,
        "critical",
    ),
    "hang unfamiliar": Edge(Hang, silent(), 600.0, "critical"),
    "hang pending": Edge(Hang, silent(), 300.0, "pending"),
    "hang starting": Edge(Hang, silent("starting"), 900.0, "critical"),
    "hang medians": Edge(Hang, silent_after([100.0] * 20), 2000.0, "critical"),
    "hang longest": Edge(Hang, silent_after([1.0, 1.0, 500.0, 1.0, 1.0]), 1500.0, "critical"),
    "hang while it evaluates": Edge(
        Hang, silent_after([1.0, 1.0, 250.0, 1.0], "evaluating"), 750.0, "critical"
    ),
    "hang, the log goes on": Edge(
        Hang, tick(silent_for=lambda x: x, log_silent_for=1.0, fraction=0.5), 1800.0, "critical"
    ),
    "hang, the log is quiet too": Edge(
        Hang, tick(silent_for=700.0, log_silent_for=lambda x: x, fraction=0.5), 300.0, "critical"
    ),
    "hang stopped": Edge(
        Hang,
        lambda rule, n: [
            f
            for t in range(n + 1)
            for f in rule.tick(
                Status(T0 + t, "training", 20.0 + t, 20.0 + t, fraction=0.5, machine=machine(state="stopped"))
            )
        ],
        15,
        "critical",
    ),
    "hang excerpt": Edge(Hang, cut(None), 10),
    "hang complete": Edge(Hang, cut(fraction=lambda x: x), 0.98, "warning", True),
    "hang complete epoch": Edge(Hang, cut(fraction=None, epoch=lambda x: x), 0.98, "warning", True),
    "hang closing": Edge(Hang, cut(behind=lambda n: int(4 - n)), 2),
    "ended settle": Edge(Ended, ended(ended=lambda x: T0 - x, log_silent_for=lambda x: x), 10.0, "info"),
    "ended quiet": Edge(Ended, ended(log_silent_for=lambda x: x, silent_for=1e4), 10.0, "info"),
    "ended unread": Edge(Ended, ended(ended=lambda x: T0 - x, log_silent_for=2000.0), 70.0, "info"),
    "ended complete": Edge(Ended, ended(fraction=lambda x: x), 0.98, "warning", True),
    "ended behind": Edge(Ended, ended(silent_for=lambda x: 1000 - x), 2.0, "info", True),
    "blind grace": Edge(Blind, blind, 60.0),
    "deadline slack": Edge(Deadline, late(lambda x: 300, lambda x: 8e4, lambda x: 8e4 * x), 1 / 0.98),
    "deadline seconds": Edge(Deadline, late(lambda n: 10 * n, lambda n: 8e4, lambda n: 9e4), 30),
    "deadline near": Edge(
        Deadline, late(lambda x: 300, lambda x: 300 + x, lambda x: 9e4), 3600.0, "critical", True
    ),
    "deadline begun": Edge(Deadline, late(lambda x: 300, lambda x: 8e4, lambda x: 9e4, lambda x: x), 0.02),
    "checkpoint_shrunken part": Edge(
        CheckpointShrunken, saved(last_good=checkpoint(5), size_ratio=lambda x: x), 0.9, "warning", True
    ),
    "checkpoint_shrunken half": Edge(
        CheckpointShrunken, saved(last_good=checkpoint(5), size_ratio=lambda x: x), 0.5, "critical", True
    ),
    "checkpoint_broken intervals": Edge(
        CheckpointBroken,
        saved(
            newest=checkpoint(100, State.DAMAGED),
            broken=checkpoint(100, State.DAMAGED),
            last_good=checkpoint(79),
            interval=lambda x: 21 / x,
        ),
        2.0,
        "critical",
    ),
    "checkpoint_space ahead": Edge(CheckpointSpace, saved(present=2, gaps=1, room=lambda n: int(4 - n)), 3),
    "checkpoint_space none fits": Edge(
        CheckpointSpace, saved(present=2, gaps=1, room=lambda n: int(4 - n)), 4, "critical"
    ),
    "checkpoint_space to the end": Edge(
        CheckpointSpace,
        saved(present=2, gaps=1, room=3, newest=checkpoint(100), interval=10.0, total=lambda n: int(100 + n)),
        40,
    ),
    "checkpoint_space by time": Edge(
        CheckpointSpace,
        saved(
            present=2,
            gaps=1,
            room=3,
            newest=checkpoint(100, written=T0),
            interval_seconds=10.0,
            eta=lambda x: x,
        ),
        40,
    ),
    "checkpoint_space two are there": Edge(
        CheckpointSpace, saved(present=int, gaps=1, room=0), 2, "critical"
    ),
    "checkpoint_space one gap": Edge(CheckpointSpace, saved(present=2, gaps=int, room=0), 1, "critical"),
    "checkpoint_space of now": Edge(
        CheckpointSpace,
        saved(present=2, gaps=1, room=0, log_silent_for=lambda x: x),
        3600.0,
        "critical",
        True,
    ),
    "behind_reference rise": Edge(BehindReference, compared(lambda step, x: x), 1.05),
    "behind_reference grave": Edge(BehindReference, compared(lambda step, x: x), 1.2, "critical"),
    "behind_reference skip": Edge(BehindReference, compared(lambda step, x: 1.1, lambda n: n), 200),
    "behind_reference part": Edge(
        BehindReference, compared(lambda step, n: 1.1 if step >= 400 - n else 1.0, count=400), 20
    ),
    "behind_reference at least 8": Edge(
        BehindReference, compared(lambda step, n: 1.1 if step >= 100 - n else 1.0), 8
    ),
    "behind_reference lowest of them": Edge(
        BehindReference, compared(lambda step, x: x if step == 99 else 1.1), 1.05**0.5
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_it_fires_on_one_side_of_its_threshold_and_not_on_the_other(name):
    edge = EDGES[name]
    above, below = (
        (edge.at, edge.at - 1) if isinstance(edge.at, int) else (edge.at * (1 + JUST), edge.at * (1 - JUST))
    )
    assert (said(edge, above), said(edge, below)) == (not edge.falls, edge.falls)


@pytest.mark.parametrize(
    ("values", "gpus", "says"),
    [
        ({"proc/0/blocked": 0.31}, {"0": 0.1}, "its processes wait for storage"),
        ({"proc/0/blocked": 0.3, "host/io_pressure": 0.2}, {"0": 0.1}, ""),
        ({"proc/0/workers_blocked": 0.31}, {"0": 0.1}, "its processes wait for storage"),
        ({"host/io_pressure": 0.21}, {"0": 0.1}, "its processes wait for storage"),
        (
            {"proc/0/workers": 4.0, "proc/0/workers_cores": 3.6},
            {"0": 0.1},
            "preparing data uses all processors it has",
        ),
        ({"proc/0/workers": 4.0, "proc/0/workers_cores": 3.5}, {"0": 0.1}, ""),
        ({"host/cpu": 0.96}, {"0": 0.1}, "preparing data uses all processors it has"),
        ({"host/cpu": 0.94}, {"0": 0.1}, ""),
        ({}, {"0": 0.04, "1": 0.51}, "GPU 0 idles, others are busy"),
        ({}, {"0": 0.05, "1": 0.51}, ""),
        ({}, {"0": 0.04, "1": 0.5}, ""),
        ({"proc/0/cores": 0.95}, {"0": 0.1}, "the training process is bound by one core"),
        ({"proc/0/cores": 0.94}, {"0": 0.1}, ""),
    ],
)
def test_what_the_gpus_wait_for(values, gpus, says):
    under = machine()
    for t in range(0, 70, 10):
        under.fold(Sample(T0 + t, values))
    assert starved_of(under, T0 + 60, gpus)[0] == says


def line(count, slope=1.0, last=None, bends=()):
    """Return points of a straight line, with other values where `bends` says so."""
    points = [(10.0 * i, slope * 10.0 * i) for i in range(count)]
    for at, value in bends:
        points[at] = (points[at][0], value)
    return points if last is None else [*points[:-1], (points[-1][0], last)]


@pytest.mark.parametrize(
    ("points", "limit", "least", "expected"),
    [
        (line(16), 1150.0, 1.0, 1000.0),
        (line(15), 1140.0, 1.0, None),  # too few
        (line(60), 1590.0, 1.0, 1000.0),
        (line(240), 3390.0, 1.0, 1000.0),
        (line(60, -1.0), -1590.0, 1.0, 1000.0),
        (line(60, 2.0), 3180.0, 1.0, 1000.0),
        (line(60, 0.0), 100.0, 0.0, None),
        (
            line(60),
            1590.0,
            450.0,
            1000.0,
        ),  # it moved by 450: from the median of the first quarter to the last's
        (line(60), 1590.0, 450.1, None),
        (line(60, last=291.0), 1590.0, 1.0, 1299.0),  # sprung back by half of 440, from 510
        (line(60, last=289.0), 1590.0, 1.0, None),
    ],
)
def test_when_what_grows_steadily_reaches_a_limit(points, limit, least, expected):
    found = seconds_to(points, limit, least=least)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-3))


@pytest.mark.parametrize(("share", "expected"), [(0.126, True), (0.124, False)])
def test_each_quarter_must_move_by_an_eighth_of_the_whole(share, expected):
    """What moved in three steps between quarters, the second by a share of all."""
    levels = (0.0, (1 - share) / 2, (1 - share) / 2 + share, 1.0)
    points = [(10.0 * i, 100 * levels[i // 15] + i / 1e6) for i in range(60)]
    assert (seconds_to(points, 200.0, least=1.0) is not None) == expected
