"""What each process of a run uses: processor, memory, files. Helpers count with their rank."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.core.sample import Process, process_key
from runwatch.watcher.samplers.host import Rates
from runwatch.watcher.samplers.process import Linked
from runwatch.watcher.samplers.procfs import TICKS, Proc

SLOW = 10.0
"""Seconds between the costlier looks: descriptors, limits."""


class Usage:
    """Samples linked processes."""

    def __init__(self, proc: Proc | None = None) -> None:
        self._proc = proc or Proc()
        self._rates = Rates()
        self._slow: dict[str, dict[str, float]] = {}
        self._slow_at = float("-inf")

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
        return values

    def _one(self, now: float, item: Linked, *, slow: bool) -> dict[str, float]:
        stat, key = item.stat, process_key(item.process)
        found: dict[str, float | None] = {
            "cores": self._cores(now, item),
            "rss": stat.rss,
            "blocked": stat.state == "D",
        }
        if slow:
            self._slow[key] = self._files(stat.pid)
        found |= self._slow.get(key, {})
        return {f"proc/{key}/{name}": float(value) for name, value in found.items() if value is not None}

    def _cores(self, now: float, item: Linked) -> float | None:
        return self._rates.per_second(f"{item.stat.pid}/cpu", now, item.stat.cpu / TICKS)

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
                "_blocked": float(item.stat.state == "D"),
            }
            for name, value in counts.items():
                values[head + name] = values.get(head + name, 0.0) + (value or 0.0)
        return values


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
