"""Thresholds of rules about the machine, at their edges; as in test_rules_edges.py."""

from __future__ import annotations

import pytest

from runwatch.alerts.rules.common.trend import seconds_to
from runwatch.alerts.rules.machine.disk_full import DiskFull
from runwatch.alerts.rules.machine.gpu_fault import GpuFault
from runwatch.alerts.rules.machine.gpu_links import GpuLinks
from runwatch.alerts.rules.machine.gpu_memory import GpuMemory
from runwatch.alerts.rules.machine.gpu_slowed import GpuSlowed
from runwatch.alerts.rules.machine.gpu_underuse import GpuUnderuse, starved_of
from runwatch.alerts.rules.machine.host_limits import HostLimits
from runwatch.alerts.rules.machine.host_memory import HostMemory
from runwatch.alerts.rules.machine.io_stall import IoStall
from runwatch.core.block import Status
from runwatch.core.machine import Machine
from runwatch.core.sample import Gpu, GpuProcesses, Gpus, MachineEvent, Processes, Sample, Space

from .edges import Edge, fires_on_one_side
from .watched_machine import GB, T0, machine, process, watch


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
}


@pytest.mark.parametrize("name", EDGES)
def test_it_fires_on_one_side_of_its_threshold_and_not_on_the_other(name):
    assert fires_on_one_side(EDGES[name])


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


def test_what_other_gpus_and_other_xids_do_does_not_hide_a_fault():
    under = Machine()
    under.fold(Processes(T0, (process(),)))
    under.fold(Gpus(T0, tuple(Gpu(str(i), measure="util") for i in range(2))))
    under.fold(GpuProcesses(T0, {"1": {100: GB}}))
    for xid in (43, 79):
        under.fold(MachineEvent("xid", T0, "NVRM: Xid", gpu="1", xid=xid))
    found = GpuFault().tick(Status(T0, machine=under))
    assert [(each.severity.value, each.metric) for each in found] == [("critical", "gpu/1/xid")]


@pytest.mark.parametrize(
    ("xid", "others", "found"),
    [(31, (), "warning"), (31, (999,), "info"), (13, (999,), "info"), (79, (999,), "critical")],
)
def test_an_invalid_access_on_a_shared_gpu_may_be_of_another_program(xid, others, found):
    under = machine()
    under.fold(GpuProcesses(T0, {"0": dict.fromkeys((100, *others), GB)}))
    under.fold(MachineEvent("xid", T0, "NVRM: Xid", gpu="0", xid=xid))
    (fault,) = GpuFault().tick(Status(T0, machine=under))
    assert (fault.severity.value, fault.metric) == (found, "gpu/0/xid")
    assert fault.title.endswith("(it may not be of this run)") == (found == "info")


@pytest.mark.parametrize("own", [True, False])
def test_storage_that_holds_up_others_is_not_reported(own):
    under = machine(state="blocked") if own else Machine()
    under.fold(Sample(T0, {"host/io_pressure_60": 0.9}))
    under.fold(Space(T0, "/runs", "/runs", "ext4", 10**11, 10**12, 10**6, 10**6, 9.0))
    found = IoStall().tick(Status(T0, "training", 1.0, machine=under))
    assert bool(found) is own
