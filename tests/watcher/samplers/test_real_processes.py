"""Real processes: found by their log, seen as they are, and their end told."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from runwatch.core.sample import MachineEvent, Processes, Sample
from runwatch.watcher.samplers.cgroup import Cgroups
from runwatch.watcher.samplers.exits import Exits, meaning
from runwatch.watcher.samplers.machine import Machine
from runwatch.watcher.samplers.procfs import Proc
from tests.watcher.samplers.conftest import eventually

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")

TRAIN = "import signal\nprint('step 1', flush=True)\nsignal.pause()\n"
KEPT = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 15)
"""Whether the kernel keeps how a process ended."""
RANKS = """
import os, signal, subprocess, sys
if 'RANK' not in os.environ:
    for rank in range(4):
        subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, 'RANK': str(rank), 'LOCAL_RANK': str(rank), 'WORLD_SIZE': '4'},
            start_new_session=rank > 1,
        )
elif os.environ['RANK'] == '0':
    subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])
print('ready', os.environ.get('RANK'), flush=True)
while True:
    signal.pause()
"""


class Watching:
    """A machine sampler in this process, looked through at will."""

    def __init__(self, *targets, pids=(), proc=None):
        self.seen = []
        self.machine = Machine([os.path.realpath(t) for t in targets], self.seen.append, pids=pids, proc=proc)

    def processes(self):
        self.machine._scan_at = 0.0
        self.machine.sample(time.time())
        return next(m for m in reversed(self.seen) if isinstance(m, Processes)).processes

    def roles(self):
        return sorted((p.role, p.rank) for p in self.processes())

    def main(self):
        return next((p for p in self.processes() if p.role in {"main", "rank"}), None)

    def died(self):
        self.machine.wait(0.05)
        return [m for m in self.seen if isinstance(m, MachineEvent) and m.kind == "process_died"]


@pytest.fixture
def watching():
    made = []

    def make(*targets, **options):
        made.append(Watching(*targets, **options))
        return made[-1]

    yield make
    for item in made:
        item.machine.close()


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(TRAIN)
    return path


def has_text(path):
    return lambda: path.exists() and path.read_text()


def test_a_run_that_writes_its_own_log(runs, tmp_path, script, watching):
    process = runs.start(["sh", "-c", f"exec {sys.executable} train.py secret >> train.log"])
    eventually(has_text(tmp_path / "train.log"))
    (found,) = watching(tmp_path / "train.log").processes()
    assert (found.pid, found.role, found.rank) == (process.pid, "main", None)
    assert found.command == f"{os.path.basename(sys.executable)} train.py"


def test_a_run_under_tee(runs, tmp_path, script, watching):
    runs.start(["sh", "-c", f"{sys.executable} train.py | tee train.log > /dev/null"])
    eventually(has_text(tmp_path / "train.log"))
    processes = watching(tmp_path / "train.log").processes()
    assert [(p.role, p.command.split()[-1]) for p in processes] == [("main", "train.py"), ("filter", "tee")]


def test_a_run_through_two_pipes_and_a_link(runs, tmp_path, script, watching):
    (tmp_path / "latest.log").symlink_to("train.log")
    runs.start(["sh", "-c", f"{sys.executable} train.py | sed -u s/step/STEP/ | cat > train.log"])
    eventually(has_text(tmp_path / "train.log"))
    watch = watching(tmp_path / "latest.log")
    assert watch.roles() == [("filter", None), ("filter", None), ("main", None)]


def test_four_ranks_under_a_launcher(runs, tmp_path, watching):
    (tmp_path / "ranks.py").write_text(RANKS)
    runs.start(["sh", "-c", f"exec {sys.executable} ranks.py > train.log"])
    eventually(has_text(tmp_path / "train.log"), lambda text: text and text.count("ready") == 5)
    watch = watching(tmp_path / "train.log")
    expected = [("launcher", None), ("rank", 0), ("rank", 1), ("rank", 2), ("rank", 3), ("worker", 0)]
    eventually(watch.roles, lambda found: found == expected)
    ranks = {p.rank: p for p in watch.processes() if p.role == "rank"}
    assert {p.world_size for p in ranks.values()} == {4}
    values = next(m for m in reversed(watch.seen) if isinstance(m, Sample)).values
    assert values["proc/0/workers"] == 1.0
    assert values["proc/3/rss"] > 1e6
    os.kill(ranks[3].pid, signal.SIGKILL)
    (event,) = eventually(watch.died)
    assert (event.pid, event.rank, event.role) == (ranks[3].pid, 3, "rank")
    assert "rank 3" in event.title
    for rank in ranks.values():
        if rank.rank > 1:  # these have sessions of their own
            os.kill(rank.pid, signal.SIGKILL)


def test_a_process_that_starts_between_two_looks_is_found_before_the_next(
    runs, tmp_path, script, watching, monkeypatch
):
    """Whoever looks every five seconds must not miss one that lives for twenty."""
    monkeypatch.setattr("runwatch.watcher.samplers.machine.SEEK", 0.05)
    monkeypatch.setattr("runwatch.watcher.samplers.machine.SCAN_COST", 0.0)
    watch = watching(tmp_path / "train.log")
    watch.machine.sample(time.time())
    process = runs.start(["sh", "-c", f"exec {sys.executable} train.py > train.log"])
    eventually(has_text(tmp_path / "train.log"))
    watch.machine.wait(0.5)
    process.terminate()
    (event,) = eventually(watch.died)
    assert (event.pid, event.signal) == (process.pid, signal.SIGTERM if KEPT else event.signal)


def test_looks_are_not_put_off_because_the_machine_is_busy(tmp_path, watching, monkeypatch):
    """What a look costs is its work, not how long it waited for a processor."""
    monkeypatch.setattr("runwatch.watcher.samplers.machine.SEEK", 0.0)
    monkeypatch.setattr("runwatch.system.stopwatch.waited", time.monotonic)
    watch = watching(tmp_path / "train.log")
    watch.machine.sample(time.time())
    assert watch.machine._scan_at <= time.monotonic()
    monkeypatch.setattr("runwatch.system.stopwatch.waited", lambda: 0.0)
    watch.processes()
    assert watch.machine._scan_at > time.monotonic()


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_killed(runs, tmp_path, script, watching, looks):
    """However many looks at the processes come between the death and its telling."""
    process = runs.start(["sh", "-c", f"exec {sys.executable} train.py > train.log"])
    eventually(has_text(tmp_path / "train.log"))
    watch = watching(tmp_path / "train.log")
    assert watch.main() is not None
    process.kill()
    if looks:
        process.wait()
    for _ in range(looks):
        watch.machine.sample(time.time())
        assert watch.processes() == ()
    (event,) = eventually(watch.died)
    known = KEPT or not looks
    assert (event.signal, event.exit_code) == (9 if known else None, None)
    assert ("SIGKILL" if known else "unknown") in event.title
    assert event.oom is not True
    assert eventually(watch.processes, lambda found: found == ()) == ()
    reported = [message for message in watch.seen if isinstance(message, Processes)]
    assert "holds train.log open" in reported[-1].note


@pytest.fixture
def small_cgroup():
    """A control group that allows 64 MiB; skipped where we may not make one."""
    group = Cgroups().of(os.getpid())
    if group is None or group.memory is None:
        pytest.skip("no memory control groups here")
    home = Path("/sys/fs/cgroup", group.memory.lstrip("/"))
    limit = "memory.limit_in_bytes" if group.version == 1 else "memory.max"
    made = home / f"runwatch-test-{os.getpid()}"
    try:
        made.mkdir()
    except OSError:
        pytest.skip("no permission to make a control group")
    try:
        (made / limit).write_text(str(64 << 20))
        yield made
    except OSError:
        pytest.skip("no permission to limit a control group")
    finally:
        for pid in (made / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        eventually(lambda: not (made / "cgroup.procs").read_text().strip())
        made.rmdir()


def test_killed_for_memory(runs, tmp_path, small_cgroup, watching):
    (tmp_path / "train.py").write_text(
        "import signal, sys\n"
        "signal.signal(signal.SIGUSR1, lambda *_: None)\n"
        "print('step 1', flush=True)\nsignal.pause()\ndata = bytearray(1 << 30)\n"
    )
    join = f"echo $$ > {small_cgroup}/cgroup.procs"
    process = runs.start(["sh", "-c", f"{join} && exec {sys.executable} train.py > train.log"])
    eventually(has_text(tmp_path / "train.log"))
    watch = watching(tmp_path / "train.log")
    assert watch.main() is not None
    assert watch.seen[-1].values["host/cgroup_memory_limit"] == 64 << 20
    process.send_signal(signal.SIGUSR1)
    (event,) = eventually(watch.died)
    assert (event.signal, event.oom) == (9, True)
    assert "out of memory" in event.title
    process.wait()


def test_stopped(runs, tmp_path, script, watching):
    process = runs.start(["sh", "-c", f"exec {sys.executable} train.py > train.log"])
    eventually(has_text(tmp_path / "train.log"))
    watch = watching(tmp_path / "train.log")
    process.send_signal(signal.SIGSTOP)
    assert eventually(watch.main, lambda found: found.state == "stopped")
    process.send_signal(signal.SIGCONT)
    assert eventually(watch.main, lambda found: found.state == "sleeping")


@pytest.mark.parametrize("how", ["open", "read"])
def test_blocked_on_a_fifo(runs, tmp_path, watching, how):
    os.mkfifo(tmp_path / "data")
    mode = "os.O_RDONLY" if how == "open" else "os.O_RDWR"
    code = f"import os; print('step 1', flush=True); os.read(os.open('data', {mode}), 1)"
    runs.start(["sh", "-c", f'exec {sys.executable} -c "{code}" > train.log'])
    eventually(has_text(tmp_path / "train.log"))
    watch = watching(tmp_path / "train.log")
    found = eventually(watch.main, lambda process: process.state == "sleeping" and process.waits)
    assert "FIFO" in found.waits or "pipe" in found.waits or found.waits == f"read of {tmp_path}/data"


def test_a_run_that_computes_is_running(runs, tmp_path, watching):
    runs.start(["sh", "-c", f'exec {sys.executable} -c "print(1, flush=True)\nwhile True: pass" > train.log'])
    eventually(has_text(tmp_path / "train.log"))
    watch = watching(tmp_path / "train.log")
    key = f"proc/pid{watch.main().pid}/cores"
    eventually(lambda: (watch.main(), watch.seen[-1].values.get(key, 0.0))[1], lambda cores: cores > 0.05)
    assert watch.main().state == "running"


@pytest.mark.parametrize("pidfd", [True, False])
def test_exit_codes(runs, pidfd):
    process = runs.start(["sh", "-c", "kill -STOP $$; exit 3"])
    exits = Exits(pidfd=pidfd)
    exits.watch(process.pid, eventually(lambda: Proc().stat(process.pid), lambda s: s.state == "T").start)
    assert exits.wait(0.0) == []
    process.send_signal(signal.SIGCONT)
    (ended,) = eventually(lambda: exits.wait(0.05))
    # nobody reaped it yet, and of a zombie of ours every kernel tells the code
    assert (ended.pid, ended.code, ended.signal) == (process.pid, 3, None)
    assert len(exits) == 0
    exits.close()


def test_the_end_of_what_another_parent_reaped(runs, tmp_path):
    """From Linux 6.15 the pidfd keeps how it ended; before, it is unknown, and never guessed."""
    code = "import subprocess,sys;p=subprocess.Popen(['sleep','600']);print(p.pid,flush=True);p.wait();p.wait();input()"
    runs.start(["sh", "-c", f'{sys.executable} -c "{code}" > pid; sleep 600'])
    pid = int(eventually(has_text(tmp_path / "pid")))
    exits = Exits()
    exits.watch(pid, Proc().stat(pid).start)
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: Proc().stat(pid) is None)
    (ended,) = eventually(lambda: exits.wait(0.05))
    known = (None, signal.SIGTERM)
    assert (ended.code, ended.signal) in ({known} if KEPT else {known, (None, None)})
    exits.close()


def test_a_reused_number_is_not_the_process_that_was_meant():
    exits = Exits()
    exits.watch(os.getpid(), Proc().stat(os.getpid()).start - 1)
    (ended,) = exits.wait(0.0)
    assert (ended.code, ended.signal) == (None, None)


def test_wait_status_in_words():
    assert meaning(3 << 8) == (3, None)
    assert meaning(9) == (None, 9)
    assert meaning(0x80 | 11) == (None, 11)
    assert meaning(None) == (None, None)
