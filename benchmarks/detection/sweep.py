"""How much the figures depend on each threshold: each at half to double its default, one at a time.

A threshold whose figures change a lot is one that was tuned to the benchmark. All
variants of a rule judge the same run side by side, so that it is read once; a run with
a fault is judged by the rules that may find it alone, a healthy one by all. Silences
need rows that arrive one by one, so that runs that pause are read twice: so for the
rules about time, and in large pieces for all others.

A part of more than one half cannot be doubled: what it leaves is multiplied instead
(0.98 becomes 0.99 and 0.96).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchmarks.detection.faults import FAULTS
from benchmarks.detection.healthy import PAUSES
from benchmarks.detection.replay import Alarm, Replay
from benchmarks.detection.score import FINE, broken, sound
from runwatch.alerts.rules import CATALOGUE
from runwatch.alerts.rules.base import Rule, RunRule, Threshold, thresholds
from runwatch.alerts.rules.life.crash import Crash
from runwatch.alerts.rules.ruleset import Ruleset

FACTORS = (0.5, 0.7, 1.0, 1.4, 2.0)
Task = tuple[str, str, int]
Counts = tuple[Counter[str], Counter[str]]
"""Faults caught and false alarms, by the name of a variant."""


def _swept(rule: type[Rule]) -> Iterator[Threshold]:
    yield from (item for item in thresholds(rule) if not isinstance(item.default, bool) and item.default)


def scaled(default: float, factor: float) -> float:
    """Return a threshold multiplied; a part above one half by what it leaves."""
    if isinstance(default, int):
        return max(1, round(default * factor))
    return 1 - (1 - default) / factor if 0.5 < default < 1 else default * factor


def _scaled(item: Threshold, factor: float) -> float:
    return min(scaled(item.default, factor), item.most)


def _name(rule: type[Rule], item: Threshold, factor: float) -> str:
    """Return the name of a variant: that of the rule as it is where scaling changes nothing."""
    value = _scaled(item, factor)
    return f"{rule.name}|" if value == item.default else f"{rule.name}|{item.name}|{value:g}"


def _ruleset(rules: Collection[str]) -> Ruleset:
    """Return all variants of some rules, beside the one rule that the engine itself asks about."""
    classes: dict[str, type[Rule]] = {}
    chosen: dict[str, dict[str, Any]] = {}
    for rule in CATALOGUE:
        for item in _swept(rule) if rule.name in rules else ():
            for factor in FACTORS:
                name = _name(rule, item, factor)
                classes[name] = type(name, (rule,), {"name": name})
                if name != f"{rule.name}|":
                    chosen[name] = {item.name: _scaled(item, factor)}
    return Ruleset(chosen, rules=(Crash, *classes.values()))


TIMED = frozenset(rule.name for rule in CATALOGUE if getattr(rule, "elapse", None) is not RunRule.elapse)
"""Rules that judge silences or the machine."""
OTHERS = frozenset(rule.name for rule in CATALOGUE) - TIMED


def _sound(name: str, seed: int) -> Iterator[Alarm]:
    """Yield what all variants say of a healthy run."""
    trace = sound(name, seed)
    if name not in PAUSES:
        yield from Replay(trace, range(0), _ruleset(TIMED | OTHERS)).run()
        return
    yield from Replay(trace, range(trace.rows), _ruleset(TIMED)).run()
    trace = sound(name, seed)
    trace.world = None
    yield from Replay(trace, range(0), _ruleset(OTHERS)).run()


def judge_one(task: Task) -> Counts:
    """Return the faults that each variant caught in one run, and its false alarms."""
    kind, name, seed = task
    if kind == "healthy":
        alarms = _sound(name, seed)
        return Counter(), Counter(alarm.rule for alarm in alarms if alarm.severity != "info")
    fault = FAULTS[name]
    trace, at = broken(fault, seed)
    fine = range(max(1, at - 12), at + (FINE if fault.rows <= FINE else 20))
    found: set[str] = set()
    false: Counter[str] = Counter()
    for alarm in Replay(trace, fine, _ruleset(fault.rules)).run():
        serious = alarm.severity != "info"
        if min(at, trace.rows - 1) - 1 <= alarm.row <= at + fault.rows and (serious or fault.info):
            found.add(alarm.rule)
        elif serious and alarm.row < at - 1:
            false[alarm.rule] += 1
    return Counter(found), false


def judge(tasks: list[Task], jobs: int) -> list[Counts]:
    """Return what all variants made of each run."""
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(judge_one, tasks, chunksize=4))


def table(tasks: list[Task], counts: list[Counts]) -> str:
    """Return what each variant caught, and its false alarms, as Markdown."""
    caught: Counter[str] = Counter()
    false: Counter[str] = Counter()
    for one, other in counts:
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
