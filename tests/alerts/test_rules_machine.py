"""Rules about the machine: what they say of made-up samples, and that healthy machines are left alone."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from runwatch.alerts.rules.common.trend import seconds_to
from runwatch.alerts.rules.common.witness import witness
from runwatch.alerts.rules.life.ended import Ended
from runwatch.alerts.rules.life.hang import Hang
from runwatch.alerts.rules.machine.disk_full import DiskFull
from runwatch.alerts.rules.machine.gpu_fault import GpuFault
from runwatch.alerts.rules.machine.gpu_memory import GpuMemory
from runwatch.alerts.rules.machine.gpu_slowed import GpuSlowed
from runwatch.alerts.rules.machine.gpu_underuse import GpuUnderuse
from runwatch.alerts.rules.machine.host_memory import HostMemory
from runwatch.alerts.rules.machine.io_stall import IoStall
from runwatch.core.block import Status
from runwatch.core.machine import Machine, Trail
from runwatch.core.sample import (
    Blind,
    Gpu,
    GpuProcesses,
    Gpus,
    MachineEvent,
    Process,
    Processes,
    Sample,
    Space,
)

from .columns import Log

T0 = 1_000_000.0
GB = 1e9
RULES = (GpuFault, GpuSlowed, GpuUnderuse, GpuMemory, HostMemory, DiskFull, IoStall, Ended)
PROCESSES = tuple(
    Process(100 + rank, T0, "rank", "python train.py", "running", 1, rank=rank, local_rank=rank)
    for rank in range(2)
)
HEALTHY = {
    **{f"gpu/{i}/util": 0.97 for i in range(2)},
    **{f"gpu/{i}/power": 600.0 for i in range(2)},
    **{f"gpu/{i}/power_limit": 700.0 for i in range(2)},
    **{f"gpu/{i}/memory_used": 78 * GB for i in range(2)},
    **{f"gpu/{i}/memory_total": 80 * GB for i in range(2)},
    **{f"gpu/{i}/throttle": 4.0 for i in range(2)},  # at its power cap, as it should be
    **{f"gpu/{i}/ecc_uncorrected": 3.0 for i in range(2)},  # from before
    **{f"proc/{i}/{name}": value for i in range(2) for name, value in (("cores", 1.0), ("blocked", 0.0))},
    "host/cpu": 0.4,
    "host/io_pressure": 0.02,
    "host/io_pressure_60": 0.02,
    "host/memory_available": 300 * GB,
    "host/memory_total": 1000 * GB,
}


def under_way() -> Machine:
    machine = Machine()
    machine.fold(Processes(T0, PROCESSES))
    machine.fold(Gpus(T0, tuple(Gpu(str(i), measure="util") for i in range(3))))
    machine.fold(GpuProcesses(T0, {"0": {100: 70 * GB}, "1": {101: 70 * GB}}))
    return machine


def status(machine, now, **more):
    fields = {"phase": "training", "silent_for": 1.0, "fraction": 0.5, "last_step": 7, "total": 1000, **more}
    return Status(now=now, machine=machine, **fields)


def watch(rule, seconds, change=lambda t, values: None, *, every=2.0, tick=1.0, more=None):
    """Sample every `every` seconds and tick every `tick`; return the findings as (verdict, severity, title)."""
    machine, found = under_way(), []
    sampled = ticked = 0.0
    for t in sorted(
        {i * every for i in range(int(seconds / every) + 1)}
        | {i * tick for i in range(int(seconds / tick) + 1)}
    ):
        if t >= sampled:
            values = dict(HEALTHY)
            messages = change(t, values) or ()
            machine.fold(Sample(T0 + t, values))
            for message in messages:
                machine.fold(message)
            sampled += every
        if t >= ticked:
            found += rule.tick(status(machine, T0 + t, **(more(t) if more else {})))
            ticked += tick
    return found


def brief(findings):
    return [(f.verdict.value, f.severity.value, f.metric) for f in findings]


def test_a_healthy_machine_raises_nothing():
    for rule in RULES:
        assert watch(rule(), 4200, every=10.0, tick=10.0) == [], rule.name


def test_nothing_is_said_where_nobody_looks():
    for rule in RULES:
        assert list(rule().tick(Status(now=T0, phase="training"))) == []
        assert list(rule().tick(status(Machine(), T0))) == []


# -- the fold --------------------------------------------------------------------------------------


def test_means_do_not_depend_on_when_they_are_asked_for():
    one, other = Trail(seconds=50.0), Trail(seconds=50.0)
    for i in range(200):
        one.add(T0 + i, float(i))
        other.add(T0 + i, float(i))
        other.points()
    assert one.points() == other.points()
    assert [mean for _, mean in one.points()][-2:] == [184.5, 194.5]
    assert len(one.points()) <= 6
    assert one.window(T0 + 200, 40.0) == [164.5, 174.5, 184.5, 194.5]
    assert one.window(T0 + 290, 40.0) == [], "too old"


def test_values_of_processes_that_are_gone_are_forgotten_and_old_ones_do_not_count():
    machine = under_way()
    machine.fold(Sample(T0, HEALTHY))
    assert machine.value("proc/1/cores", T0 + 10) == 1.0
    assert machine.value("proc/1/cores", T0 + 1000) is None
    machine.fold(Processes(T0 + 1, PROCESSES[:1]))
    assert machine.value("proc/1/cores", T0 + 2) is None
    assert machine.owned() == ("0",)


def test_gpus_of_children_without_ranks_are_the_runs():
    """As `mp.spawn` and most notebooks have it."""
    main = Process(100, T0, "main", "python train.py", "sleeping", 1, gpus=("0", "1", "2", "3"))
    children = [Process(pid, T0, "worker", "python train.py", "running", 100) for pid in (101, 102)]
    machine = Machine()
    machine.fold(Processes(T0, (main, *children)))
    assert machine.owned() == ("0", "1", "2", "3"), "all it may use, while the driver says nothing"
    machine.fold(GpuProcesses(T0, {"0": {101: 1e9}, "2": {102: 1e9}, "3": {999: 1e9}}))
    assert machine.owned() == ("0", "2")


def test_a_run_has_ended_when_its_last_process_has():
    machine = under_way()
    machine.fold(MachineEvent("process_died", T0 + 1, "", pid=100, role="rank", exit_code=0))
    machine.fold(Processes(T0 + 1, ()))
    assert machine.ended is None, "the log may have been closed for a moment"
    machine.fold(MachineEvent("process_died", T0 + 2, "", pid=101, role="rank"))
    assert (machine.ended.time, machine.ended.exit_code) == (T0 + 2, None)
    machine.fold(Processes(T0 + 3, PROCESSES))
    assert machine.ended is None


# -- GPUs ------------------------------------------------------------------------------------------


def gpus(*states):
    return Gpus(T0, tuple(Gpu(str(i), state=state, measure="util") for i, state in enumerate(states)))


def test_a_lost_gpu_and_its_return():
    def change(t, values):
        return [gpus("ok", "lost" if 10 <= t < 20 else "ok", "lost")]

    assert brief(watch(GpuFault(), 30, change)) == [
        ("firing", "critical", "gpu/1"),
        ("clear", "info", "gpu/1"),
    ], "the third GPU is not of this run"


def test_a_gpu_that_is_lost_is_still_of_the_run():
    bare = tuple(msgspec.structs.replace(process, local_rank=None) for process in PROCESSES)

    def change(t, values):
        if t != 10:
            return [Processes(T0 + t, bare)]
        return [gpus("ok", "lost"), GpuProcesses(T0 + t, {"0": {100: GB}})]

    assert brief(watch(GpuFault(), 30, change)) == [("firing", "critical", "gpu/1")]


@pytest.mark.parametrize(("seconds", "found"), [(20, [("firing", "critical", "gpu/0/xid")]), (90, [])])
def test_a_gpu_is_of_the_run_until_shortly_after_its_process_has_ended(seconds, found):
    left = tuple(process for process in PROCESSES if process.rank != 0)

    def change(t, values):
        error = MachineEvent("xid", T0 + t, "", gpu="0", xid=79)
        at_work = GpuProcesses(T0 + t, {"1": {left[0].pid: GB}})
        return [] if t < 20 else [Processes(T0 + t, left), at_work, *([error] if t == 20 + seconds else [])]

    assert brief(watch(GpuFault(), 130, change)) == found


@pytest.mark.parametrize(
    ("xid", "found"),
    [(79, "critical"), (48, "critical"), (13, "warning"), (63, "warning"), (43, None), (45, None)],
)
def test_xids_by_their_class(xid, found):
    def change(t, values):
        return [MachineEvent("xid", T0 + t, "", gpu="0", xid=xid)] if t == 10 else []

    expected = [("firing", found, "gpu/0/xid"), ("clear", "info", "gpu/0/xid")] if found else []
    assert brief(watch(GpuFault(quiet=30), 60, change)) == expected


def test_a_gpu_that_may_be_anybodys_is_less_severe():
    machine = Machine()
    machine.fold(gpus("lost"))
    assert brief(GpuFault().tick(status(machine, T0))) == [("firing", "warning", "gpu/0")]


def test_new_memory_errors_and_a_silent_driver():
    def change(t, values):
        values["gpu/0/ecc_uncorrected"] = 3.0 + (t >= 10)
        return [Blind("gpu", T0 + t, "silent", "did not answer", final=False)] if t == 20 else []

    found = watch(GpuFault(), 30, change)
    assert brief(found) == [("firing", "critical", "gpu/0/ecc_uncorrected"), ("firing", "warning", "gpu")]


def test_heat_is_reported_when_it_lasts_and_the_power_cap_never():
    def change(t, values):
        values["gpu/1/throttle"] = 68.0 if 100 <= t < 2000 else 4.0

    (hot, cool) = watch(GpuSlowed(), 3000, change)
    assert (hot.severity.value, hot.title) == ("warning", "GPU 1 is slowed: too hot (hardware)")
    assert cool.verdict.value == "clear"
    assert watch(GpuSlowed(), 1200, lambda t, v: v.update({"gpu/1/throttle": 68.0 * (t % 60 < 20)})) == []


CAUSES = {
    "its processes wait for storage": {"host/io_pressure": 0.5},
    "preparing data uses all processors it has": {"proc/0/workers": 4.0, "proc/0/workers_cores": 3.9},
    "the training process is bound by one core": {"proc/0/cores": 1.0},
    "": {"proc/0/cores": 0.3, "proc/1/cores": 0.3},
}


@pytest.mark.few(2)
@pytest.mark.parametrize("cause", CAUSES)
def test_gpus_that_wait_and_for_what(cause):
    def change(t, values):
        if t >= 1500:
            values.update({"gpu/0/util": 0.2, "gpu/1/util": 0.2}, **CAUSES[cause])

    (found,) = watch(GpuUnderuse(), 2400, change)
    assert (found.severity.value, found.cause) == ("warning", cause)
    assert found.evidence["usual_use"] == pytest.approx(0.97)


def test_one_idle_gpu_a_small_model_and_pauses():
    def small(t, values):
        values.update({"gpu/0/util": 0.2, "gpu/1/util": 0.2})

    assert brief(watch(GpuUnderuse(), 2400, small)) == [("firing", "info", "gpu/use")]
    pauses = watch(
        GpuUnderuse(), 2400, small, more=lambda t: {"phase": "evaluating" if t % 500 < 60 else "training"}
    )
    assert pauses == []
    assert watch(GpuUnderuse(), 2400, small, more=lambda t: {"silent_for": t}) == [], "that is a hang"


def test_two_rests_of_slow_rows_are_no_underuse():
    rests = ((2000, 2194), (2200, 2800))

    def rest(t, values):
        if any(begin <= t < end for begin, end in rests):
            values.update({"gpu/0/util": 0.15, "gpu/1/util": 0.15})

    def silent(t):
        return {"silent_for": next((t - begin for begin, end in rests if begin <= t < end), t % 74)}

    slow = GpuUnderuse()
    list(slow.observe(Log(perf__step_time=np.full(50, 74.0)).block(0, 50)))
    assert watch(slow, 3600, rest, more=silent, every=10.0, tick=10.0) == []
    quick = GpuUnderuse(still=220.0)  # of a run whose rows take seconds, it is
    assert watch(quick, 3600, rest, more=silent, every=10.0, tick=10.0) != []


def test_slow_rows_next_to_a_rest_are_no_underuse():
    rows = ((2000, 2116), (2177, 2297), (2297, 2441), (2441, 2735))  # two slow ones, two of a rest

    def rest(t, values):
        if any(begin <= t < end for begin, end in rows):
            values.update({"gpu/0/util": 0.15, "gpu/1/util": 0.15})

    def silent(t):
        return {"silent_for": next((t - begin for begin, end in rows if begin <= t < end), t % 58)}

    rule = GpuUnderuse()
    list(rule.observe(Log(perf__step_time=np.full(50, 58.5)).block(0, 50)))
    assert watch(rule, 3600, rest, more=silent, every=10.0, tick=10.0) == []


def test_growing_gpu_memory_and_memory_that_only_is_high():
    def leak(t, values):
        values["gpu/0/memory_used"] = 40 * GB + t * 8e6

    (found,) = watch(GpuMemory(), 3700, leak, every=10.0, tick=10.0)
    assert (found.severity.value, found.metric) == ("warning", "gpu/0/memory_used")
    assert "full in" in found.title

    def step(t, values):
        values["gpu/0/memory_used"] = (40 + 20 * (t > 2000)) * GB

    assert watch(GpuMemory(), 5000, step, every=10.0, tick=10.0) == []


# -- host and storage ------------------------------------------------------------------------------


def test_memory_that_runs_out():
    def change(t, values):
        values["host/memory_available"] = (300 if t < 100 or t > 1000 else 20 if t > 500 else 60) * GB

    found = brief(watch(HostMemory(), 1200, change))
    assert found == [
        ("firing", "warning", "host/memory_available"),
        ("firing", "critical", "host/memory_available"),
        ("clear", "info", "host/memory_available"),
    ]
    assert (
        watch(
            HostMemory(), 300, lambda t, v: v.update({"host/memory_available": GB * (300 - 280 * (t == 100))})
        )
        == []
    )


def test_memory_of_a_container_that_grows_steadily():
    def change(t, values):
        values["host/cgroup_memory_limit"] = 100 * GB
        values["host/cgroup_memory_used"] = 50 * GB + t * 1e7

    (found,) = watch(HostMemory(), 2000, change, every=10.0, tick=10.0)
    assert found.title.startswith("the memory limit of its container will be used up in")


def test_a_kill_for_memory():
    event = MachineEvent("oom_kill", T0 + 10, "", oom=True)
    found = watch(HostMemory(), 30, lambda t, v: [event] if t == 10 else [])
    assert brief(found) == [("firing", "critical", "host/oom_kills")]


def room(t, free, **more):
    fields = {"inodes_free": 10**6, "inodes_total": 10**7, "seconds": 0.001, **more}
    return [Space(T0 + t, "/data/run", "/data", "xfs", int(free), int(1e12), **fields)]


def test_disks():
    full = watch(DiskFull(), 60, lambda t, v: room(t, 1e8))
    assert brief(full) == [("firing", "critical", "space /data")]
    late = watch(DiskFull(), 8000, lambda t, v: room(t, 2e11 - t * 2e7), every=30.0, tick=30.0)
    assert brief(late) == [("firing", "critical", "space /data")]
    assert "will be full in" in late[0].title
    rotated = watch(DiskFull(), 8000, lambda t, v: room(t, 2e11 - (t % 1800) * 1e8), every=30.0, tick=30.0)
    assert rotated == [], "a saw-tooth is no trend"
    assert watch(DiskFull(), 60, lambda t, v: room(t, 5e9)) == [], "large file systems live at 99 %"
    dead = watch(DiskFull(), 60, lambda t, v: room(t, 1e8), more=lambda t: {"finished": True})
    assert dead == []


def test_storage_needs_two_signs():
    def stuck(t, values):
        values["proc/0/blocked"] = float(t >= 100)

    assert watch(IoStall(), 600, stuck) == []

    def both(t, values):
        stuck(t, values)
        values["host/io_pressure_60"] = 0.5 if 100 <= t < 1000 else 0.0
        if t >= 1000:
            values["proc/0/blocked"] = 0.0

    found = watch(IoStall(), 1200, both, more=lambda t: {"silent_for": max(0.0, t - 100)})
    assert brief(found) == [
        ("firing", "warning", "host/io_pressure"),
        ("firing", "critical", "host/io_pressure"),
        ("clear", "info", "host/io_pressure"),
    ]
    assert found[0].cause == "rank 0 (pid 100) is blocked in the kernel"


# -- the end of a run, and evidence for a hang -----------------------------------------------------


def died(t, **more):
    return [MachineEvent("process_died", T0 + t, "", pid=pid, role="rank", **more) for pid in (100, 101)]


def silent(t, since=10, **more):
    """The status of a run of which no row came since."""
    return {"silent_for": max(0.0, t - since), "log_silent_for": max(0.0, t - since), **more}


def test_processes_that_ended_in_the_middle():
    (found,) = watch(Ended(), 30, lambda t, v: died(t) if t == 10 else [], more=silent)
    assert found.title == "the run's processes ended at step 7 of 1,000; how is unknown"
    assert found.severity.value == "warning"
    (found,) = watch(Ended(), 30, lambda t, v: died(t, exit_code=0) if t == 10 else [], more=silent)
    assert found.title == "the run's processes ended at step 7 of 1,000 with exit code 0"
    killed = watch(Ended(), 30, lambda t, v: died(t, signal=9) if t == 10 else [], more=silent)
    assert killed == [], "that is a crash"
    done = watch(
        Ended(), 30, lambda t, v: died(t) if t == 10 else [], more=lambda t: silent(t, fraction=0.999)
    )
    assert done == []
    moves = watch(Ended(), 30, lambda t, v: died(t) if t == 10 else [], more=lambda t: silent(t, since=20))
    assert moves == [], "the next launch trains, though no process of it is known yet"
    beats = watch(
        Ended(),
        30,
        lambda t, v: died(t) if t == 10 else [],
        more=lambda t: silent(t) | {"log_silent_for": t % 5},
    )
    assert beats == [], "another process still writes to the log"


def test_processes_that_ended_in_a_run_of_unknown_length():
    def ended(step, exit_code=None):
        def unknown(t):
            return silent(t, fraction=None, last_step=step, total=None)

        found = watch(
            Ended(),
            30,
            lambda t, v: died(t, exit_code=exit_code) if t == 10 else [],
            more=unknown,
        )
        return [finding.severity.value for finding in found]

    assert ended(1234) == ["warning"]
    assert ended(1250) == ["info"], "runs end at round steps"
    assert ended(1234, exit_code=0) == ["info"]


def test_what_processes_do_is_evidence_for_a_hang():
    machine = under_way()
    stopped = msgspec.structs.replace(PROCESSES[0], state="stopped")
    blocked = msgspec.structs.replace(PROCESSES[1], state="blocked", waits="write of /mnt/x/a.pt")
    machine.fold(Processes(T0, (stopped, blocked)))
    (found,) = Hang().tick(status(machine, T0 + 2000, silent_for=2000.0, log_silent_for=2000.0))
    assert found.cause.startswith("rank 0 (pid 100): stopped by a signal")
    assert found.evidence["stopped"] == "rank 0 (pid 100)"
    assert found.evidence["blocked"] == "rank 1 (pid 101) in write of /mnt/x/a.pt"
    assert found.advice == "kill -CONT 100"


def test_a_collective_that_spins():
    machine = under_way()
    for i in range(60):
        machine.fold(Sample(T0 + 2 * i, HEALTHY | {f"gpu/{g}/power": 250.0 for g in range(2)}))
    assert witness(machine, T0 + 120).evidence["spinning_gpus"] == "0, 1"
    assert "collective" in witness(machine, T0 + 120).cause
    machine = under_way()
    for i in range(60):
        machine.fold(Sample(T0 + 2 * i, HEALTHY))
    assert "spinning_gpus" not in witness(machine, T0 + 120).evidence


def test_no_hang_once_the_processes_are_gone():
    machine = under_way()
    for event in died(1):
        machine.fold(event)
    assert Hang().tick(status(machine, T0 + 2000, silent_for=2000.0, log_silent_for=2000.0)) == []


# -- invariance ------------------------------------------------------------------------------------


def troubles(t, values):
    """A machine with everything wrong at some time, by the clock alone."""
    values["gpu/1/throttle"] = 64.0 if t >= 600 else 4.0
    values["host/memory_available"] = (20 if 900 <= t < 1500 else 300) * GB
    values["gpu/0/util"] = values["gpu/1/util"] = 0.2 if t >= 1800 else 0.97
    values["proc/0/blocked"] = values["host/io_pressure_60"] = float(1200 <= t < 1600)
    return room(t, 1e8 if t >= 2000 else 1e11)


@pytest.mark.few(2)
@pytest.mark.parametrize("rule", [GpuSlowed, GpuUnderuse, HostMemory, DiskFull, IoStall])
def test_how_often_one_looks_does_not_change_what_is_found(rule):
    often, rarely = (brief(watch(rule(), 2800, troubles, every=2.0, tick=tick)) for tick in (1.0, 7.0))
    assert often == rarely
    assert often


def test_trends():
    line = [(float(t), 10.0 + t) for t in range(100)]
    assert seconds_to(line, 209.0, least=1.0) == pytest.approx(100.0)
    assert seconds_to(line, 209.0, least=200.0) is None
    assert seconds_to([(t, -v) for t, v in line], -209.0, least=1.0) == pytest.approx(100.0)
    assert seconds_to([(t, 5.0) for t, _ in line], 10.0, least=0.0) is None
    assert seconds_to([(t, float(t % 25)) for t, _ in line], 100.0, least=1.0) is None
    assert seconds_to(line[:10], 100.0, least=1.0) is None
