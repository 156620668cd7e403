"""Compares what the engine says of a log with its label: alarms, failures, causes, ends. Pure functions."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from difflib import SequenceMatcher
from math import inf

import msgspec

from benchmarks.detection.logs.kinds import BAD, CLAIMS, ENDS, FATAL, OPEN, OTHER, RULES, SIGNATURES
from benchmarks.detection.logs.labels import Label, Trouble
from benchmarks.detection.logs.observe import Incident, Observed, Run

EARLY_LINES, EARLY_ROWS = 10, 2
"""An alarm may stand that many lines or training records before what was labelled."""
LATE_ROWS = 20
"""It may stand that many records behind what is over, or as many as that lasted."""
TRUE, DEBATABLE, FALSE = "true", "debatable", "false"
_BEST = (TRUE, DEBATABLE, FALSE)


class Alarm(msgspec.Struct, frozen=True):
    """An incident of warning or above that was sent, and whether a label explains it."""

    incident: Incident
    verdict: str


class Failure(msgspec.Struct, frozen=True):
    """What should have been reported."""

    kind: str
    """The end of a launch, or the kind of a trouble."""
    line: int | None
    reported: bool
    delay: int | None = None
    """Training records between its first line and the incident's."""
    why: str = ""
    noted: bool = False
    """It was reported as a note, which is not enough."""


class Cause(msgspec.Struct, frozen=True):
    """The labelled cause of an end that was reported, and whether that names it."""

    line: int | None
    wanted: str
    said: str
    right: bool


class End(msgspec.Struct, frozen=True):
    """How a launch was labelled to have ended, and what was said."""

    line: int | None
    wanted: str
    said: str
    right: bool


class Result(msgspec.Struct, frozen=True):
    """One log."""

    path: str
    part: str
    health: str = ""
    alarms: tuple[Alarm, ...] = ()
    failures: tuple[Failure, ...] = ()
    causes: tuple[Cause, ...] = ()
    ends: tuple[End, ...] = ()
    error: str = ""


def judge(path: str, part: str, label: Label, seen: Observed) -> Result:
    """Return how well a log was judged."""
    alarms = tuple(
        Alarm(incident, verdict(incident, label, seen.rows))
        for incident in seen.incidents
        if incident.severity != "info" and not incident.symptom
    )
    failures, causes = [], []
    for number, launch in enumerate(label.launches):
        if launch.end not in BAD:
            continue
        reported = [
            i for i in seen.incidents if launch.end in _ends(i) and _in_end(i, label, number, seen.rows)
        ]
        run = _run(label, number, seen)
        enough = any(i.severity != "info" for i in reported) if launch.end in FATAL else bool(reported)
        enough |= launch.end not in FATAL and run is not None and run.kind == launch.end
        line = launch.cause_line or launch.end_line
        failures.append(Failure(launch.end, line, enough, why=launch.cause))
        if launch.cause and enough:
            texts = [*(i.text for i in reported), *([run.text] if run else [])]
            right = any(names(launch.cause, text) for text in texts)
            causes.append(Cause(line, launch.cause, texts[0] if texts else "", right))
    failures += [_failure(t, label, seen) for t in label.troubles if t.certain and t.severity != "note"]
    ends = tuple(
        End(launch.end_line, launch.end, run.kind, said_right(launch.end, run))
        for number, launch in enumerate(label.launches)
        if (run := _run(label, number, seen)) is not None
    )
    return Result(path, part, label.health, alarms, tuple(failures), tuple(causes), ends, seen.error)


def verdict(incident: Incident, label: Label, rows: Sequence[int]) -> str:
    """Return whether a label explains an alarm: true, debatable or false."""
    found = [
        _grade(t, incident) for t in label.troubles if _about(incident, t) and _in_trouble(incident, t, rows)
    ]
    for number, launch in enumerate(label.launches):
        if launch.end in _ends(incident) and _in_end(incident, label, number, rows):
            found.append(DEBATABLE if launch.end == OPEN else TRUE)
    return min(found, key=_BEST.index, default=FALSE)


def _grade(trouble: Trouble, incident: Incident) -> str:
    if trouble.severity == "note" and incident.severity == "critical":
        return FALSE
    sure = trouble.certain and trouble.kind != OTHER
    heavy = trouble.severity == "critical" or (trouble.severity, incident.severity) == ("warning", "warning")
    return TRUE if sure and heavy else DEBATABLE


def _about(incident: Incident, trouble: Trouble) -> bool:
    named = incident.rule == "crash" and incident.signature in SIGNATURES.get(trouble.kind, ())
    return trouble.kind == OTHER or named or incident.rule in RULES[trouble.kind]


def _ends(incident: Incident) -> frozenset[str]:
    return ENDS.get(incident.rule, frozenset())


def between(first: float, last: float, rows: Sequence[int]) -> int:
    """Return how many training records stand from line `first` up to, and without, line `last`."""
    return max(0, bisect_left(rows, last) - bisect_left(rows, first))


def fits(line: int | None, first: float, last: float, rows: Sequence[int]) -> bool:
    """Whether an incident at `line` may be about what was labelled from line `first` to line `last`."""
    if line is None:
        return True
    if line < first:
        return first - line <= EARLY_LINES or between(line, first, rows) <= EARLY_ROWS
    return line <= last or between(last, line, rows) <= max(LATE_ROWS, between(first, last, rows))


def _in_trouble(incident: Incident, trouble: Trouble, rows: Sequence[int]) -> bool:
    return fits(incident.line, trouble.from_line, trouble.to_line or inf, rows)


def _in_end(incident: Incident, label: Label, number: int, rows: Sequence[int]) -> bool:
    """Whether an incident stands where a launch ended: in it, with no training behind it."""
    launch = label.launches[number]
    following = label.launches[number + 1 :]
    if incident.line is None:
        return True
    inside = launch.first_line - EARLY_LINES <= incident.line
    inside &= not following or incident.line <= following[0].first_line + EARLY_LINES
    known = [line for line in (launch.cause_line, launch.end_line) if line]
    return inside and fits(incident.line, min(known, default=launch.first_line), inf, rows)


def _failure(trouble: Trouble, label: Label, seen: Observed) -> Failure:
    """Return whether a trouble was reported, also as a symptom, or by what was reported before and lasts."""
    every = [i for i in seen.incidents if _about(i, trouble)]
    about = [i for i in every if i.severity != "info"]
    here = [i for i in about if _in_trouble(i, trouble, seen.rows)]
    lasts = [
        i
        for i in about
        if i.lasts and (i.line or 0) < trouble.from_line and verdict(i, label, seen.rows) != FALSE
    ]
    lines = [i.line for i in (*here, *lasts) if i.line is not None]
    delay = between(trouble.from_line, min(lines), seen.rows) if lines else None
    reported = bool(here or lasts)
    noted = not reported and any(_in_trouble(i, trouble, seen.rows) for i in every)
    return Failure(trouble.kind, trouble.from_line, reported, delay, trouble.why, noted)


def _run(label: Label, number: int, seen: Observed) -> Run | None:
    """Return the run of a launch: by their order if there are as many, else the last of the last."""
    if len(seen.runs) == len(label.launches):
        return seen.runs[number]
    return seen.runs[-1] if seen.runs and number == len(label.launches) - 1 else None


def said_right(wanted: str, run: Run) -> bool:
    """Whether a run was said to have ended so; states without an `ending` are coarser."""
    if wanted == OPEN:
        return run.kind not in CLAIMS
    if run.exact or wanted not in CLAIMS:
        return run.kind == wanted
    return run.kind == ("crashed" if wanted in BAD else "finished")


_NOISE = re.compile(
    r"\d{4}-\d\d-\d\d|\b\d\d?:\d\d(:\d\d)?([.,]\d+)?\b"  # times
    r"|\b(debug|info|warn|warning|error|critical|fatal)\b"  # levels
    r"|(\w:)?[\w.~+-]*([/\\][\w.~+-]+)+[/\\]?"  # paths
)


def words(text: str) -> list[str]:
    """Return the words of a text without times, levels and paths."""
    return re.findall(r"\w+", _NOISE.sub(" ", text.lower()))


def names(cause: str, said: str) -> bool:
    """Whether a text names a cause: at least half of its words, in a row."""
    wanted, got = words(cause), words(said)
    match = SequenceMatcher(None, wanted, got, autojunk=False).find_longest_match()
    return bool(wanted) and 2 * match.size >= len(wanted)
