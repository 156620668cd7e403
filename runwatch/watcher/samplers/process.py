"""Which processes are a run: from the log, through pipes, to the ranks. Nothing needs to be configured.

Whoever holds the log open for writing is found in /proc. Where that is a
filter (`python train.py | tee log`), the writers at the other end of its
standard input take its place, as far as they are of the same process group or
session. Their descendants belong to the run, and the ranks that share their
launcher.

The environment is what a process was started with: a rank that a program gives
itself later (`mp.spawn`) does not show, and is not guessed.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from runwatch.core import text
from runwatch.core.loopback import is_loopback
from runwatch.core.sample import Process, Role, State
from runwatch.watcher.samplers.procfs import Proc, Stat

# fmt: off
FILTERS = frozenset({
    "awk", "cat", "col", "cronolog", "cut", "gawk", "grep", "head", "logger", "mawk", "multilog", "pv",
    "rotatelogs", "s6-log", "sed", "stdbuf", "svlogd", "tail", "tee", "tr", "ts", "ugrep", "unbuffer",
})
"""Programs that pass on what they read."""
SHELLS = frozenset({
    "sh", "bash", "dash", "zsh", "ksh", "fish", "busybox", "timeout", "time", "nohup", "env", "nice",
    "numactl", "taskset", "screen", "script", "tmux: server", "runwatch",
})
# fmt: on
"""Programs that only wrap the one they start."""
SERVICES = frozenset({"wandb-core"})
"""Programs that write a tracker's file for the one that started them."""
MAX_PROCESSES = 512
_CLIMB = 4
"""Generations above a writer in which its launcher is looked for."""

_ADOPT = frozenset({"systemd", "init", "launchd"})
"""Programs that become the parent of whoever lost theirs: they launched nothing."""

_SCHEMES = (
    ("RANK", "LOCAL_RANK", "WORLD_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_SIZE"),
    ("PMI_RANK", "MPI_LOCALRANKID", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS"),
)
"""Names of rank, local rank and world size, by launcher; the first one a run uses counts."""
_JOB = ("SLURM_JOB_ID", "SLURM_STEP_ID", "TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT")
"""Variables that ranks of one run have in common."""
NAMES = frozenset(name for scheme in _SCHEMES for name in scheme) | {*_JOB, "CUDA_VISIBLE_DEVICES"}

_STATES: dict[str, State] = {
    "R": "running",
    "S": "sleeping",
    "I": "sleeping",
    "D": "blocked",
    "T": "stopped",
    "t": "stopped",
    "Z": "zombie",
    "X": "gone",
}


class _Place(NamedTuple):
    """Where in the run a process is."""

    rank: int | None = None
    local: int | None = None
    size: int | None = None


_NOWHERE = _Place()


@dataclass(frozen=True)
class Linked:
    """A process of the run with its counters."""

    stat: Stat
    process: Process


@dataclass
class _Scan:
    """What one look at /proc found."""

    proc: Proc
    table: dict[int, Stat]
    files: dict[int, dict[int, str]] = field(default_factory=dict)
    children: dict[int, list[int]] = field(default_factory=dict)
    _environs: dict[int, dict[str, str]] = field(default_factory=dict)

    def environ(self, pid: int) -> dict[str, str]:
        if pid not in self._environs:
            self._environs[pid] = self.proc.environ(pid, NAMES)
        return self._environs[pid]

    def open_on(self, pid: int) -> dict[int, str]:
        if pid not in self.files:
            self.files[pid] = self.proc.descriptors(pid)
        return self.files[pid]

    def writes_to(self, pid: int, targets: Collection[str]) -> bool:
        return any(
            target.removesuffix(" (deleted)") in targets and self.proc.writes(pid, number)
            for number, target in self.open_on(pid).items()
        )


class Linker:
    """Finds a run's processes and keeps those it knows until they end."""

    def __init__(
        self, targets: Collection[str], pids: Collection[int] = (), proc: Proc | None = None
    ) -> None:
        """`targets` are resolved paths, or `pipe:[N]` for those who write to a pipe.

        `pids`, if a user gives them, are the writers, and no log is looked for.
        """
        self._proc = proc or Proc()
        self._targets = frozenset(targets)
        self._given = tuple(pids)
        self._known: dict[int, int] = {}
        """Pid -> start of processes found by the log; a rotation does not lose them."""
        self.unreadable = 0
        """Processes of others that could not be looked at in the last scan."""
        self.dropped = 0
        """Processes of the run left out because there are too many."""

    def scan(self) -> tuple[Linked, ...]:
        """Look at all processes and return those of the run, ranks first."""
        scan = self._look()
        origins, filters = self._origins(scan)
        launchers, ranks = self._launchers(scan, origins)
        members = _below(scan, origins | ranks) | launchers
        roles = _roles(scan, members, filters)
        self._known = {pid: scan.table[pid].start for pid in origins | filters}
        found = sorted((_process(scan, pid, *roles[pid]) for pid in roles), key=_order)
        self.dropped = max(0, len(found) - MAX_PROCESSES)
        return tuple(found[:MAX_PROCESSES])

    def _look(self) -> _Scan:
        table = {pid: stat for pid in self._proc.pids() if (stat := self._proc.stat(pid)) is not None}
        scan = _Scan(self._proc, table)
        for pid, stat in table.items():
            scan.children.setdefault(stat.parent, []).append(pid)
        return scan

    def _origins(self, scan: _Scan) -> tuple[set[int], set[int]]:
        """Return the real writers, and the filters between them and the log."""
        me, user = os.getpid(), os.geteuid()
        holders = {pid for pid in self._given if pid in scan.table}
        self.unreadable = 0
        if not self._given:
            for pid, stat in scan.table.items():
                if stat.start == self._known.get(pid):
                    holders.add(pid)
                elif user not in {0, self._proc.owner(pid)}:
                    self.unreadable += 1
                elif pid != me and scan.writes_to(pid, self._targets):
                    holders.add(pid)
        origins, filters, waiting = set[int](), set[int](), list(holders)
        while waiting:
            pid = waiting.pop()
            if pid in origins or pid in filters:
                continue
            sources = _upstream(scan, pid)
            if scan.table[pid].name in SERVICES:
                filters.add(pid)
                parent = scan.table[pid].parent
                waiting += [parent] if parent > 1 and parent in scan.table else []
            elif sources and (scan.table[pid].name in FILTERS or _starts_ranks(scan, pid, sources)):
                filters.add(pid)
                waiting += sources
            else:
                (filters if scan.table[pid].name in FILTERS else origins).add(pid)
        return origins, filters

    def _launchers(self, scan: _Scan, origins: Iterable[int]) -> tuple[set[int], set[int]]:
        """Return ancestors that started several ranks of the origins' run, and all ranks they started."""
        launchers, ranks = set[int](), set[int]()
        for origin in origins:
            job = _job(scan, origin)
            at = scan.table[origin].parent
            for _ in range(_CLIMB):
                if at not in scan.table or at <= 1 or scan.table[at].name in _ADOPT:
                    break
                siblings = [
                    pid
                    for pid in scan.children.get(at, ())
                    if _rank_words(scan, pid) and _job(scan, pid) == job
                ]
                if len({_rank_words(scan, pid) for pid in siblings}) > 1:
                    ranks |= set(siblings)
                    if self._proc.owner(at) == self._proc.owner(origin):
                        launchers.add(at)
                    break
                at = scan.table[at].parent
        return launchers, ranks


def state_of(stat: Stat) -> State:
    """Return what a process does, in words."""
    return _STATES.get(stat.state, "sleeping")


def _upstream(scan: _Scan, pid: int) -> list[int]:
    """Return who writes to the pipe a process reads as its standard input, in its group or session."""
    stat = scan.table[pid]
    pipe = scan.open_on(pid).get(0, "")
    if not pipe.startswith("pipe:"):
        return []
    return [
        other
        for other, theirs in scan.table.items()
        if other != pid
        and (theirs.session == stat.session or theirs.group == stat.group)
        and scan.writes_to(other, {pipe})
    ]


def _starts_ranks(scan: _Scan, pid: int, sources: Iterable[int]) -> bool:
    """Whether those who write to a process have ranks and it has none: it passes on what they say."""
    return not _rank_words(scan, pid) and any(_rank_words(scan, other) for other in sources)


def _rank_words(scan: _Scan, pid: int) -> tuple[str, ...]:
    """Return a process's ranks by every scheme; equal for those that are the same rank."""
    environ = scan.environ(pid)
    return tuple(f"{scheme[0]}={environ[scheme[0]]}" for scheme in _SCHEMES if scheme[0] in environ)


def _job(scan: _Scan, pid: int) -> tuple[str, ...]:
    environ = scan.environ(pid)
    return tuple(f"{name}={environ[name]}" for name in _JOB if name in environ)


def _job_id(environ: Mapping[str, str]) -> str:
    """Return what a launcher calls a run on all its nodes; "" if it does not say."""
    job, rendezvous = environ.get("SLURM_JOB_ID", ""), environ.get("TORCHELASTIC_RUN_ID", "")
    address, port = environ.get("MASTER_ADDR", ""), environ.get("MASTER_PORT", "")
    meeting = "" if not address or is_loopback(address) else f"{address}:{port}"
    return text.plain(job or (rendezvous if rendezvous != "none" else "") or meeting, 100)


def _below(scan: _Scan, roots: Iterable[int]) -> set[int]:
    """Return the roots and all their descendants, without this process and those that watch with it."""
    found, waiting, ours = set[int](), list(roots), {os.getpid()}
    at = scan.table.get(os.getppid())
    while at is not None and at.pid not in waiting and at.pid not in ours:
        ours.add(at.pid)
        at = scan.table.get(at.parent)
    while waiting:
        pid = waiting.pop()
        if pid not in found and pid not in ours:
            found.add(pid)
            waiting += scan.children.get(pid, ())
    return found


def _roles(scan: _Scan, members: set[int], filters: set[int]) -> dict[int, tuple[Role, _Place]]:
    """Return role and (rank, local rank, world size) of each process of the run."""
    ranks = _ranks(scan, members - filters)
    leaders = _leaders(scan, members - filters, ranks)
    above = _above(scan, leaders) if ranks else set()
    found: dict[int, tuple[Role, _Place]] = {}
    for pid in members | filters:
        role: Role = "worker"
        if pid in filters:
            role = "filter"
        elif pid in leaders:
            role = "rank" if ranks else "main"
        elif scan.table[pid].name in SHELLS:
            role = "shell"
        elif pid in above:
            role = "launcher"
        found[pid] = role, _NOWHERE if pid in above else ranks.get(pid, _NOWHERE)
    return found


def _ranks(scan: _Scan, members: Iterable[int]) -> dict[int, _Place]:
    """Return what ranks the members have, by the first launcher's scheme that any of them shows.

    A pod's or a batch script's RANK is inherited by torchrun itself; where some
    have a local rank too, only those are ranks. The batch script of a SLURM job
    has SLURM_PROCID=0 but no numbered step.
    """
    for rank_name, local_name, size_name in _SCHEMES:
        found, local = dict[int, _Place](), dict[int, _Place]()
        for pid in members:
            environ = scan.environ(pid)
            rank = _number(environ.get(rank_name))
            if rank is None:
                continue
            if rank_name.startswith("SLURM") and not environ.get("SLURM_STEP_ID", "").isdecimal():
                continue
            found[pid] = _Place(rank, _number(environ.get(local_name)), _number(environ.get(size_name)))
            if found[pid].local is not None:
                local[pid] = found[pid]
        if found:
            return local or found
    return {}


def _leaders(scan: _Scan, members: Collection[int], ranks: Mapping[int, _Place]) -> set[int]:
    """Return the process of each rank: the first below its shells; its children inherit the rank."""
    best: dict[int | None, Stat] = {}
    of = {pid: ranks.get(pid, _NOWHERE).rank for pid in members}
    wrapped = {pid for pid in members if scan.table[pid].name in SHELLS}
    for pid in members:
        rank = of[pid]
        if pid in wrapped or (ranks and rank is None):
            continue
        parent = scan.table[pid].parent
        while parent in wrapped and of[parent] == rank:
            parent = scan.table[parent].parent
        if parent in of and of[parent] == rank:
            continue
        best[rank] = _first(scan.table[pid], best.get(rank))
    if not best:  # a shell script that does the work itself
        for pid in wrapped:
            best[None] = _first(scan.table[pid], best.get(None))
    return {stat.pid for stat in best.values()}


def _first(one: Stat, other: Stat | None) -> Stat:
    """Return the process that began earlier."""
    return one if other is None or (one.start, one.pid) < (other.start, other.pid) else other


def _above(scan: _Scan, leaders: Iterable[int]) -> set[int]:
    found = set[int]()
    for pid in leaders:
        parent = scan.table[pid].parent
        while parent in scan.table and parent not in found:
            found.add(parent)
            parent = scan.table[parent].parent
    return found


def _process(scan: _Scan, pid: int, role: Role, place: _Place) -> Linked:
    stat = scan.table[pid]
    environ = scan.environ(pid)
    devices = environ.get("CUDA_VISIBLE_DEVICES")
    return Linked(
        stat,
        Process(
            pid=pid,
            started=scan.proc.started(stat),
            role=role,
            command=text.plain(scan.proc.command(pid), 80),
            state=state_of(stat),
            parent=stat.parent,
            rank=place.rank,
            local_rank=place.local,
            world_size=place.size,
            gpus=None if devices is None else tuple(filter(None, map(str.strip, devices.split(",")))),
            job=_job_id(environ) if role == "rank" else "",
        ),
    )


_ORDER: tuple[Role, ...] = ("main", "rank", "launcher", "filter", "shell", "worker")


def _order(linked: Linked) -> tuple[int, int, int]:
    process = linked.process
    return _ORDER.index(process.role), -1 if process.rank is None else process.rank, process.pid


def _number(word: str | None) -> int | None:
    return int(word) if word is not None and word.isdecimal() and len(word) < 8 else None
