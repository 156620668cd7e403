"""The limits of a process's control groups (versions 1 and 2), and out-of-memory kills in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from runwatch.watcher.samplers.procfs import Proc

_NO_LIMIT = 1 << 60
"""Version 1 writes "no limit" as a huge number."""
OOM_WINDOW = 10.0
"""Seconds before a death in which an out-of-memory kill explains it."""


@dataclass(frozen=True)
class Cgroup:
    """One process's place in the hierarchy."""

    memory: str
    """Directory that accounts for its memory."""
    version: int


@dataclass(frozen=True)
class Limits:
    """What is allowed and used; None where there is no limit or no knowing."""

    memory_used: int | None = None
    """Bytes that cannot simply be dropped: without the inactive file cache."""
    memory_limit: int | None = None
    oom_kills: int | None = None


class Cgroups:
    """Reads a cgroup file system."""

    def __init__(self, proc: Proc | None = None, root: str = "/sys/fs/cgroup") -> None:
        self._proc = proc or Proc()
        self._root = root
        self._files = Proc(root)

    def of(self, pid: int) -> Cgroup | None:
        """Return where a process is; None if that cannot be known."""
        text = self._proc.read(pid, "cgroup")
        if text is None:
            return None
        unified, memory = None, None
        for line in text.splitlines():
            _, _, rest = line.partition(":")
            names, _, path = rest.partition(":")
            if names == "":
                unified = path
            if "memory" in names.split(","):
                memory = "memory" + path
        if memory is not None:
            return Cgroup(memory, 1)
        return None if unified is None else Cgroup(unified or "/", 2)

    def limits(self, group: Cgroup) -> Limits:
        """Return limits and use; the tightest limit of the group and those above it counts."""
        return self._limits_2(group) if group.version == 2 else self._limits_1(group)

    def _limits_2(self, group: Cgroup) -> Limits:
        path = group.memory
        current = self._number(path, "memory.current")
        inactive = self._files.fields(path, "memory.stat").get("inactive_file", 0)
        return Limits(
            memory_used=None if current is None else max(0, current - inactive),
            memory_limit=_least(self._number(above, "memory.max") for above in _upward(path)),
            oom_kills=self._files.fields(path, "memory.events").get("oom_kill"),
        )

    def _limits_1(self, group: Cgroup) -> Limits:
        path = group.memory
        current = self._number(path, "memory.usage_in_bytes")
        inactive = self._files.fields(path, "memory.stat").get("total_inactive_file", 0)
        limit = _least(self._number(above, "memory.limit_in_bytes") for above in _upward(path))
        return Limits(
            memory_used=None if current is None else max(0, current - inactive),
            memory_limit=None if limit is None or limit >= _NO_LIMIT else limit,
            oom_kills=self._files.fields(path, "memory.oom_control").get("oom_kill"),
        )

    def _number(self, *parts: str) -> int | None:
        text = (self._files.read(*parts) or "").strip()
        return int(text) if text.lstrip("-").isdecimal() else None


class OomKills:
    """Remembers counts of out-of-memory kills, to decide whether one explains a death."""

    def __init__(self) -> None:
        self._counts: dict[str, deque[tuple[float, int]]] = {}

    def note(self, where: str, now: float, count: int | None) -> bool:
        """Take a count read at `now` (seconds); return whether it rose since the last."""
        if count is None:
            return False
        counts = self._counts.setdefault(where, deque(maxlen=64))
        rose = bool(counts) and count > counts[-1][1]
        counts.append((now, count))
        return rose

    def rose(self, where: str, now: float) -> bool | None:
        """Whether kills were counted in the last seconds before `now`; None if there is no counting."""
        counts = self._counts.get(where)
        if not counts:
            return None
        before = [count for when, count in counts if when <= now - OOM_WINDOW]
        return counts[-1][1] > (before[-1] if before else counts[0][1])


def _upward(path: str) -> list[str]:
    """Return a group's directory and those above it."""
    parts = path.rstrip("/").split("/")
    return ["/".join(parts[:end]) or "/" for end in range(len(parts), 0, -1)]


def _least(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)
