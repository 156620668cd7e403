"""How a process ended, as an event of its run: the same kinds as where a log tells it."""

from __future__ import annotations

import signal

from runwatch.batch import Event
from runwatch.run import Run
from runwatch.sample import MachineEvent

_FAULTS = frozenset({
    signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS,
})  # fmt: skip
"""Signals of which native code dies by itself."""


def event_of(told: MachineEvent, run: Run) -> Event | None:
    """Return what the end of a rank or main process means to its run.

    None for a good end and for one that the kernel does not tell: that is
    unknown, not failed. Helpers and launchers follow from what they help.
    """
    if told.kind != "process_died" or told.role not in {"rank", "main"}:
        return None
    kind = _kind(told)
    if kind is None:
        return None
    data = {"pid": str(told.pid)}
    return Event(kind, 0, run.last_line or 0, _title(told), rank=told.rank, step=run.last_step, data=data)


def _kind(told: MachineEvent) -> str | None:
    if told.oom:
        return "host_oom"
    if told.signal is None:
        return "error" if told.exit_code else None
    if told.signal == signal.SIGKILL:
        return "killed"
    return "segfault" if told.signal in _FAULTS else "signal"


def _title(told: MachineEvent) -> str:
    """Return the sampler's words; where memory ran out, the signal stands in them too."""
    name = f"rank {told.rank} (pid {told.pid})" if told.role == "rank" else ""
    if told.oom and name:
        return f"{name} was killed by SIGKILL (out of memory)"
    if told.oom:
        return f"{told.title.partition(' was killed')[0]} was killed by SIGKILL (out of memory)"
    return told.title
