"""What the engine adds to findings: the file that a line is of, the checkpoint to go back to."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from runwatch.core.findings import Finding, Severity, Verdict
from runwatch.core.fold.run import Run
from runwatch.core.snapshot import OPEN, IncidentRow

_SPOILS = {"nonfinite": "after NaN", "masked_nan": "after NaN", "divergence": "diverged"}
"""Rules whose critical findings mean that the weights are no longer worth saving, and what those are then."""
PACE = frozenset({
    "data_bound", "deadline", "gpu_memory", "gpu_slowed", "gpu_underuse", "io_stall", "jitter", "low_mfu",
    "stalls", "step_time", "straggler", "throughput",
})  # fmt: skip
"""Rules about how fast a run is: it trains on with weights as good as before, and needs no checkpoint."""


def _sound(finding: Finding | IncidentRow) -> int | None:
    """Return the step up to which all was well, as far as the finding shows."""
    known = (finding.evidence.get(name) for name in ("sound_step", "best_step"))
    return next((step for step in known if isinstance(step, int)), finding.step)


def spoilt(incidents: Iterable[IncidentRow]) -> tuple[int, str] | None:
    """Return the step up to which the weights are good, and what they are after it.

    None where nothing is known against the newest.
    """
    found = (
        (step, _SPOILS[row.rule])
        for row in incidents
        if row.rule in _SPOILS and row.severity == "critical" and row.state in OPEN
        if (step := _sound(row)) is not None
    )
    return min(found, default=None)


def sound(incidents: Iterable[IncidentRow]) -> int | None:
    """Return the step up to which the weights are good; None where nothing is known against the newest."""
    found = spoilt(incidents)
    return None if found is None else found[0]


def placed(finding: Finding, run: Run, source: str) -> Finding:
    """Return `finding` with what helps a person to act on it; what the rule said itself stays.

    `source` is the path of the file that its line is of, "" where the run has only one.
    """
    more: dict[str, float | int | str | None] = {}
    if source and finding.line is not None:
        more["source"] = source
    if finding.verdict is Verdict.FIRING and _wants_checkpoint(finding):
        good = run.good_before(_sound(finding), None if source else finding.line)
        if good is not None:
            more["last_checkpoint"] = good
    return msgspec.structs.replace(finding, evidence={**more, **finding.evidence}) if more else finding


def _wants_checkpoint(found: Finding | IncidentRow) -> bool:
    """Return whether a person may have to go back to a checkpoint from before it."""
    return found.severity != Severity.INFO and found.rule not in PACE


def current(row: IncidentRow, run: Run) -> IncidentRow:
    """Return an incident with the checkpoint to go back to as it is known by now.

    A directory of checkpoints may be read after the log in which the incident began.
    """
    if row.state == "resolved" or not _wants_checkpoint(row):
        return row
    good = run.good_before(_sound(row), None if "source" in row.evidence else row.line)
    if good is None or good == row.evidence.get("last_checkpoint"):
        return row
    return msgspec.structs.replace(row, evidence={**row.evidence, "last_checkpoint": good})
