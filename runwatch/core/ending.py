"""How the life of a run ends: the kinds of end, the phase that each is shown as, and who is believed.

What explains best is believed, in this order:

1. what the kernel or the GPU driver says: it ran out of memory, the GPU failed;
2. what the scheduler says of a job that it stopped: its time limit, preemption;
3. the first error of the program itself;
4. the exit status or signal of a process;
5. what only follows from another end: a launcher's summary, a collective that aborts;
6. silence: the processes are gone, or nothing moves.

The program's own word that training is over makes later failures failures behind the end; an exception
that ends the program there is a crash all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

import msgspec


class End(str, Enum):
    """A kind of end."""

    FINISHED = "finished"
    STOPPED_EARLY = "stopped_early"
    """On purpose, by the program: early stopping, or a budget that was used up."""
    INTERRUPTED = "interrupted"
    """By a person, or by a signal from somebody unknown."""
    PREEMPTED = "preempted"
    TIME_LIMIT = "time_limit"
    """The scheduler's."""
    CRASHED = "crashed"
    KILLED = "killed"
    VANISHED = "vanished"
    """Its processes have ended, and nothing says how."""
    HUNG = "hung"
    """No end: it makes no progress."""


STOPS = ("early_stop", "budget")
"""Kinds of events by which a run stops before its end: it gets no better, or what it may use is used up."""
ENDS = ("finished", "over", *STOPS)
"""Kinds of events that say that training is over."""
COMPLETE = 0.98
"""Part of the planned steps that is all of them: the last row may be some steps before the end."""
NO_END = "none"
"""What an incident gives as the kind of end for an error after which the program continued."""
CUT_SHORT: Mapping[str, tuple[str, str]] = {
    "crashed": ("crashed", "critical"),
    "interrupted": ("interrupted", "info"),
    "preempted": ("preempted", "warning"),
    "time_limit": ("hit its time limit", "warning"),
}
"""Phase of a run that ended before its end -> what happened, in words, and how severe that is."""
OVER = frozenset({*CUT_SHORT, "finished"})
"""Phases of a run of which nothing more will come."""
ENDED = OVER | {"vanished"}
"""Phases of a run that prints nothing more."""
HALTED = ENDED | {"stalled"}
"""Phases of a run that does not continue by itself."""

_PHASES = {
    End.STOPPED_EARLY: "finished",
    End.KILLED: "crashed",
    End.HUNG: "stalled",
}
_STATES = {"interrupted": "crashed", "preempted": "crashed", "time_limit": "crashed", "vanished": "stalled"}


def phase_of(end: End) -> str:
    """Return the phase in which a run is that ended so."""
    return _PHASES.get(end, end.value)


def state_of(phase: str) -> str:
    """Return the state of the JSON documents for a phase of HALTED: `ending` has finer words."""
    return _STATES.get(phase, phase)


def finished(
    last_step: int | None,
    total: int | None,
    *,
    early: bool = False,
    probable: str = "",
) -> str:
    """Return the story of a run that has finished; `early`: by its own word before its end.

    `probable`: why it has probably finished, where nothing says so.
    """
    story = "stopped early" if early else "probably finished" if probable else "finished"
    if story == "finished" and last_step is not None and last_step + 1 == total:
        # Its steps count from 0. Its last checkpoint often has the total as its step.
        return f"{story} all {total:,} steps"
    if last_step is not None:
        story += f" at step {last_step:,}"
    if total and last_step is not None:
        # Where steps count from 0, the last one is one less than the total.
        short = not early and last_step + 1 < COMPLETE * total
        story += f" of {total:,}" + (", before its end" if short else "")
    return f"{story}: {probable}" if probable else story


_STOP = re.compile(r"\AStop(?: the launcher)?; (\w)")


def advised(advice: str, *, over: bool) -> str:
    """Return advice that fits a run: what is over is not to be stopped.

    Rules begin advice for a running program with "Stop; ".
    """
    return _STOP.sub(lambda found: found[1].upper(), advice) if over else advice


class Ending(msgspec.Struct, frozen=True):
    """How a run ended."""

    kind: End
    story: str
    """One line."""
    reported_by: str = ""
    """Who says so: the log, the launcher, the process, the kernel, the scheduler; "" for silence."""
    step: int | None = None
    line: int | None = None
