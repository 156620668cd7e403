"""How a process ended, as an event of its run: the same kinds as where a log shows it."""

from __future__ import annotations

import signal

from runwatch.core.batch import Event
from runwatch.core.ending import COMPLETE
from runwatch.core.fold.run import Run
from runwatch.core.machine import Ended
from runwatch.core.sample import MachineEvent
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.watched import WatchedRun
from runwatch.watcher.sources.member import WANDB

GONE = 10.0
"""Seconds after the end of a run's last process until nothing more is expected of it."""
ORPHANED = 60.0
"""Seconds without a record after which a W&B file that nobody holds open has been left."""
_FAULTS = frozenset({
    signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS,
})  # fmt: skip
"""Signals of which native code dies by itself."""


def orphaned(group: Group, run: Run, now: float) -> Ended | None:
    """Return the end of a W&B run that left no exit record: nobody on its own host has its file open.

    None where that is not so, or cannot be known: the file's age alone says nothing.
    """
    machine, leader, newest = group.machine, group.leader, group.written
    if leader is None or leader.member.kind != WANDB or run.finished or newest is None:
        return None
    here = machine.nobody_on and run.about.get("host") == machine.nobody_on
    return Ended(newest, None, None, inferred=True) if here and now - newest >= ORPHANED else None


def end(group: Group, watched: WatchedRun, now: float) -> None:
    """Take a run for finished whose processes all ended with exit code 0, if the log says nothing else."""
    ended, run = group.machine.ended, watched.run
    if ended is None or now - ended.time < GONE or ended.exit_code != 0 or run.finished:
        return
    whole = run.covered is None or run.covered >= COMPLETE
    run.finished = (
        whole and not watched.crashed and (run.progressed is None or run.progressed <= ended.time + 1.0)
    )


def event_of(exit_event: MachineEvent, run: Run) -> Event | None:
    """Return what the end of a rank or main process means to its run.

    None for a good end and for one that the kernel does not report: that is
    unknown, not failed. Helpers and launchers follow from what they help.
    """
    if exit_event.kind != "process_died" or exit_event.role not in {"rank", "main"}:
        return None
    kind = _kind(exit_event)
    if kind is None:
        return None
    data = {"pid": str(exit_event.pid)}
    return Event(
        kind, 0, run.last_line or 0, _title(exit_event), rank=exit_event.rank, step=run.last_step, data=data
    )


def _kind(exit_event: MachineEvent) -> str | None:
    if exit_event.oom:
        return "host_oom"
    if exit_event.signal is None:
        return "error" if exit_event.exit_code else None
    if exit_event.signal == signal.SIGKILL:
        return "killed"
    return "segfault" if exit_event.signal in _FAULTS else "signal"


def _title(exit_event: MachineEvent) -> str:
    """Return the sampler's words; where memory ran out, the signal is in them too."""
    name = f"rank {exit_event.rank} (pid {exit_event.pid})" if exit_event.role == "rank" else ""
    if exit_event.oom and name:
        return f"{name} was killed by SIGKILL (out of memory)"
    if exit_event.oom:
        return f"{exit_event.title.partition(' was killed')[0]} was killed by SIGKILL (out of memory)"
    return exit_event.title
