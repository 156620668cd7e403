"""Do followers of a log lose or repeat lines? Twelve things that happen to logs, played for real.

usage: python benchmarks/tail_semantics.py

Each scenario writes numbered lines to real files while a follower reads them:
runwatch, and `tail -F` with inotify and without if it is installed. The table
gives the lines lost and repeated, and NUL bytes or broken lines let through.
All of it runs side by side and takes about eight seconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runwatch.watcher.sources.tail import Tail
from runwatch.watcher.sources.wake import Waker

SETTLE = 0.8
"""Seconds after each step in which a follower should have read everything."""


class Script:
    """Writes lines and remembers them."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.lines: list[bytes] = []

    def text(self, count: int) -> bytes:
        """Return the next `count` lines."""
        first = len(self.lines)
        new = [b"step %06d | loss %.6f" % (step, 9 / (step + 1)) for step in range(first, first + count)]
        self.lines += new
        return b"".join(line + b"\n" for line in new)

    def open(self, flags: int = os.O_APPEND) -> int:
        """Open the log as a writer would."""
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | flags)

    def begin(self, count: int = 40, flags: int = os.O_APPEND) -> int:
        """Open the log and write the next lines to it."""
        fd = self.open(flags)
        self.write(fd, count)
        return fd

    def write(self, fd: int, count: int) -> None:
        """Write the next lines and leave the follower time to read them."""
        os.write(fd, self.text(count))
        time.sleep(SETTLE)

    def rotate(self) -> None:
        """Do as logrotate does: rename, then create an empty file."""
        self.log.rename(self.log.with_suffix(".1"))
        os.close(self.open())


def created_after_start(script: Script) -> None:
    time.sleep(SETTLE)
    script.begin()


def line_in_pieces(script: Script) -> None:
    fd = script.begin(1)
    for byte in script.text(3):
        os.write(fd, bytes([byte]))
        time.sleep(0.002)


def old_file_60_ms(script: Script) -> None:
    old = script.begin()
    script.rotate()
    time.sleep(0.06)
    os.write(old, script.text(5))
    script.begin(20)


def old_file_3_s(script: Script) -> None:
    old = script.begin()
    script.rotate()
    time.sleep(3)
    os.write(old, script.text(5))
    script.begin(20)


def copytruncate_append(script: Script) -> None:
    fd = script.begin()
    shutil.copy(script.log, script.log.with_suffix(".1"))
    os.truncate(script.log, 0)
    script.write(fd, 20)


def copytruncate_hole(script: Script) -> None:
    fd = script.begin(flags=0)
    shutil.copy(script.log, script.log.with_suffix(".1"))
    os.truncate(script.log, 0)
    script.write(fd, 20)


def truncate_and_regrow(script: Script) -> None:
    fd = script.begin(20)
    more = script.text(200)
    os.truncate(script.log, 0)
    os.write(fd, more)


def rewrite_same_size(script: Script) -> None:
    script.begin(20)
    os.write(script.open(0), script.text(20))


def atomic_replace(script: Script) -> None:
    script.begin()
    new = script.log.with_suffix(".new")
    new.write_bytes(script.text(20))
    new.replace(script.log)


def delete_recreate_2_s(script: Script) -> None:
    os.close(script.begin())
    script.log.unlink()
    time.sleep(2)
    script.begin(60)


def parent_recreated(script: Script) -> None:
    os.close(script.begin())
    shutil.rmtree(script.log.parent)
    time.sleep(SETTLE)
    script.log.parent.mkdir()
    script.begin(20)


def file_to_symlink(script: Script) -> None:
    os.close(script.begin())
    script.log.rename(script.log.with_name("run-a"))
    target = script.log.with_name("run-b")
    target.write_bytes(script.text(20))
    script.log.symlink_to(target.name)


SCENARIOS = (
    created_after_start,
    line_in_pieces,
    old_file_60_ms,
    old_file_3_s,
    copytruncate_append,
    copytruncate_hole,
    truncate_and_regrow,
    rewrite_same_size,
    atomic_replace,
    delete_recreate_2_s,
    parent_recreated,
    file_to_symlink,
)


class Runwatch:
    """Our tail, woken by file events."""

    def __init__(self, log: Path, _: Path) -> None:
        self.data = b""
        self.stopped = False
        self.tail, self.waker = Tail(str(log)), Waker([str(log)])
        self.thread = threading.Thread(target=self.follow)
        self.thread.start()

    def follow(self) -> None:
        """Read until stopped; a mark ends the line held."""
        while not self.stopped:
            self.waker.wait(0.2)
            while piece := self.tail.poll():
                if piece.mark and self.data and not self.data.endswith(b"\n"):
                    self.data += b"\n"
                self.data += piece.data

    def stop(self) -> bytes:
        """End, and return all that was read."""
        self.stopped = True
        self.thread.join()
        self.waker.close()
        self.tail.close()
        return self.data


class GnuTail:
    """`tail -F` from the first line."""

    options: tuple[str, ...] = ()

    def __init__(self, log: Path, out: Path) -> None:
        self.out = out
        command = ["tail", "-F", "-n", "+1", *self.options, str(log)]
        with out.open("wb") as sink:
            self.process = subprocess.Popen(command, stdout=sink, stderr=subprocess.DEVNULL)

    def stop(self) -> bytes:
        """End, and return all that was read."""
        self.process.terminate()
        self.process.wait()
        return self.out.read_bytes()


class GnuTailPolling(GnuTail):
    """`tail -F` that looks every 0.1 s."""

    options = ("---disable-inotify", "-s", "0.1")


def play(scenario, follower) -> str:
    """Run one scenario under one follower; say what went wrong, or "ok"."""
    with tempfile.TemporaryDirectory() as home:
        log = Path(home) / "runs" / "run.log"
        log.parent.mkdir()
        script = Script(log)
        if scenario is not created_after_start:
            log.touch()
        reader = follower(log, Path(home) / "out")
        time.sleep(0.3)
        scenario(script)
        time.sleep(2.5)
        got = reader.stop()
    lines = got.split(b"\n")[:-1]
    lost = sum(line not in lines for line in script.lines)
    repeated = sum(lines.count(line) - 1 for line in script.lines if line in lines)
    broken = sum(line not in script.lines for line in lines)
    faults = {"lost": lost, "repeated": repeated, "broken": broken, "NUL": got.count(b"\0")}
    return ", ".join(f"{count} {name}" for name, count in faults.items() if count) or "ok"


def main() -> None:
    followers = {"runwatch": Runwatch}
    if shutil.which("tail"):
        followers |= {"tail -F": GnuTail, "tail -F, polling": GnuTailPolling}
    with ThreadPoolExecutor(len(SCENARIOS) * len(followers)) as pool:
        verdicts = {
            (scenario, name): pool.submit(play, scenario, follower)
            for scenario in SCENARIOS
            for name, follower in followers.items()
        }
    print(f"{'scenario':<22}" + "".join(f"{name:<28}" for name in followers).rstrip())
    for scenario in SCENARIOS:
        row = (f"{verdicts[scenario, name].result():<28}" for name in followers)
        print(f"{scenario.__name__.replace('_', ' '):<22}" + "".join(row).rstrip())


if __name__ == "__main__":
    main()
