"""A comparison as plain data for JSON: verdicts, differences, gaps and the figures of the runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from runwatch.core.gap import Gap
from runwatch.core.snapshot import finite
from runwatch.reports.comparison import words
from runwatch.reports.comparison.compare import Comparison, Pair
from runwatch.reports.comparison.phrases import cause, unknown


def record(comparison: Comparison) -> dict[str, Any]:
    """Return the fields of the document of `runwatch compare --json`."""
    return {
        "reference": comparison.reference.name,
        "runs": [asdict(run) for run in comparison.runs],
        "comparisons": [_pair(comparison, pair) for pair in comparison.pairs],
    }


def _pair(comparison: Comparison, pair: Pair) -> dict[str, Any]:
    apart = pair.differences
    return {
        "run": pair.other.name,
        "verdict": pair.verdict,
        "better": pair.better,
        "sentence": words.verdict(comparison, pair),
        "details": list(words.details(comparison, pair)),
        "cause": cause(apart, differs=pair.differs),
        "metric": pair.metric or None,
        "problem": pair.problem or None,
        "common_steps": pair.common,
        "same_until": pair.same_until,
        "variables": list(apart.variables),
        "differences": [asdict(row) for row in apart.rows],
        "unknown": unknown(apart.unknown),
        "gaps": {axis: _gap(gap) for axis, gap in pair.gaps.items()},
        "evaluations": {metric: gap and _gap(gap) for metric, gap in pair.evaluations.items()},
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "difference": finite(gap.value),
        "half_width": finite(gap.half),
        "of_noise": finite(gap.noise),
        "of_seed": finite(gap.seed),
        "beyond_noise": gap.real,
        "reference_level": finite(gap.level),
        "from": gap.first,
        "to": gap.last,
        "repeats": gap.repeats,
    }
