"""Real logs: the healthy ones must be silent, the others reported by the right rule at the right place.

DIR/index.jsonl describes one log a line: `path` (relative to DIR), `health` ("healthy" or
anything else) and `failure`, {"kind", "step", "line"} or null. What the kinds mean is in KINDS;
one that is not there is no fault of a run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runwatch.core.errors import SourceError
from runwatch.core.snapshot import IncidentRow
from runwatch.watcher.engine.check import check

LATER = 4_000_000_000.0
"""Unix time long after any log was written: those that just end have ended."""
CRASHES = (
    r"oom|out of memory|cuda|xid|crash|nccl|rendezvous|time.limit|kill|signal|sigint|interrupt|exception"
)
KINDS: tuple[tuple[str, str], ...] = (
    (r"zero.loss", "masked_nan"),
    (r"\bnan\b|infinite|overflow", "nonfinite"),
    (r"spike", "loss_spike grad_spike"),
    (r"diverg", "divergence loss_spike"),
    (r"plateau", "plateau score_plateau never_learns"),
    (r"overfit", "validation memorised"),
    (CRASHES, "crash ended"),
    (r"hang|stuck|log ends", "hang"),
)
"""(what a kind of failure is called, rules that tell it); the first that fits."""
NEAR_STEPS, NEAR_LINES = 10, 10


@dataclass(frozen=True)
class Result:
    """What was made of one log."""

    path: str
    kind: str
    """Of its failure; "" for a healthy log."""
    rules: frozenset[str]
    """Those that report it; none if it is no fault of a run."""
    caught: str = ""
    """The rule that reported it, at the right place."""
    reason: str = ""
    """Why it could not be reported."""
    alarms: tuple[str, ...] = ()
    """Of a healthy log: what was reported at warning or above."""


def judge(corpus: Path, entry: dict[str, Any]) -> Result:
    """Read one log to its end and compare."""
    failure = entry["failure"] or {}
    kind = "" if entry["health"] == "healthy" else str(failure.get("kind", ""))
    rules = next((names for words, names in KINDS if re.search(words, kind, re.I)), "") if kind else ""
    if not entry["core"]["records"] and "crash" not in rules:
        rules = ""  # such as what a rank that prints nothing left behind
    path, wanted = entry["path"], frozenset(rules.split())
    try:
        engine = check([str(corpus / path)], now=LATER)
    except SourceError:
        return Result(path, kind, wanted, reason="no run in it")
    rows = [(watched, row) for _, watched in engine.runs() for row in watched.incidents.every()]
    if not kind:
        alarms = tuple(f"{r.rule} ({r.state}): {r.title}" for _, r in rows if r.severity != "info")
        return Result(path, kind, wanted, alarms=alarms)
    found = [row for _, row in rows if row.rule in wanted]
    right = next((row for row in found if _placed(row, failure)), None)
    reason = ""
    if right is None and found:
        reason = f"reported at step {found[-1].step}, line {found[-1].line}"
    elif right is None and "hang" in wanted and all(w.run.total is None for _, w in engine.runs()):
        reason = "its length is unknown"
    return Result(path, kind, wanted, right.rule if right else "", reason)


def _placed(row: IncidentRow, failure: dict[str, Any]) -> bool:
    """Whether a finding is where the index has it; the root of a crash may stand before what was noted."""
    step, line = failure.get("step"), failure.get("line")
    near_step = step is not None and row.step is not None and abs(row.step - step) <= NEAR_STEPS
    near_line = line is not None and row.line is not None and abs(row.line - line) <= NEAR_LINES
    before = row.rule == "crash" and line is not None and row.line is not None and row.line < line
    return near_step or near_line or before or (step is None and line is None)


def table(corpus: Path, jobs: int) -> str:
    """Return what was found in a corpus, as Markdown."""
    entries = [json.loads(line) for line in (corpus / "index.jsonl").read_text().splitlines()]
    with ProcessPoolExecutor(jobs) as pool:
        results = list(pool.map(judge, [corpus] * len(entries), entries))
    healthy = [result for result in results if not result.kind]
    faulty = [result for result in results if result.rules]
    silent = sum(not result.alarms for result in healthy)
    caught = sum(bool(result.caught) for result in faulty)
    others = len(results) - len(healthy) - len(faulty)
    said = (
        f"Of {len(results)} logs: {silent} of {len(healthy)} healthy ones are silent at warning and above; "
        f"{caught} of {len(faulty)} faults are reported by the right rule at the right step or line; "
        f"{others} hold no training step and no crash, or something that is no fault of a run."
    )
    return "\n".join([said, "", *_exceptions(healthy, faulty)])


def _exceptions(healthy: list[Result], faulty: list[Result]) -> Iterator[str]:
    for result in healthy:
        for alarm in result.alarms:
            yield f"- {Path(result.path).name}, healthy: {alarm[:150]}"
    for result in faulty:
        if not result.caught:
            yield f"- {Path(result.path).name}, {result.kind}: not reported ({result.reason or 'missed'})"
