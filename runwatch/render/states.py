"""How a phase, a severity and an incident are named: sign, word and role.

Roles: "good", "busy", "warn", "crit", "dim".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runwatch.core.ending import ENDED
from runwatch.core.snapshot import IncidentRow, RunRow, RunView
from runwatch.render.cells import Row
from runwatch.render.glyphs import UNICODE, Glyphs

NO_STEPS = "no_steps"
"""What is shown of a log that is no training run, or of none that began: it has been silent for so long."""
_BEGINS = 60.0
"""Seconds of silence after which a log without a step is not starting."""
_PHASES: dict[str, tuple[str, str]] = {
    "reading": ("READING", "dim"),
    "starting": ("STARTING", "busy"),
    NO_STEPS: ("NO STEPS", "dim"),
    "warmup": ("WARMUP", "busy"),
    "training": ("RUNNING", "good"),
    "evaluating": ("EVALUATING", "busy"),
    "checkpointing": ("SAVING", "busy"),
    "finished": ("FINISHED", "good"),
    "crashed": ("CRASHED", "crit"),
    "interrupted": ("INTERRUPTED", "dim"),
    "preempted": ("PREEMPTED", "warn"),
    "time_limit": ("TIME LIMIT", "warn"),
    "vanished": ("ENDED", "warn"),
    "stalled": ("STALLED", "warn"),
    "blind": ("BLIND", "warn"),
    "unknown": ("SILENT", "dim"),
}
AT_WORK = frozenset({"training", "evaluating", "checkpointing"})
"""Phases in which steps are expected."""
_HELD = frozenset({"reading", "stalled", "blind", "unknown"})
"""Phases of a run of which nobody knows that it advances."""
_SEVERITIES: dict[str, tuple[str, str]] = {
    "critical": ("CRIT", "crit"),
    "warning": ("WARN", "warn"),
    "info": ("INFO", "busy"),
}
_STATES: dict[str, tuple[str, str]] = {
    "pending": ("PEND", "dim"),
    "acknowledged": ("ACK", "dim"),
    "resolved": ("OK", "dim"),
}
_URGENCY = {"critical": 0, "warning": 1, "info": 2}
_STATE_ORDER = {"firing": 0, "acknowledged": 1, "resolved": 2, "pending": 4}
_INFORMS = 3
_SEVERITY = {"warn": 1, "crit": 2}
"""How severe a role is."""


def phase_of(run: RunRow | RunView) -> str:
    """Return the phase to show of a run: of one whose log is still being read nothing else is known yet."""
    if run.phase == "starting" and isinstance(run, RunView) and run.history is not None:
        return "reading"
    silent = run.phase == "starting" and (run.age or 0.0) >= _BEGINS
    return NO_STEPS if silent and not run.progress.begun else run.phase


def without_steps(runs: Sequence[RunRow]) -> str:
    """Return what to say of several logs where none has a step, as of files that are no runs; else ""."""
    bare = all(row.phase == "starting" and not row.progress.begun for row in runs)
    return f"no training step was recognized in any of {len(runs)} logs" if bare and len(runs) > 1 else ""


def phase_word(phase: str) -> str:
    """Return the word for a phase."""
    return _PHASES.get(phase, (phase.upper() or "UNKNOWN", "dim"))[0]


def phase_sign(phase: str, glyphs: Glyphs = UNICODE) -> str:
    """Return the sign of a phase."""
    return glyphs.phases.get(phase, "?")


def phase_tag(
    phase: str, glyphs: Glyphs = UNICODE, critical: int = 0, warning: int = 0
) -> tuple[str, str, str]:
    """Return sign, word and role of a phase with so many open incidents.

    Sign and role are those of the worst incident, in any phase that is not as bad itself.
    """
    role = _PHASES.get(phase, ("", "dim"))[1]
    worst = "critical" if critical else "warning" if warning else "info"
    theirs = _SEVERITIES[worst][1]
    if _SEVERITY.get(theirs, 0) > _SEVERITY.get(role, 0):
        return glyphs.severities[worst], phase_word(phase), theirs
    return phase_sign(phase, glyphs), phase_word(phase), role


def ended(phase: str) -> bool:
    """Return whether a run in this phase prints nothing more."""
    return phase in ENDED


def advances(phase: str) -> bool:
    """Return whether a run in this phase is known to continue: only then is there time left."""
    return not ended(phase) and phase not in _HELD


def urgency(row: IncidentRow) -> tuple[int, int, float]:
    """Return a sort key: what wants attention first, critical first; of those what began it.

    Of the past the newest is first; what only informs and what may never fire come last.
    """
    began = row.since if row.since is not None else float(row.step or 0)
    return (
        _INFORMS if row.state == "firing" and not attention(row) else _STATE_ORDER.get(row.state, 5),
        _URGENCY.get(row.severity, 3),
        -began if row.state == "resolved" else began,
    )


def incident_tag(row: IncidentRow, glyphs: Glyphs = UNICODE) -> tuple[str, str, str]:
    """Return sign, word and role of an incident: its severity while it fires, else its state."""
    if row.state in _STATES:
        word, role = _STATES[row.state]
        return glyphs.states.get(row.state, "?"), word, role
    word, role = _SEVERITIES.get(row.severity, (row.severity.upper()[:4], "dim"))
    return glyphs.severities.get(row.severity, "?"), word, role


def severity_tag(severity: str, glyphs: Glyphs = UNICODE) -> tuple[str, str, str]:
    """Return sign, whole word and role of a severity: `▲`, `CRITICAL`."""
    role = _SEVERITIES.get(severity, ("", "dim"))[1]
    return glyphs.severities.get(severity, "?"), severity.upper(), role


def attention(row: IncidentRow) -> bool:
    """Return whether an incident wants somebody now; what only informs does not."""
    return row.state == "firing" and row.severity != "info"


def firing(run: RunView) -> list[IncidentRow]:
    """Return the incidents that want attention now, most urgent first."""
    return sorted(filter(attention, run.incidents), key=urgency)


def severities(rows: Iterable[IncidentRow]) -> tuple[int, int]:
    """Return how many of these incidents are critical, and how many are warnings."""
    found = [row.severity for row in rows]
    return found.count("critical"), found.count("warning")


def counts(critical: int, warning: int, width: int = 200) -> Row:
    """Return `1 crit 2 warn`, the more severe only where `width` is less; nothing without alerts."""
    row: Row = []
    for count, severity in ((critical, "critical"), (warning, "warning")):
        if not count:
            continue
        word, role = _SEVERITIES[severity]
        part = f"{count} {word.lower()}"
        if row and sum(len(text) for text, _ in row) + 1 + len(part) > width:
            break
        row += [(" ", "")] if row else []
        row.append((part, role))
    return row
