"""Samples the processes of a run and the host below them, and reports deaths at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from runwatch.core import text
from runwatch.core.sample import Job, MachineEvent, Message, Process, Processes, Sample
from runwatch.system.stopwatch import Stopwatch
from runwatch.watcher.samplers import slurm
from runwatch.watcher.samplers.cgroup import Cgroup, Cgroups, Limits, OomKills
from runwatch.watcher.samplers.exits import Exit, Exits
from runwatch.watcher.samplers.host import Host
from runwatch.watcher.samplers.process import Linked, Linker, state_of
from runwatch.watcher.samplers.procfs import Proc
from runwatch.watcher.samplers.usage import Usage
from runwatch.watcher.samplers.waits import waits_for

RESCAN = 10.0
"""Seconds between looks for processes that joined the run."""
SEEK = 2.0
"""The same while none is known, or while they still start."""
SCAN_COST = 200.0
"""Times its own work that must pass between two looks, on a machine with many processes."""
ASK_EVERY = 60.0
"""Seconds between questions to the scheduler."""
_NAMED = 3
"""Logs that are named where nobody writes them; of more only their number is reported."""
_HOST = "host"

Send = Callable[[Message], None]


class Machine:
    """One run's processes and their host."""

    def __init__(
        self,
        targets: Sequence[str],
        send: Send,
        *,
        pids: Sequence[int] = (),
        proc: Proc | None = None,
        cgroups: Cgroups | None = None,
    ) -> None:
        self._send = send
        self._proc = proc or Proc()
        self._linker = Linker(targets, pids, self._proc)
        self._pids = tuple(pids)
        names = [text.path(os.path.basename(target)) for target in targets]
        self._names = ", ".join(names) if len(names) <= _NAMED else f"any of {len(names)} logs"
        self._cgroups = cgroups or Cgroups(self._proc)
        self._host = Host(self._proc)
        self._usage = Usage(self._proc)
        self._exits = Exits(self._proc)
        self._oom = OomKills()
        self._linked: tuple[Linked, ...] = ()
        self._watched: dict[int, Process] = {}
        """Pid -> a process whose end is yet to be reported; it may be gone from `linked` before."""
        self._groups: dict[int, Cgroup] = {}
        """Pid -> the cgroup it was in at the last scan, ranks first."""
        self._waiting: dict[int, tuple[int, str]] = {}
        """Pid -> its CPU time and what it waited for at the last look."""
        self._reported: tuple[tuple[Process, ...], str] | None = None
        self._scan_at = self._cost = 0.0
        """When to look for processes again, and how long a look must be paid off."""
        self._scheduler: threading.Thread | None = None

    def sample(self, now: float) -> None:
        """Look at everything once and send what was found."""
        if time.monotonic() >= self._scan_at:
            self._scan()
        else:
            self._refresh()
        self._report_processes(now)
        values = self._host.sample(now) | self._usage.sample(now, self._linked) | self._limits(now)
        self._send(Sample(now, values))

    def wait(self, seconds: float) -> None:
        """Wait for the next look; a death is reported at once. It looks for who joined when that is due."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            due = self._scan_at - time.monotonic()
            if due <= 0:
                self._scan()
                self._report_processes(time.time())
                continue
            for ended in self._exits.wait(min(left, due)):
                self._bury(ended)

    def close(self) -> None:
        """Let go of the processes."""
        self._exits.close()

    def _scan(self) -> None:
        watch, before = Stopwatch(), {item.stat.pid for item in self._linked}
        self._linked = tuple(item for item in self._linker.scan() if item.stat.state not in {"Z", "X"})
        groups = {item.stat.pid: self._cgroups.of(item.stat.pid) for item in self._linked}
        ending = {pid: group for pid, group in self._groups.items() if pid in self._watched}
        self._groups = {pid: group for pid, group in groups.items() if group is not None}
        self._groups |= {pid: group for pid, group in ending.items() if pid not in groups}
        for item in self._linked:
            self._exits.watch(item.stat.pid, item.stat.start)
            self._watched[item.stat.pid] = item.process
        if self._scheduler is None:
            self._find_scheduler()
        self._cost = SCAN_COST * watch.seconds
        settled = self._linked and groups.keys() <= before
        self._scan_at = time.monotonic() + max(RESCAN if settled else SEEK, self._cost)

    def _refresh(self) -> None:
        """Read the counters of known processes; those that are gone are left to their pidfd."""
        alive = []
        for item in self._linked:
            stat = self._proc.stat(item.stat.pid)
            if stat is not None and stat.start == item.stat.start:
                alive.append(Linked(stat, item.process))
        self._linked = tuple(alive)

    def _report_processes(self, now: float) -> None:
        """Send the processes if anything about them changed."""
        waiting, self._waiting = self._waiting, {}
        shown = tuple(self._shown(item, waiting.get(item.stat.pid)) for item in self._linked)
        note = self._note(shown)
        if self._reported != (shown, note):
            self._reported = (shown, note)
            self._send(Processes(now, shown, note, "" if shown else self._nobody_on()))

    def _shown(self, item: Linked, before: tuple[int, str] | None) -> Process:
        """Return a process as people see it: at rest only if it used no processor since the last look."""
        stat, state, waits = item.stat, state_of(item.stat), ""
        if item.process.role in {"rank", "main"} or state == "blocked":
            waits = waits_for(self._proc, stat)
        self._waiting[stat.pid] = stat.cpu, waits
        if state == "sleeping" and before is not None and stat.cpu > before[0]:
            state = "running"
        if state == "running" or before != (stat.cpu, waits):
            waits = ""
        return msgspec.structs.replace(item.process, state=state, waits=waits, parent=stat.parent)

    def _note(self, shown: Sequence[Process]) -> str:
        if self._linker.dropped:
            return f"{self._linker.dropped} more processes are not watched"
        if shown:
            return ""
        if self._proc.read("stat") is None:
            return "processes cannot be found by their logs here: that needs Linux's /proc"
        if self._pids:
            return f"no process {', '.join(map(str, self._pids))} is running"
        if self._linker.unreadable:
            return f"no process of yours holds {self._names} open; those of other users cannot be looked at"
        return f"no process holds {self._names} open for writing"

    def _nobody_on(self) -> str:
        """Return this host's name if all processes could be looked at."""
        seen = not self._pids and not self._linker.unreadable and self._proc.read("stat") is not None
        return os.uname().nodename if seen else ""

    def _limits(self, now: float) -> dict[str, float]:
        """Return the limits of the first process's cgroup, and note kills by the out-of-memory killer."""
        seen: dict[Cgroup, Limits] = {}
        for group in self._groups.values():
            if group not in seen:
                seen[group] = self._cgroups.limits(group)
                self._note_kills(group, now, seen[group].oom_kills)
        self._oom.note(_HOST, now, self._proc.fields("vmstat").get("oom_kill"))
        first = next(iter(seen.values()), Limits())
        found = {
            "memory_used": first.memory_used,
            "memory_limit": first.memory_limit,
        }
        return {f"host/cgroup_{name}": float(value) for name, value in found.items() if value is not None}

    def _note_kills(self, group: Cgroup, now: float, count: int | None) -> None:
        if self._oom.note(group.memory, now, count):
            title = "the kernel killed a process in this run's memory limit"
            self._send(MachineEvent("oom_kill", now, title, oom=True))

    def _bury(self, ended: Exit) -> None:
        """Report how a process ended; a helper that ended well is not worth a word."""
        process = self._watched.pop(ended.pid, None)
        group = self._groups.pop(ended.pid, None)
        self._linked = tuple(item for item in self._linked if item.stat.pid != ended.pid)
        self._scan_at = min(self._scan_at, time.monotonic() + min(SEEK, self._cost))
        if process is None or (process.role in {"worker", "shell", "filter"} and ended.code == 0):
            return
        now = time.time()
        oom = self._killed_for_memory(now, group) if ended.signal == signal.SIGKILL else None
        self._send(
            MachineEvent(
                "process_died",
                now,
                f"{_name(process)} {_end(ended, oom)}",
                pid=process.pid,
                rank=process.rank,
                role=process.role,
                exit_code=ended.code,
                signal=ended.signal,
                oom=oom,
            )
        )

    def _killed_for_memory(self, now: float, group: Cgroup | None) -> bool | None:
        """Whether a SIGKILL came from the out-of-memory killer, by the counts of just before and of now."""
        self._oom.note(_HOST, now, self._proc.fields("vmstat").get("oom_kill"))
        if group is not None:
            self._oom.note(group.memory, now, self._cgroups.limits(group).oom_kills)
            rose = self._oom.rose(group.memory, now)
            if rose is not None:
                return rose
        return self._oom.rose(_HOST, now)

    def _find_scheduler(self) -> None:
        """Ask the scheduler from now on, once a process shows which job it belongs to."""
        environ = next(
            (found for item in self._linked if (found := self._proc.environ(item.stat.pid, slurm.NAMES))),
            {name: value for name, value in os.environ.items() if name in slurm.NAMES},
        )
        job = slurm.from_environment(environ, time.time())
        if job is not None:
            self._send(job)
            self._scheduler = threading.Thread(target=self._ask, args=(job,), daemon=True)
            self._scheduler.start()

    def _ask(self, job: Job) -> None:
        while True:
            answer = slurm.ask(job)
            if answer is not job:
                job = answer
                self._send(job)
            time.sleep(ASK_EVERY)


def _name(process: Process) -> str:
    """Return what a process is called in a sentence."""
    if process.role == "rank":
        return f"rank {process.rank} (pid {process.pid})"
    return f"{process.command or process.role} (pid {process.pid})"


def _end(ended: Exit, oom: bool | None) -> str:
    """Return how a process ended, in words."""
    if oom:
        return "was killed: out of memory"
    if ended.signal is not None:
        try:
            return f"was killed by {signal.Signals(ended.signal).name}"
        except ValueError:
            return f"was killed by signal {ended.signal}"
    if ended.code is None:
        return "ended; how is unknown"
    return f"ended with exit code {ended.code}"
