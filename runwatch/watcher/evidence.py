"""What the engine adds to findings: the file that a line is of, the checkpoint to go back to."""

from __future__ import annotations

import msgspec

from runwatch.findings import Finding, Severity, Verdict
from runwatch.run import Run


def _sound(finding: Finding) -> int | None:
    """Return the step up to which all was well, as far as the finding tells."""
    known = (finding.evidence.get(name) for name in ("sound_step", "best_step"))
    return next((step for step in known if isinstance(step, int)), finding.step)


def placed(finding: Finding, run: Run, source: str) -> Finding:
    """Return `finding` with what helps a person to act on it; what the rule said itself stays.

    `source` is the path of the file that its line is of, "" where the run has only one.
    """
    more: dict[str, float | int | str | None] = {}
    if source and finding.line is not None:
        more["source"] = source
    if finding.verdict is Verdict.FIRING and finding.severity is not Severity.INFO:
        good = run.good_before(_sound(finding), None if source else finding.line)
        if good is not None:
            more["last_checkpoint"] = good
    return msgspec.structs.replace(finding, evidence={**more, **finding.evidence}) if more else finding
