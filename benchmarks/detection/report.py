"""Tables of the outcomes, for the screen and for docs/detection.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.detection.score import Outcome

DOCUMENT = Path(__file__).parents[2] / "docs" / "detection.md"
_MARK = "<!-- {}: {} -->"


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def _median(values: Iterable[float]) -> str:
    known = [value for value in values if np.isfinite(value)]
    return f"{np.median(known):.3g}" if known else "-"


def _rates(outcomes: list[Outcome]) -> tuple[str, str, str]:
    """Return false alarms per 1,000 hours (warning or above; critical) and the share of runs with one."""
    healthy = [out for out in outcomes if not out.fault]
    hours = sum(out.hours for out in healthy)
    if not hours:
        return "-", "-", "-"
    every = sum(len(out.false) for out in healthy)
    critical = sum(alarm.severity == "critical" for out in healthy for alarm in out.false)
    runs = sum(bool(out.false) for out in healthy)
    return f"{1000 * every / hours:.2f}", f"{1000 * critical / hours:.2f}", f"{runs} of {len(healthy)}"


def table(outcomes: list[dict[str, Outcome]], split: str, seeds: int) -> str:
    """Return all tables as Markdown."""
    lines = [
        "| detector | recall | precision | false alarms per 1,000 h | critical ones | healthy runs alarmed | "
        "median delay, rows | cause right |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in outcomes[0] if outcomes else ():
        mine = [entry[name] for entry in outcomes]
        events = [out for out in mine if out.fault]
        caught = [out for out in events if out.caught]
        false = sum(len(out.false) for out in mine)
        rate, critical, runs = _rates(mine)
        cause = _ratio(sum(out.cause for out in caught), len(caught)) if name == "runwatch" else "-"
        lines.append(
            f"| {name} | {_ratio(len(caught), len(events))} | {_ratio(len(caught), len(caught) + false)} | "
            f"{rate} | {critical} | {runs} | {_median(o.delay_rows for o in caught)} | {cause} |"
        )
    mine = [entry["runwatch"] for entry in outcomes]
    hours = sum(out.hours for out in mine if not out.fault)
    rows = sum(out.rows for out in mine if not out.fault)
    lines += [
        "",
        f"Split `{split}`, {seeds} seeds; {sum(1 for o in mine if o.fault)} faults, "
        f"{sum(1 for o in mine if not o.fault)} healthy runs of {hours:,.0f} run-hours and {rows:,} rows.",
        "",
        "| group | faults | recall | median delay, rows | steps | seconds | row gaps | cause right |",
        "|---|---|---|---|---|---|---|---|",
    ]
    events = [out for out in mine if out.fault]
    groups = dict.fromkeys(out.group for out in events)
    for group in groups:
        lines.append(_row(group, [out for out in events if out.group == group]))
    lines += ["", "| fault | runs | recall | median delay, rows | steps | seconds | row gaps | cause right |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for name in dict.fromkeys(out.fault for out in events):
        lines.append(_row(name.replace("_", " "), [o for o in events if o.fault == name]))
    return "\n".join([*lines, "", *_rules(mine)])


def _rules(outcomes: list[Outcome]) -> list[str]:
    """Return the table of rules; those with many notes in healthy runs are nearest to false alarms."""
    first = Counter(out.caught.rule for out in outcomes if out.caught)
    wrong = Counter(alarm.rule for out in outcomes for alarm in out.false)
    notes = Counter(rule for out in outcomes for rule in out.notes)
    head = "| rule | faults it was first to find | false alarms | notes in healthy runs |"
    rows = [
        f"| {rule} | {first[rule]} | {wrong[rule]} | {notes[rule]} |"
        for rule in sorted({*first, *wrong, *notes})
    ]
    return [head, "|---|---|---|---|", *rows]


def _row(name: str, events: list[Outcome]) -> str:
    caught = [out for out in events if out.caught]
    delays = " | ".join(
        _median(getattr(out, f"delay_{unit}") for out in caught)
        for unit in ("rows", "steps", "seconds", "gaps")
    )
    cause = _ratio(sum(out.cause for out in caught), len(caught))
    return f"| {name} | {len(events)} | {_ratio(len(caught), len(events))} | {delays} | {cause} |"


def line(out: Outcome) -> str:
    """Return what became of one run."""
    false = f"{len(out.false)} false: {', '.join(alarm.rule for alarm in out.false)}" if out.false else ""
    found = out.caught and f"{out.caught.rule} after {out.delay_rows:.0f} rows"
    said = [found or "missed"] if out.fault else []
    return f"{out.case} seed {out.seed}: {', '.join([*said, false] if false else said) or 'silent'}"


def troubles(outcomes: list[dict[str, Outcome]]) -> str:
    """Return a line for every miss, wrong cause and false alarm of runwatch."""
    lines = []
    for entry in outcomes:
        out = entry["runwatch"]
        where = f"{out.case} seed {out.seed}"
        if out.fault and not out.caught:
            lines.append(f"MISS   {where}")
        elif out.fault and not out.cause and out.caught:
            lines.append(f"CAUSE  {where}: {out.caught.text}")
        lines += [f"FALSE  {where}: row {a.row} {a.severity} {a.rule}: {a.text}" for a in out.false]
    return "\n".join(lines)


def write(text: str, part: str = "table") -> None:
    """Put tables between the marks of docs/detection.md that `part` names."""
    begin, end = _MARK.format(part, "begin"), _MARK.format(part, "end")
    before, rest = DOCUMENT.read_text().split(begin)
    after = rest.split(end)[1]
    DOCUMENT.write_text(f"{before}{begin}\n{text}\n{end}{after}")
