"""What a figure or a timeline says in a line of text."""

from __future__ import annotations

from runwatch.render import numbers
from runwatch.reports.document import Figure, Line, Timeline

_MOST = 12


def summary(figure: Figure, line: Line) -> str:
    """Return the ends of a line in words."""
    if not len(line.x):
        return "no finite value"
    first, last = (numbers.value(figure.metric, value) for value in (line.first, line.last))
    return f"{first} to {last}, {figure.x_label} {numbers.step(line.x[0])} to {numbers.step(line.x[-1])}"


def phases(timeline: Timeline) -> list[str]:
    """Return the longest phases in the order of time, each with its begin and its length."""
    longest = sorted(timeline.parts, key=lambda part: part.begin - part.end)[:_MOST]
    d = numbers.duration
    shown = [
        f"{d(part.begin)}: {part.phase} for {d(part.end - part.begin)}"
        for part in sorted(longest, key=lambda part: part.begin)
    ]
    more = len(timeline.parts) - len(shown)
    return shown + ([f"and {more:,} shorter phases"] if more else [])
