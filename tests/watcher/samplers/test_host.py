"""The host, limits, use by processes and what they wait for, on a /proc made for the case."""

from __future__ import annotations

import os
import platform
import queue
import threading
import time

import pytest

from runwatch.core.sample import Sighted
from runwatch.watcher.samplers import space
from runwatch.watcher.samplers.cgroup import Cgroup, Cgroups, Limits, OomKills
from runwatch.watcher.samplers.host import Host, Rates, pressure
from runwatch.watcher.samplers.machine import Machine
from runwatch.watcher.samplers.process import Linker
from runwatch.watcher.samplers.procfs import PAGE, Proc
from runwatch.watcher.samplers.usage import Usage
from runwatch.watcher.samplers.waits import waits_for

LOG = "/data/train.log"


def test_host_values(fake_proc):
    fake_proc.write(
        "meminfo", "MemTotal:  1000 kB\nMemAvailable:  400 kB\nSwapTotal: 100 kB\nSwapFree: 60 kB\n"
    )
    fake_proc.write(
        "pressure/io",
        "some avg10=50.00 avg60=1.00 avg300=0 total=9\nfull avg10=25.00 avg60=12.50 avg300=0 total=5\n",
    )
    fake_proc.write("pressure/cpu", "some avg10=7.00 avg60=0.00 avg300=0.00 total=1\n")
    fake_proc.write(
        "net/dev",
        "h\nh\n    lo: 9 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n  eth0: 100 0 0 0 0 0 0 0 200 0 0 0 0 0 0 0\n",
    )
    fake_proc.write(
        "diskstats", " 8 0 sda 1 0 10 0 1 0 20 0\n 8 1 sda1 1 0 10 0 1 0 20 0\n 7 0 loop0 1 0 99 0 1 0 99 0\n"
    )
    host = Host(Proc(str(fake_proc.root)))
    first = host.sample(0.0)
    assert first["host/memory_total"] == 1_024_000
    assert first["host/memory_available"] == 409_600
    assert first["host/swap_used"] == 40_960
    assert first["host/cpu_pressure"] == pytest.approx(0.07)
    assert first["host/io_pressure"] == 0.25
    assert first["host/io_pressure_60"] == 0.125
    assert "host/memory_pressure" not in first, "a kernel without it is no zero"
    assert "host/cpu" not in first, "a rate needs two looks"
    fake_proc.write("stat", "cpu  150 0 125 825 0 0 0 0 0 0\n")
    fake_proc.write(
        "net/dev",
        "h\nh\n    lo: 99 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n  eth0: 300 0 0 0 0 0 0 0 200 0 0 0 0 0 0 0\n",
    )
    fake_proc.write(
        "diskstats", " 8 0 sda 1 0 10 0 1 0 24 0\n 8 1 sda1 1 0 10 0 1 0 24 0\n 7 0 loop0 1 0 99 0 1 0 99 0\n"
    )
    second = host.sample(2.0)
    assert second["host/cpu"] == 0.75
    assert (second["host/net_receive"], second["host/net_send"]) == (100.0, 0.0)
    assert (second["host/disk_read"], second["host/disk_write"]) == (0.0, 1024.0)


def test_no_proc_at_all_still_says_something(tmp_path):
    values = Host(Proc(str(tmp_path / "none"))).sample(0.0)
    assert values["host/memory_total"] > 0
    seen = []
    Machine([LOG], seen.append, proc=Proc(str(tmp_path / "none"))).sample(0.0)
    assert "Linux" in seen[0].note


def test_a_named_process_that_is_not_there(fake_proc):
    seen = []
    Machine([], seen.append, pids=[77], proc=Proc(str(fake_proc.root))).sample(0.0)
    assert (seen[0].processes, seen[0].note) == ((), "no process 77 is running")


def test_a_worker_that_is_blocked_says_on_what(fake_proc):
    fake_proc.add(10, fds={1: (LOG, True)})
    fake_proc.add(11, parent=10, state="D")
    fake_proc.write("11/wchan", "request_wait_answer")
    seen = []
    machine = Machine([LOG], seen.append, proc=Proc(str(fake_proc.root)))
    machine.sample(0.0)
    machine.sample(1.0)
    reported = [message for message in seen if hasattr(message, "processes")][-1]
    assert [(p.state, p.waits) for p in reported.processes] == [
        ("sleeping", ""),
        ("blocked", "a FUSE file system"),
    ]
    machine.close()


def test_rates():
    rates = Rates()
    assert rates.per_second("a", 0.0, 5.0) is None
    assert rates.per_second("a", 2.0, 9.0) == 2.0
    assert rates.per_second("a", 3.0, 1.0) is None, "a counter that went back was reset"
    assert rates.per_second("a", 4.0, 2.0) == 1.0


def test_pressure_of_a_missing_file():
    assert pressure("", "some") == {}


def test_limits_of_version_2(fake_proc, tmp_path):
    root = tmp_path / "cgroup"
    (root / "job/step").mkdir(parents=True)
    (root / "job/memory.max").write_text("1000\n")
    (root / "job/step/memory.max").write_text("max\n")
    (root / "job/step/memory.current").write_text("900\n")
    (root / "job/step/memory.stat").write_text("anon 500\ninactive_file 300\n")
    (root / "job/step/memory.events").write_text("low 0\noom 1\noom_kill 4\n")
    fake_proc.add(10)
    fake_proc.write("10/cgroup", "0::/job/step\n")
    groups = Cgroups(Proc(str(fake_proc.root)), str(root))
    group = groups.of(10)
    assert group == Cgroup("/job/step", 2)
    limits = groups.limits(group)
    assert limits == Limits(memory_used=600, memory_limit=1000, oom_kills=4)


def test_limits_of_version_1(fake_proc, tmp_path):
    root = tmp_path / "cgroup"
    (root / "memory/job").mkdir(parents=True)
    (root / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    (root / "memory/job/memory.limit_in_bytes").write_text("5000\n")
    (root / "memory/job/memory.usage_in_bytes").write_text("4000\n")
    (root / "memory/job/memory.stat").write_text("inactive_file 1\ntotal_inactive_file 1000\n")
    (root / "memory/job/memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    fake_proc.add(10)
    fake_proc.write("10/cgroup", "4:memory:/job\n3:cpu,cpuacct:/job\n0::/\n")
    groups = Cgroups(Proc(str(fake_proc.root)), str(root))
    limits = groups.limits(groups.of(10))
    assert limits == Limits(memory_used=3000, memory_limit=5000, oom_kills=1)


def test_kills_explain_only_what_follows_soon():
    kills = OomKills()
    assert kills.rose("g", 0.0) is None, "without a count nothing is known"
    assert not kills.note("g", 0.0, 3)
    assert kills.rose("g", 1.0) is False
    assert kills.note("g", 2.0, 4)
    assert kills.rose("g", 5.0) is True
    kills.note("g", 20.0, 4)
    assert kills.rose("g", 20.0) is False


def test_a_process_killed_for_memory(fake_proc, tmp_path, monkeypatch):
    """The counter is read again when the death is known, so it need not have been seen before."""
    from runwatch.watcher.samplers.exits import Exit

    root = tmp_path / "cgroup"
    (root / "job").mkdir(parents=True)
    events = root / "job/memory.events"
    events.write_text("oom_kill 0\n")
    fake_proc.add(10, fds={1: (LOG, True)}, environ={"RANK": "2"})
    fake_proc.write("10/cgroup", "0::/job\n")
    seen = []
    proc = Proc(str(fake_proc.root))
    machine = Machine([LOG], seen.append, proc=proc, cgroups=Cgroups(proc, str(root)))
    machine.sample(0.0)
    events.write_text("oom_kill 1\n")
    machine._bury(Exit(10, None, 9))
    (event,) = [m for m in seen if type(m).__name__ == "MachineEvent"]
    assert (event.oom, event.rank, event.title) == (True, 2, "rank 2 (pid 10) was killed: out of memory")
    machine.close()


def test_use_of_a_rank_and_its_workers(fake_proc):
    rank = {"RANK": "1", "LOCAL_RANK": "0"}
    fake_proc.add(10, fds={1: (LOG, True)}, environ=rank)
    fake_proc.add(11, parent=10, environ=rank, state="D")
    fake_proc.add(12, parent=11, environ=rank)
    fake_proc.add(13, parent=10, environ=rank)
    fake_proc.write(
        "10/limits", "Max open files            1024                 4096                 files\n"
    )
    proc = Proc(str(fake_proc.root))
    linked, usage = Linker([LOG], proc=proc).scan(), Usage(proc)
    usage.sample(0.0, linked)
    fake_proc.add(13, parent=10, environ=rank)
    values = usage.sample(2.0, linked)
    assert (values["proc/1/workers"], values["proc/1/workers_blocked"]) == (3.0, 1.0)
    assert values["proc/1/blocked"] == 0.0
    assert (values["proc/1/fds"], values["proc/1/fd_limit"]) == (1.0, 1024.0)
    assert values["proc/1/rss"] == 250 * PAGE
    assert not any(name.startswith("proc/pid") for name in values)


@pytest.mark.parametrize(
    ("state", "wchan", "call", "waits"),
    [
        ("D", "folio_wait_bit_common", 0, "read of /mnt/x.tar (a page of a file)"),
        ("D", "io_schedule", 0, "read of /mnt/x.tar"),
        ("S", "request_wait_answer", 1, "write of /mnt/x.tar (a FUSE file system)"),
        ("S", "anon_pipe_read", 999, "data from a pipe"),
        ("S", "wait_for_partner", 257, "the other end of a FIFO (open)"),
        ("S", "request_wait_answer", 999, "a FUSE file system"),
        ("D", "nvidia_ioctl", 16, "the kernel (nvidia_ioctl)"),
        ("S", "futex_wait_queue", 202, ""),
        ("D", "0", 999, ""),
        ("R", "0", 0, ""),
    ],
)
def test_what_a_process_waits_for(fake_proc, monkeypatch, state, wchan, call, waits):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    fake_proc.add(10, state=state, fds={3: ("/mnt/x.tar", False)})
    fake_proc.write("10/wchan", wchan)
    fake_proc.write("10/syscall", f"{call} 0x3 0x0 0x0 0x0 0x0 0x0 0x7f 0x7f\n")
    proc = Proc(str(fake_proc.root))
    assert waits_for(proc, proc.stat(10)) == waits


def test_a_mount_that_does_not_answer_holds_up_only_itself(monkeypatch, tmp_path):
    (tmp_path / "dead").mkdir()
    answer, received, real = threading.Event(), queue.Queue(), os.statvfs

    def statvfs(path):
        if str(path).endswith("dead"):
            answer.wait(120)
        return real(path)

    monkeypatch.setattr("os.statvfs", statvfs)
    dead = str(tmp_path / "dead")
    rooms = space.Rooms([str(tmp_path), dead], received.put, every=3600.0, deadline=10.0)
    assert received.get(timeout=120).path == str(tmp_path)
    now = time.time()
    rooms.sample(now + 1)
    assert received.empty()
    for _ in range(2):
        rooms.sample(now + 60)
    blind = received.get(timeout=120)
    assert (blind.sampler, blind.cause, blind.final) == (f"space {dead}", "silent", False)
    assert received.empty(), "it is reported once"
    answer.set()
    assert received.get(timeout=120).path == dead
    until = time.monotonic() + 120
    while received.empty() and time.monotonic() < until:
        rooms.sample(now + 61)
    assert received.get(timeout=1) == Sighted(f"space {dead}", now + 61)
