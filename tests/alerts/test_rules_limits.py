"""Links of GPUs, and limits of the host: what is said of made-up samples."""

from __future__ import annotations

import pytest

from runwatch.alerts.rules.machine.gpu_fault import GpuFault
from runwatch.alerts.rules.machine.gpu_links import GpuLinks
from runwatch.alerts.rules.machine.gpu_slowed import GpuSlowed
from runwatch.alerts.rules.machine.host_limits import HostLimits
from runwatch.core.block import Status
from runwatch.core.machine import Machine
from runwatch.core.sample import Gpu, GpuProcesses, Gpus, Process, Processes, Sample

T0 = 1_000_000.0
GB = 1e9
HEALTHY = {
    "gpu/0/nvlink_active": 18.0,
    "gpu/0/nvlink_errors": 1000.0,  # from before
    "gpu/0/pcie_replays": 40.0,
    "host/shm_used": 12 * GB,
    "host/shm_total": 64 * GB,
    "proc/0/fds": 300.0,
    "proc/0/fd_limit": 1024.0,
}


def watch(rule, seconds, change=lambda t, values: None):
    """Sample every five seconds and look every second; return (verdict, severity, title)."""
    machine, found = Machine(), []
    machine.fold(
        Processes(T0, (Process(100, T0, "rank", "python train.py", "running", 1, rank=0, local_rank=0),))
    )
    machine.fold(Gpus(T0, (Gpu("0", measure="util"), Gpu("1"))))
    machine.fold(GpuProcesses(T0, {"0": {100: GB}}))
    for t in range(seconds):
        if t % 5 == 0:
            values = dict(HEALTHY)
            change(t, values)
            machine.fold(Sample(T0 + t, values))
        found += rule.tick(Status(now=T0 + t, phase="training", machine=machine, last_step=7))
    return [(f.verdict.value, f.severity.value, f.title) for f in found]


@pytest.mark.parametrize("rule", [GpuLinks, HostLimits])
def test_a_healthy_machine_is_left_alone(rule):
    def counts_slowly(t, values):
        values["gpu/0/pcie_replays"] += t // 60  # one a minute
        values["gpu/0/nvlink_errors"] += t // 10
        values["gpu/1/nvlink_active"] = 0.0  # not the run's
        values["host/shm_used"] = (62 if t % 60 == 0 else 12) * GB  # batches on their way

    assert watch(rule(), 1200, counts_slowly) == []


def test_a_link_that_goes_down_is_reported_until_it_is_back():
    def change(t, values):
        values["gpu/0/nvlink_active"] = 17.0 if 100 <= t < 300 else 18.0

    assert watch(GpuLinks(), 400, change) == [
        ("firing", "warning", "GPU 0 has 17 of its 18 NVLinks"),
        ("clear", "info", ""),
    ]


def test_counters_that_grow_quickly_are_reported_and_a_reset_is_no_growth():
    def change(t, values):
        values["gpu/0/pcie_replays"] += 0.5 * max(0, t - 400)
        values["gpu/0/nvlink_errors"] = 1000.0 if t < 500 else 0.0

    assert [title for _, _, title in watch(GpuLinks(), 800, change)] == [
        "GPU 0 repeats 8 transfers a minute on PCIe"
    ]


def test_a_gpu_that_is_nearly_too_hot_is_reported_before_it_slows_down():
    def change(t, values):
        values["gpu/0/temperature_margin"] = 4.0 if 100 <= t < 600 else 20.0

    assert watch(GpuSlowed(), 700, change) == [
        ("firing", "warning", "GPU 0 is 4 °C below where it slows down"),
        ("clear", "info", ""),
    ]


def test_memory_errors_that_are_corrected_are_reported_when_there_are_many():
    def change(t, values):
        values["gpu/0/ecc_corrected"] = 7.0 + t // 20 * (t > 2000)

    (found,) = watch(GpuFault(), 4000, change)
    assert found[:2] == ("firing", "warning")
    assert "which were corrected" in found[2]
    assert watch(GpuFault(), 4000, lambda t, values: values.update({"gpu/0/ecc_corrected": t // 100})) == []


def test_shared_memory_that_stays_full_and_files_that_stay_open():
    def change(t, values):
        if 100 <= t < 300:
            values["host/shm_used"] = 63 * GB
        if t >= 200:
            values["proc/0/fds"] = 990.0

    assert watch(HostLimits(), 400, change) == [
        ("firing", "warning", "shared memory (/dev/shm) is 98 % full"),
        ("firing", "warning", "rank 0 (pid 100) has 990 of its 1,024 files open"),
        ("clear", "info", ""),
    ]
