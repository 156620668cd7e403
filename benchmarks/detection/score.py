"""Runs cases and counts: recall, precision, false alarms per 1,000 run-hours, delay, cause.

An event is one injected fault. It is caught if an incident with an acceptable
rule is raised between the onset and the fault's limit; no credit is given for
segments (point adjustment), and alarms before the onset, or of rules that have
nothing to do with the fault, are false.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field

import numpy as np

from benchmarks.detection.baselines import BASELINES
from benchmarks.detection.faults import Fault
from benchmarks.detection.healthy_policies import ONLY, PAUSES
from benchmarks.detection.healthy_world import SHAPES
from benchmarks.detection.replay import Alarm, Replay
from benchmarks.detection.styles import GENERAL, STYLES
from benchmarks.detection.trace import Trace, make

FINE = 150
"""Rows after an onset that arrive one by one."""


@dataclass
class Outcome:
    """What a detector made of one run."""

    case: str
    seed: int
    hours: float
    rows: int
    fault: str = ""
    """Name of the injected fault; none in a healthy run."""
    group: str = ""
    caught: Alarm | None = None
    cause: bool = False
    delay_rows: float = np.nan
    delay_steps: float = np.nan
    delay_seconds: float = np.nan
    delay_gaps: float = np.nan
    """The delay in typical gaps between rows."""
    limit: float = np.nan
    false: list[Alarm] = field(default_factory=list)
    """Alarms of warning or above that nothing justifies."""
    notes: list[str] = field(default_factory=list)
    """Rules that gave a note in a healthy run."""


def _rng(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(name.encode()), seed])


def broken(fault: Fault, seed: int) -> tuple[Trace, int]:
    """Return a run with the fault, and the row of its onset."""
    rng = _rng(fault.name, seed)
    least = fault.least + fault.room
    rows = int(np.exp(rng.uniform(np.log(max(300, least + 40)), np.log(max(900, 2 * least)))))
    trace = make(rng, rows, fault.lr)
    fitting = STYLES if "ranks" in fault.needs else GENERAL
    styles = sorted(name for name in fitting if fault.needs <= STYLES[name].has)
    trace.style = str(rng.choice(styles))
    low, high = fault.least, rows - fault.room
    at = 0 if fault.least == 0 else int(rng.integers(low, max(low + 1, high)))
    fault.inject(trace, at)
    return trace, (4 if fault.name == "hangs_after_a_few_steps" else at)


def sound(name: str, seed: int) -> Trace:
    """Return a healthy run of one shape."""
    rng = _rng(name, 7919 + seed)
    trace = make(rng)
    trace.style = str(rng.choice(ONLY.get(name, GENERAL)))
    SHAPES[name](trace)
    return trace


def judge_fault(fault: Fault, seed: int) -> dict[str, Outcome]:
    """Return the outcome of every detector for one fault."""
    trace, at = broken(fault, seed)
    fine = range(max(1, at - 12), at + (FINE if fault.rows <= FINE else 20))
    alarms = {"runwatch": Replay(trace, fine).run()}
    alarms |= {name: detect(trace) for name, detect in BASELINES.items()}
    case = f"{fault.name}/{trace.style}"
    found = {}
    for name, raised in alarms.items():
        out = Outcome(case, seed, trace.hours, trace.rows, fault.name, fault.group)
        _match(out, fault, raised, trace, at, own=name == "runwatch")
        found[name] = out
    return found


def _match(out: Outcome, fault: Fault, alarms: list[Alarm], trace: Trace, at: int, *, own: bool) -> None:
    """Find the first alarm that is about the fault; the rest is tolerated or false."""
    times = np.cumsum(trace.wait)
    onset = float(times[min(at, trace.rows - 1)])
    for alarm in alarms:
        late = alarm.row > at + fault.rows
        about = alarm.rule in fault.rules if own else True
        serious = alarm.severity != "info"
        if (
            alarm.row >= min(at, trace.rows - 1) - 1
            and about
            and (serious or fault.info or not own)
            and not late
        ):
            if out.caught is None:
                out.caught = alarm
                out.delay_rows = max(0, alarm.row - at)
                out.delay_steps = out.delay_rows * trace.every
                out.delay_seconds = max(0.0, alarm.time - onset)
                out.delay_gaps = out.delay_seconds / float(np.median(trace.wait))
            if own and re.search(fault.cause, alarm.text, re.IGNORECASE):
                out.cause = True
        elif serious and alarm.sent and (alarm.row < at - 1 or (own and alarm.rule not in fault.also)):
            out.false.append(alarm)


def judge_healthy(name: str, seed: int) -> dict[str, Outcome]:
    """Return the outcome of every detector for one healthy run."""
    trace = sound(name, seed)
    alarms = {"runwatch": Replay(trace, range(trace.rows if name in PAUSES else 0)).run()}
    alarms |= {base: detect(trace) for base, detect in BASELINES.items()}
    found = {}
    for detector, raised in alarms.items():
        out = Outcome(f"{name}/{trace.style}", seed, trace.hours, trace.rows)
        out.false = [alarm for alarm in raised if alarm.severity != "info"]
        out.notes = [alarm.rule for alarm in raised if alarm.severity == "info"]
        found[detector] = out
    return found
