"""What each process of a run uses: processor, memory, files, I/O. Helpers count with their rank."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from runwatch.core.sample import Process, process_key
from runwatch.watcher.samplers.host import Rates
from runwatch.watcher.samplers.process import Linked
from runwatch.watcher.samplers.procfs import TICKS, Proc

SLOW = 10.0
"""Seconds between the costlier looks: descriptors, limits."""
PSS_EVERY = 300.0
"""Seconds between looks at the proportional memory; the kernel walks all pages for it."""
PSS_MOST = 32 << 30
"""Resident bytes from which it is not done at all: the process could not map memory meanwhile."""
PSS_COST = 1000.0
"""Times its own duration that must pass before that is done again."""


class Usage:
    """Samples linked processes."""

    def __init__(self, proc: Proc | None = None) -> None:
        self._proc = proc or Proc()
        self._rates = Rates()
        self._slow: dict[str, dict[str, float]] = {}
        self._slow_at = float("-inf")
        self._pss: dict[str, float] = {}
        self._pss_at = float("-inf")

    def sample(self, now: float, linked: Sequence[Linked]) -> dict[str, float]:
        """Return the values at `now` of ranks, main processes and launchers, with those of their helpers."""
        owners = {item.stat.pid: item for item in linked if item.process.role in {"rank", "main", "launcher"}}
        slow = now - self._slow_at >= SLOW
        values: dict[str, float] = {}
        for item in owners.values():
            values |= self._one(now, item, slow=slow)
        values |= self._workers(now, linked, owners)
        if slow:
            self._slow_at = now
            self._rates.keep({str(item.stat.pid): None for item in linked})
        if now >= self._pss_at:
            self._measure_pss(now, owners.values())
        keys = {process_key(item.process) for item in owners.values()}
        return values | {name: pss for name, pss in self._pss.items() if name.split("/")[1] in keys}

    def _one(self, now: float, item: Linked, *, slow: bool) -> dict[str, float]:
        stat, key = item.stat, process_key(item.process)
        found: dict[str, float | None] = {
            "cores": self._cores(now, item),
            "rss": stat.rss,
            "threads": stat.threads,
            "blocked": stat.state == "D",
            "major_faults": self._rates.per_second(f"{stat.pid}/faults", now, stat.major_faults),
        }
        found |= self._io(now, stat.pid)
        if slow:
            self._slow[key] = self._files(stat.pid)
        found |= self._slow.get(key, {})
        return {f"proc/{key}/{name}": float(value) for name, value in found.items() if value is not None}

    def _cores(self, now: float, item: Linked) -> float | None:
        return self._rates.per_second(f"{item.stat.pid}/cpu", now, item.stat.cpu / TICKS)

    def _io(self, now: float, pid: int) -> dict[str, float | None]:
        """Return rates of reading and writing: all of it, and what reached a device."""
        counts = self._proc.fields(pid, "io")
        names = {"rchar": "read", "wchar": "write", "read_bytes": "disk_read", "write_bytes": "disk_write"}
        return {
            name: self._rates.per_second(f"{pid}/{name}", now, counts[counter])
            for counter, name in names.items()
            if counter in counts
        }

    def _files(self, pid: int) -> dict[str, float]:
        found: dict[str, float] = {}
        count = self._proc.count_open(pid)
        if count is not None:
            found["fds"] = count
        for line in (self._proc.read(pid, "limits") or "").splitlines():
            if line.startswith("Max open files") and line.split()[3].isdecimal():
                found["fd_limit"] = float(line.split()[3])
        return found

    def _workers(self, now: float, linked: Sequence[Linked], owners: dict[int, Linked]) -> dict[str, float]:
        parents = {item.stat.pid: item.stat.parent for item in linked}
        values: dict[str, float] = {}
        for item in linked:
            if item.process.role != "worker":
                continue
            owner = _owner(item.process, parents, owners)
            if owner is None:
                continue
            head = f"proc/{process_key(owner.process)}/workers"
            counts = {
                "": 1.0,
                "_cores": self._cores(now, item),
                "_rss": float(item.stat.rss),
                "_read": self._io(now, item.stat.pid).get("read"),
                "_blocked": float(item.stat.state == "D"),
            }
            for name, value in counts.items():
                values[head + name] = values.get(head + name, 0.0) + (value or 0.0)
        return values

    def _measure_pss(self, now: float, owners: Iterable[Linked]) -> None:
        begun = time.monotonic()
        self._pss = {}
        for item in owners:
            if item.stat.rss > PSS_MOST:
                continue
            pss = self._proc.fields(item.stat.pid, "smaps_rollup").get("Pss")
            if pss is not None:
                self._pss[f"proc/{process_key(item.process)}/pss"] = 1024.0 * pss
        self._pss_at = now + max(PSS_EVERY, PSS_COST * (time.monotonic() - begun))


def _owner(process: Process, parents: dict[int, int], owners: dict[int, Linked]) -> Linked | None:
    """Return the rank or main process above a helper."""
    at = process.parent
    for _ in range(32):
        if at in owners:
            return owners[at]
        if at not in parents:
            return None
        at = parents[at]
    return None
