"""The results as Markdown."""

from __future__ import annotations

from statistics import median

from benchmarks.detection.real.cases import Case
from benchmarks.detection.real.score import Result

Rows = list[tuple[Case, list[Result]]]


def table(every: Rows, seed: int) -> str:
    """Return what was found in all runs, then in each."""
    faults = [(case, results) for case, results in every if not case.healthy]
    healthy = [(case, results) for case, results in every if case.healthy]
    lines = [
        f"Seed {seed}: {len(faults)} runs with a fault, {len(healthy)} healthy ones.",
        "",
        "| watched by | faults found | cause named | median seconds | endings right | "
        "healthy runs alarmed | false alarms beside faults | slowdowns of the machine |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for number, name in enumerate(["tail", "daemon"]):
        lines.append(_total(name, [r[number] for _, r in faults], [r[number] for _, r in healthy]))
    lines += [
        "",
        "| program | what happens | tail | daemon | ended as | false alarms |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_row(case, results) for case, results in every]
    return "\n".join(lines)


def _total(name: str, faults: list[Result], healthy: list[Result]) -> str:
    delays = [result.delay for result in faults if result.delay is not None]
    judged = [result.ended_right for result in (*faults, *healthy) if result.ended_right is not None]
    cells = (
        name,
        f"{sum(r.caught is not None for r in faults)} of {len(faults)}",
        f"{sum(r.cause for r in faults)} of {len(faults)}",
        f"{median(delays):.1f}" if delays else "-",
        f"{sum(judged)} of {len(judged)}" if judged else "-",
        f"{sum(bool(r.false) for r in healthy)} of {len(healthy)}",
        str(sum(len(r.false) for r in faults)),
        str(sum(len(r.real) for r in (*faults, *healthy))),
    )
    return f"| {' | '.join(cells)} |"


def _row(case: Case, results: list[Result]) -> str:
    false = dict.fromkeys(f"{r.rule}: {_cell(r.text)}" for result in results for r in result.false)
    ends = dict.fromkeys(_ended(result) for result in results)
    program = case.program.replace("_", " ") + (f", {case.ranks} ranks" if case.ranks else "")
    event = case.event.replace("_", " ")
    cells = (program, event, *(_found(case, r) for r in results), "; ".join(ends), "; ".join(false) or "0")
    return f"| {' | '.join(cells)} |"


def _found(case: Case, result: Result) -> str:
    if case.healthy:
        return "alarm" if result.false else "silent"
    if result.caught is None:
        return "**missed**"
    after = "" if result.delay is None else f" after {result.delay:.1f} s"
    return f"{result.caught.rule} ({result.caught.severity}){after}" + (
        "" if result.cause else ", **cause not named**"
    )


def _ended(result: Result) -> str:
    name = "-" if result.ending is None else result.ending.kind or result.ending.state
    return f"**{name}**" if result.ended_right is False else name


def _cell(text: str) -> str:
    return text.split(" | ", maxsplit=1)[0].replace("|", "/")[:100]
