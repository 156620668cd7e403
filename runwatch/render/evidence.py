"""What a rule saw, as people read it: each number in the unit that its name means.

Rules keep seconds, bytes and fractions in [0, 1]; nobody wants to read 0.0312
where 3.1 % is meant, nor 1158 where 19 minutes are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from runwatch.core import metrics
from runwatch.core.snapshot import IncidentRow
from runwatch.render import numbers, plain

_FRAME = re.compile(r'File "([^"\n]{1,400})", line ([0-9]{1,9})(?:, in ([^\n]{1,200}))?')
_BLOCK = re.compile(r'^ *File "', re.MULTILINE)
_NAMED = re.compile(r"(?<=(?:site|dist)-packages[/\\]).+|(?:[^/\\]*[/\\])?[^/\\]*[/\\]*$")
"""What a person calls a file: that of a package from its package on, else its folder and its name."""
_SAID = frozenset({"ending", "phase"})
"""What the title says."""

Value = float | int | str | None
Write = Callable[[float], str]

_LABELS = {
    "mfu": "MFU",
    "rows": "rows of the log",
    "frames": "traceback, innermost first",
    "signature": "recognized as",
    "failed_first": "first rank that failed",
    "events": "lines about it",
    "source": "file",
    "best_step": "best at step",
    "io_pressure": "I/O wait",
    "host_cpu": "CPU of the host",
    "sm_clock": "clock",
    "sm_clock_max": "highest clock",
    "inodes_free": "inodes left",
    "eta_seconds": "time left",
    "deadline": "deadline at",
    "ended": "ended at",
    "exitcode": "exit code",
    "room": "room for",
    "due": "still due",
    "part": "part of the usual size",
    "skipped_part": "part of the steps skipped",
    "rise": "above the best",
    "full_in": "disk full in",
    "use": "GPU use",
    "usual_use": "usual GPU use",
    "cost": "part of all time",
    "silent_for": "no step for",
    "log_silent_for": "no line for",
    "timeout": "allowed",
    "median_gap": "usual gap of steps",
    "longest_gap": "longest gap so far",
    "grad_norm_before": "grad norm before",
    "grad_norm_median": "usual grad norm",
    "last_finite": "last finite value",
    "last_finite_step": "at step",
    "last_checkpoint": "last checkpoint before it",
    "last_checkpoint_line": "its line",
    "sound_step": "last step before the rise",
}
_PARTS = frozenset({
    "mfu", "use", "usual_use", "io_pressure", "host_cpu", "cost", "part",
    "part_of_time", "skipped_part", "rise", "slower", "slowdown", "progress",
})  # fmt: skip
_SECONDS = frozenset({
    "timeout", "median_gap", "longest_gap", "pause_seconds", "usual_seconds",
    "late_seconds", "eta_seconds", "seconds_left", "full_in",
})  # fmt: skip
_BYTES = frozenset({"bytes", "usual_bytes", "free", "left", "used", "total"})
_THEN = frozenset({"silent_for", "log_silent_for"})
"""Seconds that grow while the incident lasts."""
_TIMES = frozenset({"multiple", "times"})
_CLOCKS = frozenset({"deadline", "ended"})
_HERTZ = frozenset({"sm_clock", "sm_clock_max"})
_OF_METRIC = frozenset({
    "value", "limit", "usual", "now", "before", "after", "peak", "median", "best", "first", "highest",
    "last_finite",
})  # fmt: skip
"""Values of the metric that the incident is about."""


def value(row: IncidentRow, name: str, x: Value) -> str:
    """Return what evidence `name` of an incident says, with its unit; it may have several lines."""
    if x is None:
        return numbers.MISSING
    if isinstance(x, (str, bool)):
        if name == "signature":
            return str(x).replace("_", " ")
        if name == "frames":
            return inward(str(x))
        return metrics.label(x) if name == "metric" and isinstance(x, str) else str(x)
    return _writer(row, name)(x)


def _writer(row: IncidentRow, name: str) -> Write:
    if name in _OF_METRIC and row.metric is not None:
        metric = row.metric
        return lambda x: numbers.value(metric, x)
    for names, write in _BY_NAME:
        if name in names:
            return write
    if "/" in name:
        return lambda x: numbers.value(name, x)
    return lambda x: numbers.step(x) if float(x).is_integer() else numbers.loss(x)


_BY_NAME: tuple[tuple[frozenset[str], Write], ...] = (
    (_PARTS, numbers.percent),
    (_THEN, lambda x: f"{numbers.duration(x)} when found"),
    (_SECONDS, numbers.duration),
    (_BYTES, numbers.size),
    (_TIMES, lambda x: f"{numbers.si(x)} times"),
    (_CLOCKS, plain.clock),
    (_HERTZ, lambda x: f"{numbers.step(x)} MHz"),
    (frozenset({"temperature"}), numbers.celsius),
    (frozenset({"cores", "main_cores", "workers_cores"}), lambda x: f"{x:.2f}"),
    (frozenset({"room", "due"}), lambda x: f"{numbers.step(x)} more"),
)


def label(name: str) -> str:
    """Return what a piece of evidence is called."""
    return _LABELS.get(name) or (metrics.label(name) if "/" in name else name.replace("_", " "))


def words(row: IncidentRow) -> list[tuple[str, str]]:
    """Return name and value of each piece of evidence that is known: what to act on, then what was seen."""
    return first(row) + rest(row)


def first(row: IncidentRow) -> list[tuple[str, str]]:
    """Return what is needed to act on it: where the program failed, the checkpoint to go back to."""
    at, good = failed_in(row), row.evidence.get("last_checkpoint")
    out = [("failed in", at)] if at else []
    return out if good is None else [*out, (label("last_checkpoint"), value(row, "last_checkpoint", good))]


def failed_in(row: IncidentRow) -> str:
    """Return the frame in which the program failed; "" where there is no traceback."""
    frames = row.evidence.get("frames")
    return innermost(frames) if isinstance(frames, str) else ""


def rest(row: IncidentRow) -> list[tuple[str, str]]:
    """Return what the rule saw, in its own order, the file last; what the title says is left out."""
    seen = {name: x for name, x in row.evidence.items() if x is not None and not _is_said(row, name, x)}
    if "source" in seen:
        seen["source"] = seen.pop("source")
    return [(_label(row, name), value(row, name, x)) for name, x in seen.items() if name != "last_checkpoint"]


def _label(row: IncidentRow, name: str) -> str:
    """Return what a piece of evidence is called; rules smooth training before they call a value its best."""
    single = row.metric is None or metrics.of_held_out(row.metric) or row.metric == metrics.SCORE
    return "best, smoothed" if name == "best" and not single else label(name)


def _is_said(row: IncidentRow, name: str, x: Value) -> bool:
    """Return whether evidence says no more than the title does."""
    said = {
        "kind": "signature" in row.evidence or x == "traceback",
        "signature": x == "exception",
        "reported_by": x == "log",
        "events": x == 1,
        "last_step": x == row.step,
        "slower": True,
        "failed_rank": x == row.rank,
    }
    return name in _SAID or said.get(name, False)


def inward(frames: str) -> str:
    """Return a traceback with the frame in which it failed first: it is cut off at its end."""
    starts = [found.start() for found in _BLOCK.finditer(frames)]
    blocks = [frames[a:b].rstrip("\n") + "\n" for a, b in pairwise([*starts, len(frames)])]
    return "".join(reversed(blocks)) or frames


def innermost(frames: str) -> str:
    """Return the frame of a traceback in which it failed: `llm/train.py:88, in step`; "" if it has none."""
    found = _FRAME.findall(frames)
    if not found:
        return ""
    path, line, name = found[-1]
    short = _NAMED.search(path)
    at = f"{short[0] if short else path}:{line}"
    return f"{at}, in {name}" if name else at
