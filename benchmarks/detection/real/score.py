"""What a watcher made of one run: found, its cause, its end, and what it raised for nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.detection.real.cases import Case
from benchmarks.detection.real.watch import Ending, Report

PACE = frozenset(["step_time", "throughput", "jitter", "stalls"])
"""Rules that may report what the machine really did."""
SLOWER, RECENT, STEPS = 1.2, 12.0, 24
"""Ratio of medians of step times that is slower; seconds, or steps, before a report that are compared."""


@dataclass(frozen=True)
class Result:
    """What one watcher made of one run."""

    watcher: str
    caught: Report | None
    """The first warning by a rule that should, or the first note where there is none."""
    delay: float | None
    """Seconds from the fault to it; None for what is there from the beginning."""
    cause: bool
    """Whether a report names the cause."""
    reports: tuple[Report, ...]
    """All that was reported."""
    false: tuple[Report, ...]
    """Warnings and worse that are wrong."""
    real: tuple[Report, ...]
    """Reports of a slowdown that the machine really had."""
    ending: Ending | None
    ended_right: bool | None
    """None where any will do."""


def judge(case: Case, watcher: str, reports: list[Report], endings: list[Ending], top: Path) -> Result:
    """Compare what was reported with what happened."""
    onset = _onset(top)
    rules, besides = set(case.expected.rules.split()), set(case.expected.besides.split())
    early = set(case.expected.foreseen.split())
    found = [r for r in reports if r.rule in rules and not _before(r, onset)]
    named = [r for r in found if re.search(case.expected.words, r.text, re.IGNORECASE)]
    caught = next((r for r in found if r.severity != "info"), found[0] if found else None)
    wrong = [
        r
        for r in reports
        if r.severity != "info"
        and (r.rule not in rules | besides or (_before(r, onset) and r.rule not in early))
    ]
    real = [r for r in wrong if r.rule in PACE and _slower(top / "times", r.time)]
    last = endings[-1] if endings else None
    kinds = case.expected.endings.split()
    return Result(
        watcher=watcher,
        caught=caught,
        delay=None if caught is None or onset is None else max(caught.time - onset, 0.0),
        cause=bool(named),
        reports=tuple(reports),
        false=tuple(r for r in wrong if r not in real),
        real=tuple(real),
        ending=last,
        ended_right=None if not kinds else last is not None and last.kind in kinds,
    )


def _before(report: Report, onset: float | None) -> bool:
    return onset is not None and report.time < onset - 0.5


def _onset(top: Path) -> float | None:
    """Return when the fault began; None if it was there from the beginning, or has not begun."""
    try:
        return float((top / "onset").read_text())
    except (OSError, ValueError):
        return None


def _slower(times: Path, when: float) -> bool:
    """Return whether steps just before a time really took longer than those before them."""
    try:
        starts = [float(line.split()[0]) for line in times.read_text().splitlines()]
    except OSError:
        return False
    starts = [start for start in starts if start <= when]
    spent = [(start, after - start) for start, after in pairwise(starts)]
    since = (when - RECENT, spent[-STEPS][0] if len(spent) >= STEPS else when)
    apart = [([t for at, t in spent if at >= s], [t for at, t in spent if at < s]) for s in since]
    return any(recent and before and median(recent) > SLOWER * median(before) for recent, before in apart)
