"""A run in plain text, for pipes, logs and people without a full screen."""

from __future__ import annotations

import time

from runwatch import metrics
from runwatch.render import cells, numbers, states
from runwatch.render.glyphs import UNICODE, Glyphs
from runwatch.render.progress import bar
from runwatch.render.sparkline import of_columns, sparkline
from runwatch.snapshot import IncidentRow, Latest, Progress, RunRow, RunView, Snapshot

_INCIDENTS = 8


def steps(progress: Progress) -> str:
    """Return `step 41,230/120,000`, or what is known of it."""
    if progress.step is None:
        return "no step yet"
    total = "" if progress.total is None else f"/{numbers.step(progress.total)}"
    return f"step {numbers.step(progress.step)}{total}"


def eta(progress: Progress, glyphs: Glyphs = UNICODE) -> str:
    """Return `ETA 2d 14h ±3h`, or "" when it is unknown."""
    if progress.eta_seconds is None:
        return ""
    text = f"ETA {numbers.duration(progress.eta_seconds)}"
    spread = progress.eta_spread
    if spread is not None and spread >= 1.0:
        text += f" {glyphs.spread}{numbers.brief(spread)}"
    return text


def frame(snapshot: Snapshot, width: int = 80, glyphs: Glyphs = UNICODE) -> list[str]:
    """Return a picture of the shown run, each line at most `width` cells wide."""
    out: list[str] = []
    if snapshot.run is None and not snapshot.runs:
        out.append("no run found yet")
    if snapshot.run is not None:
        out += _run(snapshot.run, width, glyphs, snapshot.time)
    others = [row for row in snapshot.runs if snapshot.run is None or row.id != snapshot.run.id]
    out += [_other(row, glyphs) for row in others]
    out += [f"note: {notice}" for notice in snapshot.notices]
    return [cells.clip(line.rstrip(), max(1, width), glyphs.ellipsis) for line in out]


def _run(run: RunView, width: int, glyphs: Glyphs, now: float) -> list[str]:
    head = f"{states.phase_sign(run.phase, glyphs)} {states.phase_word(run.phase)}  {run.name}  "
    parts = [steps(run.progress)]
    if run.progress.fraction is not None:
        parts.append(numbers.percent(run.progress.fraction))
    if not states.ended(run.phase) and (text := eta(run.progress, glyphs)):
        parts.append(text)
    if run.age is not None:
        parts.append(f"last line {numbers.brief(run.age)} ago")
    out = [head + "  ".join(parts)]
    if run.progress.fraction is not None:
        out.append(cells.row_text(bar(run.progress.fraction, width, glyphs)))
    if run.history is not None:
        out.append(f"reading history {numbers.percent(run.history, 0)}")
    charts = {columns.metric: columns for columns in run.charts}
    names = [cells.clip(metrics.label(item.metric), 24, glyphs.ellipsis) for item in run.latest]
    widest = max((cells.width(name) for name in names), default=0)
    for name, item in zip(names, run.latest, strict=True):
        line = f"  {cells.pad(name, widest)}  {_value(item):>10}"
        room = width - widest - 15
        if item.metric in charts and room >= 8:
            line += " " + sparkline(of_columns(charts[item.metric]), min(room, 60), glyphs)
        out.append(line)
    shown = sorted(run.incidents, key=states.urgency)
    out += [incident(row, glyphs, now) for row in shown[:_INCIDENTS]]
    if len(shown) > _INCIDENTS:
        out.append(f"and {len(shown) - _INCIDENTS} more")
    return out


def _value(item: Latest) -> str:
    return numbers.latest(item.metric, item.value, item.text)


def _other(row: RunRow, glyphs: Glyphs) -> str:
    counts = cells.row_text(states.run_counts(row, glyphs))
    done = "" if row.progress.fraction is None else numbers.percent(row.progress.fraction)
    parts = [f"{states.phase_sign(row.phase, glyphs)} {states.phase_word(row.phase)}", row.name]
    return "  ".join(filter(None, [*parts, steps(row.progress), done, counts]))


def incident(row: IncidentRow, glyphs: Glyphs = UNICODE, now: float | None = None) -> str:
    """Return one incident on one line: sign, word, title, where, how long, cause."""
    sign, word, _ = states.incident_tag(row, glyphs)
    line = f"{sign} {word:<4} {row.title}"
    if row.step is not None and "step" not in row.title:
        line += f" @{numbers.step(row.step)}"
    if row.rank is not None and f"rank {row.rank}" not in row.title:
        line += f" rank {row.rank}"
    if row.since is not None and now is not None:
        line += f" ({numbers.brief(max(0.0, now - row.since))})"
    return f"{line}: {row.cause}" if row.cause else line


def clock(unix: float) -> str:
    """Return the local time of day of a Unix time: `12:41`."""
    try:
        return time.strftime("%H:%M", time.localtime(unix))
    except (OverflowError, ValueError, OSError):
        return "--:--"
