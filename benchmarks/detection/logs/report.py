"""Counts over all logs, as Markdown tables, and a line for each disagreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from math import sqrt
from statistics import median

from benchmarks.detection.logs.kinds import BAD
from benchmarks.detection.logs.labels import PARTS
from benchmarks.detection.logs.score import DEBATABLE, FALSE, TRUE, Alarm, Failure, Result


def wilson(part: int, whole: int, z: float = 1.96) -> tuple[float, float]:
    """Return the bounds of a share with 95 % confidence, after Wilson."""
    if not whole:
        return 0.0, 1.0
    share, weight = part / whole, z * z / whole
    middle = (share + weight / 2) / (1 + weight)
    half = z * sqrt(share * (1 - share) / whole + weight / whole / 4) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def share(values: Iterable[bool]) -> str:
    """Return how many are true, as a share with its bounds."""
    every = list(values)
    part, whole = sum(every), len(every)
    low, high = wilson(part, whole)
    return f"{part / whole:.3f} ({low:.2f} to {high:.2f}; {part} of {whole})" if whole else "-"


def tables(results: list[Result]) -> str:
    """Return all tables."""
    parts = [part for part in dict.fromkeys([*PARTS, *(r.part for r in results)]) if _of(results, part)]
    rows = [_part(part, _of(results, part)) for part in parts]
    rows += [_part("all", results)] if len(parts) > 1 else []
    head = "part|logs|precision of alarms|of critical ones|debatable|healthy logs without a false alarm"
    lines = [
        _row(*f"{head}|failed ends reported|troubles reported|cause right|ends right".split("|")),
        "|---" * 10 + "|",
    ]
    lines += [*rows, "", _row("what failed", "labelled", "reported", "median delay, rows"), "|---" * 4 + "|"]
    failures = [failure for result in results for failure in result.failures]
    for kind in sorted({f.kind for f in failures}, key=lambda kind: (kind not in BAD, kind)):
        same = [failure for failure in failures if failure.kind == kind]
        lines.append(_row(kind, len(same), share(f.reported for f in same), _delay(same)))
    lines += ["", _row("rule", "true", "debatable", "false"), "|---" * 4 + "|"]
    counts = Counter((a.incident.rule, a.verdict) for result in results for a in result.alarms)
    for rule in sorted({rule for rule, _ in counts}):
        lines.append(_row(rule, *(counts[rule, verdict] for verdict in (TRUE, DEBATABLE, FALSE))))
    lines += ["", _row("how it ended", "what was said"), "|---" * 2 + "|"]
    said = Counter((end.wanted, end.said) for result in results for end in result.ends)
    for wanted in sorted({wanted for wanted, _ in said}):
        most = [f"{got} {n}" for (end, got), n in said.most_common() if end == wanted]
        lines.append(_row(wanted, ", ".join(most)))
    return "\n".join(lines)


def _of(results: list[Result], part: str) -> list[Result]:
    return [result for result in results if result.part == part]


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _part(name: str, results: list[Result]) -> str:
    alarms = [alarm for result in results for alarm in result.alarms]
    failures = [failure for result in results for failure in result.failures]
    return _row(
        name,
        len(results),
        _precision(alarms),
        _precision(alarm for alarm in alarms if alarm.incident.severity == "critical"),
        sum(alarm.verdict == DEBATABLE for alarm in alarms),
        share(
            all(a.verdict != FALSE for a in r.alarms)
            for r in results
            if r.health == "healthy" and not r.error
        ),
        share(failure.reported for failure in failures if failure.kind in BAD),
        share(failure.reported for failure in failures if failure.kind not in BAD),
        share(cause.right for result in results for cause in result.causes),
        share(end.right for result in results for end in result.ends),
    )


def _precision(alarms: Iterable[Alarm]) -> str:
    return share(alarm.verdict == TRUE for alarm in alarms if alarm.verdict != DEBATABLE)


def _delay(failures: Iterable[Failure]) -> str:
    delays = [failure.delay for failure in failures if failure.reported and failure.delay is not None]
    return f"{median(delays):g}" if delays else "-"


def disagreements(results: Iterable[Result]) -> Iterator[str]:
    """Yield a line for all that was judged otherwise than it was labelled, and for what is debatable."""
    for result in results:
        if result.error:
            yield f"NOTE       {result.path}: {result.error}"
        for alarm in result.alarms:
            if alarm.verdict != TRUE:
                what = alarm.incident
                said = f"{what.severity} {what.rule}: {what.title}"
                yield f"{alarm.verdict.upper():9}  {result.path}:{what.line or 1}: {said}"
        for failure in result.failures:
            if not failure.reported:
                where = f"{result.path}:{failure.line or 1}"
                noted = ", reported as a note" if failure.noted else ""
                yield f"MISSED     {where}: {failure.kind}{noted}: {failure.why!r}"
        for cause in result.causes:
            if not cause.right:
                yield f"CAUSE      {result.path}:{cause.line or 1}: {cause.wanted!r}, said: {cause.said!r}"
        for end in result.ends:
            if not end.right:
                yield f"END        {result.path}:{end.line or 1}: {end.wanted}, said: {end.said}"
