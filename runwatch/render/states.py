"""How a phase, a severity and an incident are named: sign, word and role.

Roles: "good", "busy", "warn", "crit", "dim".
"""

from __future__ import annotations

from runwatch.core.ending import OVER
from runwatch.core.snapshot import IncidentRow, RunRow, RunView
from runwatch.render.cells import Row
from runwatch.render.glyphs import UNICODE, Glyphs

_PHASES: dict[str, tuple[str, str]] = {
    "starting": ("STARTING", "busy"),
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
}
AT_WORK = frozenset({"training", "evaluating", "checkpointing"})
"""Phases in which steps are expected."""
_SEVERITIES: dict[str, tuple[str, str]] = {
    "critical": ("CRIT", "crit"),
    "warning": ("WARN", "warn"),
    "info": ("INFO", "busy"),
}
_STATES: dict[str, tuple[str, str]] = {
    "pending": ("PEND", "dim"),
    "acknowledged": ("ACK", "dim"),
    "resolved": ("OK", "good"),
}
_URGENCY = {"critical": 0, "warning": 1, "info": 2}
_STANDING = {"firing": 0, "pending": 1, "acknowledged": 2, "resolved": 3}


def phase_word(phase: str) -> str:
    """Return the word for a phase."""
    return _PHASES.get(phase, (phase.upper() or "UNKNOWN", "dim"))[0]


def phase_role(phase: str, critical: int = 0) -> str:
    """Return the role of a phase; with critical incidents open no phase looks well."""
    return "crit" if critical else _PHASES.get(phase, ("", "dim"))[1]


def phase_sign(phase: str, glyphs: Glyphs = UNICODE) -> str:
    """Return the sign of a phase."""
    return glyphs.phases.get(phase, "?")


def ended(phase: str) -> bool:
    """Return whether a run in this phase prints nothing more."""
    return phase in OVER or phase == "vanished"


def urgency(row: IncidentRow) -> tuple[int, int, float]:
    """Return a sort key: firing first, critical first; of those what began it, of the past the newest."""
    began = row.since if row.since is not None else float(row.step or 0)
    return (
        _STANDING.get(row.state, 4),
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


def critical_tag(count: int, glyphs: Glyphs = UNICODE) -> Row:
    """Return `▲ 2 CRIT` for so many open critical incidents, or nothing."""
    word, role = _SEVERITIES["critical"]
    return [(f"{glyphs.severities['critical']} {count} {word}", role)] if count else []


def attention(row: IncidentRow) -> bool:
    """Return whether an incident wants somebody now; what is only told does not."""
    return row.state == "firing" and row.severity != "info"


def firing(run: RunView) -> list[IncidentRow]:
    """Return the incidents that want attention now, most urgent first."""
    return sorted(filter(attention, run.incidents), key=urgency)


def counts(critical: int, warning: int, glyphs: Glyphs = UNICODE) -> Row:
    """Return `1▲ 2●`, or nothing when nothing fires."""
    row: Row = []
    for count, severity, role in ((critical, "critical", "crit"), (warning, "warning", "warn")):
        if count:
            row += [(" ", "")] if row else []
            row.append((f"{count}{glyphs.severities[severity]}", role))
    return row


def run_counts(run: RunRow, glyphs: Glyphs = UNICODE) -> Row:
    """Return the counts of one line of the list of runs."""
    return counts(run.critical, run.warning, glyphs)
