"""How much the figures depend on each threshold: each at half to double its default, one at a time.

A threshold whose figures change a lot is one that was tuned to the benchmark. All
variants of a rule judge the same run side by side, so that it is read once: those of a
fault's rules judge runs with that fault; those of rules about time the healthy runs
that pause, and all others the remaining healthy ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchmarks.detection.faults import FAULTS
from benchmarks.detection.healthy import PAUSES
from benchmarks.detection.replay import Replay
from benchmarks.detection.score import FINE, broken, sound
from runwatch.alerts.rules import CATALOGUE
from runwatch.alerts.rules.base import Rule, RunRule, Threshold, thresholds
from runwatch.alerts.rules.ruleset import Ruleset

FACTORS = (0.5, 1.0, 2.0)
SHAPES = 3
"""Of the healthy runs every third is read: hundreds of variants judge each."""
Task = tuple[str, str, int]
Counts = tuple[Counter[str], Counter[str]]
"""Faults caught and false alarms, by the name of a variant."""


def _swept(rule: type[Rule]) -> Iterator[Threshold]:
    yield from (item for item in thresholds(rule) if not isinstance(item.default, bool) and item.default)


def _name(rule: type[Rule], item: Threshold, factor: float) -> str:
    return f"{rule.name}|" if factor == 1.0 else f"{rule.name}|{item.name}|{factor:g}"


def _ruleset(rules: frozenset[str]) -> Ruleset:
    """Return all rules, and all variants of some."""
    classes: dict[str, type[Rule]] = {}
    chosen: dict[str, dict[str, Any]] = {}
    for rule in CATALOGUE:
        for item in _swept(rule) if rule.name in rules else ():
            for factor in FACTORS:
                name = _name(rule, item, factor)
                classes[name] = type(name, (rule,), {"name": name})
                value = item.default * factor
                if factor != 1.0:
                    chosen[name] = {
                        item.name: max(1, round(value)) if isinstance(item.default, int) else value
                    }
    return Ruleset(chosen, rules=(*CATALOGUE, *classes.values()))


def _watches_time(rule: type[Rule]) -> bool:
    """Whether a rule judges silences or the machine: then rows must arrive one by one."""
    return getattr(rule, "elapse", None) is not RunRule.elapse


def _scaled(value: float, factor: float) -> float:
    return max(1, round(value * factor)) if isinstance(value, int) else value * factor


def _judge(task: Task) -> Counts:
    kind, name, seed = task
    caught: Counter[str] = Counter()
    false: Counter[str] = Counter()
    if kind == "healthy":
        trace = sound(name, seed)
        timed = name in PAUSES
        rules = frozenset(rule.name for rule in CATALOGUE if _watches_time(rule) is timed)
        alarms = Replay(trace, range(trace.rows if timed else 0), _ruleset(rules)).run()
        false.update(alarm.rule for alarm in alarms if alarm.severity != "info" and "|" in alarm.rule)
        return caught, false
    fault = FAULTS[name]
    trace, at = broken(fault, seed)
    fine = range(max(1, at - 12), at + (FINE if fault.rows <= FINE else 20))
    found = set()
    for alarm in Replay(trace, fine, _ruleset(fault.rules)).run():
        grave = alarm.severity != "info"
        if "|" not in alarm.rule:
            continue
        if min(at, trace.rows - 1) - 1 <= alarm.row <= at + fault.rows and (grave or fault.info):
            found.add(alarm.rule)
        elif grave and alarm.row < at - 1:
            false[alarm.rule] += 1
    caught.update(found)
    return caught, false


def table(tasks: list[Task], jobs: int) -> str:
    """Return what each variant caught, and its false alarms, as Markdown."""
    caught: Counter[str] = Counter()
    false: Counter[str] = Counter()
    sane = [task for task in tasks if task[0] == "healthy"]
    tasks = [*(task for task in tasks if task[0] == "fault"), *sane[::SHAPES]]
    with ProcessPoolExecutor(jobs) as pool:
        for one, other in pool.map(_judge, tasks):
            caught.update(one)
            false.update(other)
    faults = Counter(rule for kind, name, _ in tasks if kind == "fault" for rule in FAULTS[name].rules)
    head = [f"x {factor:g}" for factor in FACTORS]
    lines = [
        f"| rule | threshold | default | faults | {' | '.join(head)} |",
        "|---|---|---|---|" + "---|" * len(FACTORS),
    ]
    same = total = 0
    for rule in CATALOGUE:
        for item in _swept(rule):
            names = [_name(rule, item, factor) for factor in FACTORS]
            cells = [f"{caught[name]}" + (f", {false[name]} false" if false[name] else "") for name in names]
            total += 1
            if len(set(cells)) == 1:
                same += 1
                continue
            row = [rule.name, item.name, f"{item.default:g}", f"{faults[rule.name]}", *cells]
            lines.append(f"| {' | '.join(row)} |")
    healthy = sum(kind == "healthy" for kind, _, _ in tasks)
    said = (
        f"Of {total} thresholds {same} change nothing between half and double, in {len(tasks) - healthy} "
        f"runs with a fault and {healthy} healthy ones. The others: how many of the faults that the rule "
        "may find it found itself, and its false alarms, when the threshold is multiplied."
    )
    return "\n".join([said, "", *lines])
