"""How much the figures depend on each threshold: every one of them halved and doubled, one at a time.

A threshold whose figures change a lot is one that was tuned to the benchmark. Only the
runs that concern a rule are read again: its own faults, and all healthy ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from benchmarks.detection.faults import FAULTS
from benchmarks.detection.score import Outcome, judge_fault, judge_healthy
from runwatch.alerts.rules import CATALOGUE
from runwatch.alerts.rules.base import thresholds

FACTORS = (0.5, 2.0)
Task = tuple[str, str, int]


def variants() -> Iterator[tuple[str, str, float | int]]:
    """Yield (rule, threshold, value) for every threshold and factor."""
    for rule in CATALOGUE:
        for item in thresholds(rule):
            if isinstance(item.default, bool):
                continue
            for factor in FACTORS:
                scaled = item.default * factor
                yield rule.name, item.name, max(1, round(scaled)) if isinstance(item.default, int) else scaled


def _judge(task: tuple[Task, str, str, float | int]) -> Outcome:
    (kind, name, seed), rule, threshold, value = task
    overrides = {rule: {threshold: value}}
    if kind == "fault":
        return judge_fault(FAULTS[name], seed, overrides)["runwatch"]
    return judge_healthy(name, seed, overrides)["runwatch"]


def table(tasks: list[Task], jobs: int) -> str:
    """Return recall and false alarms of each variant as Markdown."""
    lines = ["| rule | threshold | value | recall of its faults | false alarms |", "|---|---|---|---|---|"]
    with ProcessPoolExecutor(jobs) as pool:
        for rule, threshold, value in variants():
            chosen = [task for task in tasks if task[0] == "healthy" or rule in FAULTS[task[1]].rules]
            work = [(task, rule, threshold, value) for task in chosen]
            found = list(pool.map(_judge, work, chunksize=4))
            events = [out for out in found if out.fault]
            caught = sum(out.caught is not None for out in events)
            recall = f"{caught} of {len(events)}" if events else "-"
            false = sum(len(out.false) for out in found)
            lines.append(f"| {rule} | {threshold} | {value:g} | {recall} | {false} |")
    return "\n".join(lines)
