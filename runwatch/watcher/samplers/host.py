"""What the machine as a whole is doing: processors, pressure, memory, network and disks.

Where there is no /proc (macOS), psutil knows less.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from runwatch.watcher.samplers.procfs import Proc

SECTOR = 512
_VIRTUAL_NETWORK = ("lo", "veth", "docker", "br-", "virbr", "cni", "flannel", "cali", "dummy", "tun")
_VIRTUAL_DISK = ("loop", "ram", "dm-", "md", "zram", "sr")
SHM = "/dev/shm"  # noqa: S108  it is the shared memory file system itself


class Rates:
    """Turns counters into rates: change per second since the last look."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}

    def per_second(self, name: str, now: float, count: float) -> float | None:
        """Return the rate of a counter read at `now`; None at first and when it was reset."""
        before = self._last.get(name)
        self._last[name] = (now, count)
        if before is None or now <= before[0] or count < before[1]:
            return None
        return (count - before[1]) / (now - before[0])

    def keep(self, names: Mapping[str, object]) -> None:
        """Forget counters whose name does not begin with one of `names` and a slash."""
        self._last = {name: last for name, last in self._last.items() if name.split("/")[0] in names}


class Host:
    """Samples the machine."""

    def __init__(self, proc: Proc | None = None) -> None:
        self._proc = proc or Proc()
        self._rates = Rates()
        self._linux = self._proc.read("stat") is not None

    def sample(self, now: float) -> dict[str, float]:
        """Return values at `now` (Unix time); rates need a second look."""
        values = self._linux_values(now) if self._linux else self._other_values(now)
        return {f"host/{name}": float(value) for name, value in values.items() if value is not None}

    def _linux_values(self, now: float) -> dict[str, float | None]:
        values: dict[str, float | None] = {"cpu": self._cpu(now)}
        values |= self._pressure()
        values |= self._memory()
        values |= self._network(now)
        values |= self._disks(now)
        return values

    def _cpu(self, now: float) -> float | None:
        """Return the share of all cores' time that was not idle."""
        first = (self._proc.read("stat") or "").split("\n", 1)[0].split()[1:9]
        times = [int(word) for word in first]
        if len(times) < 5:
            return None
        idle = self._rates.per_second("idle", now, times[3] + times[4])
        total = self._rates.per_second("total", now, sum(times))
        return max(0.0, 1.0 - idle / total) if idle is not None and total else None

    def _pressure(self) -> dict[str, float | None]:
        """Return the shares of time in which work made no progress for want of something (PSI)."""
        found: dict[str, float | None] = {}
        for what, line in (("cpu", "some"), ("io", "full"), ("memory", "full")):
            averages = pressure(self._proc.read("pressure", what) or "", line)
            found[f"{what}_pressure"] = averages.get("avg10")
            if what == "io":
                found["io_pressure_60"] = averages.get("avg60")
        return found

    def _memory(self) -> dict[str, float | None]:
        info = {name: 1024 * kib for name, kib in self._proc.fields("meminfo").items()}
        found: dict[str, float | None] = {
            "memory_total": info.get("MemTotal"),
            "memory_available": info.get("MemAvailable"),
        }
        if "SwapTotal" in info and "SwapFree" in info:
            found["swap_used"] = info["SwapTotal"] - info["SwapFree"]
        return found | shared_memory()

    def _network(self, now: float) -> dict[str, float | None]:
        receive = send = 0
        for line in (self._proc.read("net", "dev") or "").splitlines()[2:]:
            name, _, counts = line.partition(":")
            words = counts.split()
            if len(words) >= 16 and not name.strip().startswith(_VIRTUAL_NETWORK):
                receive += int(words[0])
                send += int(words[8])
        return {
            "net_receive": self._rates.per_second("receive", now, receive),
            "net_send": self._rates.per_second("send", now, send),
        }

    def _disks(self, now: float) -> dict[str, float | None]:
        """Return bytes per second of the machine's own disks, each counted once (not its partitions)."""
        read = write = 0
        seen = ""
        for line in (self._proc.read("diskstats") or "").splitlines():
            words = line.split()
            if len(words) < 10 or words[2].startswith(_VIRTUAL_DISK):
                continue
            if seen and words[2].startswith(seen) and words[2] != seen:
                continue  # a partition follows its disk
            seen = words[2]
            read += int(words[5]) * SECTOR
            write += int(words[9]) * SECTOR
        return {
            "disk_read": self._rates.per_second("disk read", now, read),
            "disk_write": self._rates.per_second("disk write", now, write),
        }

    def _other_values(self, now: float) -> dict[str, float | None]:
        import psutil

        memory, swap, net = psutil.virtual_memory(), psutil.swap_memory(), psutil.net_io_counters()
        return {
            "cpu": psutil.cpu_percent() / 100.0,
            "memory_total": memory.total,
            "memory_available": memory.available,
            "swap_used": swap.used,
            "net_receive": self._rates.per_second("receive", now, net.bytes_recv),
            "net_send": self._rates.per_second("send", now, net.bytes_sent),
        }


def pressure(text: str, line: str) -> dict[str, float]:
    """Return the averages of one line ("some" or "full") of a pressure file, as fractions."""
    for words in map(str.split, text.splitlines()):
        if words and words[0] == line:
            pairs = (word.partition("=") for word in words[1:])
            return {name: float(value) / 100.0 for name, _, value in pairs if name.startswith("avg")}
    return {}


def shared_memory() -> dict[str, float | None]:
    """Return use and size of the shared memory file system; it lies in memory and always answers."""
    try:
        room = os.statvfs(SHM)
    except OSError:
        return {}
    return {
        "shm_total": room.f_blocks * room.f_frsize,
        "shm_used": (room.f_blocks - room.f_bfree) * room.f_frsize,
    }
