"""A mount that stops answering (a real FUSE file system): told as it is, and nobody else hangs with it."""

from __future__ import annotations

import os
import sys

from runwatch.core.sample import Processes, Sample, Space
from runwatch.watcher.samplers.sampler import Setup
from tests.watcher.samplers.conftest import MOUNTABLE, eventually

pytestmark = MOUNTABLE

READER = """
import os, time
file = os.open({!r}, os.O_RDONLY)
print('step 1', flush=True)
while True:
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)  # or the page cache would answer
    os.pread(file, 4096, 0)
    time.sleep(0.01)
"""


def test_a_run_that_reads_from_it_is_blocked_and_says_where(runs, mount, tmp_path, sampling):
    (tmp_path / "train.py").write_text(READER.format(str(mount.point / "data")))
    runs.start(["sh", "-c", f"exec {sys.executable} train.py > train.log"])
    log = tmp_path / "train.log"
    eventually(lambda: log.exists() and log.read_text())
    watched = sampling(Setup("machine", (os.fsencode(log),), interval=0.1))
    watched.expect(Processes, lambda message: message.processes)
    mount.stall()
    blocked = watched.expect(Processes, lambda m: any("data" in p.waits for p in m.processes)).processes[0]
    assert (blocked.role, blocked.state) == ("main", "blocked")
    assert blocked.waits.startswith(f"read of {mount.point}/data")
    fresh = sampling(Setup("machine", (os.fsencode(log),), interval=0.1))
    assert fresh.expect(Processes).processes, "finding who writes the log waits for no mount of theirs"
    values = fresh.expect(Sample).values
    assert values[f"proc/pid{blocked.pid}/fds"] >= 3.0
    mount.go_on()
    watched.expect(Processes, lambda m: m.processes and m.processes[0].state != "blocked")


def test_only_the_sampler_of_its_room_hangs(mount, tmp_path, sampling):
    space = sampling(Setup("space", (os.fsencode(mount.point),), interval=0.05))
    room = space.expect(Space)
    assert (room.free, room.total, room.inodes_free, room.fstype) == (1_024_000, 4_096_000, 20, "fuse")
    mount.stall()
    machine = sampling(Setup("machine", (os.fsencode(mount.point / "train.log"),), interval=0.05))
    for _ in range(3):  # its log is on that mount, and it still samples
        machine.expect(Sample)
    count = len(space.seen)
    machine.expect(Sample)
    space.process.poll()
    assert space.process.returncode is None
    mount.go_on()
    space.expect(Space)
    assert len(space.seen) > count
