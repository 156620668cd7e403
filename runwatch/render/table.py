"""Plain tables for a terminal: runs, incidents."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.core.metrics import label
from runwatch.core.snapshot import IncidentRow, PastRun, Progress, RunRow
from runwatch.render import cells, numbers, plain, progress, states
from runwatch.render.glyphs import UNICODE, Glyphs

BAR = 12


def table(
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    stretch: int,
    right: Sequence[int] = (),
    glyphs: Glyphs = UNICODE,
) -> list[str]:
    """Return rows as lines of aligned columns; column `stretch` gives way where they are too wide."""
    rows = [[cells.settled(text, glyphs.ascii) for text in row] for row in rows]
    widths = [max(map(cells.width, column)) for column in zip(*rows, strict=True)]
    excess = sum(widths) + 2 * (len(widths) - 1) - width
    if excess > 0:
        widths[stretch] = max(8, widths[stretch] - excess)
    lines = []
    for row in rows:
        parts = (
            cells.pad(text, size, glyphs.ellipsis, right=at in right)
            for at, (text, size) in enumerate(zip(row, widths, strict=True))
            if size
        )
        lines.append("  ".join(parts).rstrip())
    return lines


def status(rows: Sequence[RunRow], glyphs: Glyphs = UNICODE, width: int = 100) -> list[str]:
    """Return one line for each run: sign, name, how far, loss, time left, alerts, age."""
    return table([_run(row, glyphs) for row in rows], width, stretch=1, right=(4,), glyphs=glyphs)


def _run(row: RunRow, glyphs: Glyphs) -> list[str]:
    done = plain.current(row.progress, row.phase, row.age)
    bar = (
        "".join(text for text, _ in progress.bar(done.fraction, BAR, glyphs))
        if done.fraction is not None
        else ""
    )
    loss = numbers.known_loss(row.loss, row.loss_text)
    alerts = "".join(text for text, _ in states.counts(row.critical, row.warning))
    sign, word, _ = states.phase_tag(states.phase_of(row), glyphs, row.critical, row.warning)
    left = "" if states.ended(row.phase) else plain.eta(done, glyphs)
    name = f"{row.host}:{row.name}" if row.host else row.name
    return [
        f"{sign} {word}",
        name,
        plain.steps(done, states.ended(row.phase)),
        bar,
        "" if done.fraction is None else numbers.percent(done.fraction, 0),
        f"loss {loss}" if loss else "",
        left,
        alerts,
        "" if row.age is None else f"{numbers.brief(row.age)} ago",
    ]


def incidents(
    rows: Sequence[IncidentRow], now: float, glyphs: Glyphs = UNICODE, width: int = 100
) -> list[str]:
    """Return one line for each incident: id, sign, run, rule, title, where, since; `now` is Unix time."""
    return table([_incident(row, now, glyphs) for row in rows], width, stretch=4, glyphs=glyphs)


def _incident(row: IncidentRow, now: float, glyphs: Glyphs) -> list[str]:
    sign, word, _ = states.incident_tag(row, glyphs)
    where = "" if row.step is None else f"@{numbers.step(row.step)}"
    since = "" if row.since is None else f"{numbers.brief(max(0.0, now - row.since))} ago"
    return [row.id[:8], f"{sign} {word}", row.run, row.rule, plain.title(row, now), where, since]


def past(runs: Sequence[PastRun], now: float, glyphs: Glyphs = UNICODE, width: int = 100) -> list[str]:
    """Return one line for each run that was watched: how far, best value, length, age, report."""
    return table([_past(run, now, glyphs) for run in runs], width, stretch=1, right=(4,), glyphs=glyphs)


def _past(run: PastRun, now: float, glyphs: Glyphs) -> list[str]:
    ill = int(run.health == "critical"), int(run.health == "warning")
    sign, word, _ = states.phase_tag(run.phase, glyphs, *ill)
    best = (
        ""
        if run.best is None
        else f"best {label(run.best_metric)} {numbers.value(run.best_metric, run.best)}"
    )
    at = "" if run.best is None or run.best_at is None else f"@{numbers.step(run.best_at)}"
    return [
        f"{sign} {word}",
        run.name,
        plain.steps(Progress(run.step, run.total), states.ended(run.phase)),
        f"{best} {at}".strip(),
        "" if run.seconds is None else numbers.duration(run.seconds),
        "" if run.written is None else f"{numbers.brief(max(0.0, now - run.written))} ago",
        run.report,
    ]
