"""What a run came to: how it ended or how it is, its best value, its alerts, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.core import metrics
from runwatch.core.plural import counted
from runwatch.core.snapshot import RunRow, RunView
from runwatch.core.text import quoted_path
from runwatch.render import cells, evidence, incident, numbers, plain, run_table, states, summary
from runwatch.render.glyphs import UNICODE, Glyphs

_WIDEST = 100
_RUNS = 20
"""Runs that are named one by one."""
GO_BACK = "last good checkpoint"


def tag(run: RunView, glyphs: Glyphs = UNICODE) -> tuple[str, str, str]:
    """Return sign, word and role of the state of a run."""
    critical, warning = states.severities(states.firing(run))
    return states.phase_tag(states.phase_of(run), glyphs, critical, warning)


def story(run: RunView) -> str:
    """Return in words how it ended, or how far it is."""
    done = plain.steps(run.progress, states.ended(run.phase))
    share = "" if run.progress.fraction is None else f" ({numbers.percent(run.progress.fraction, 0)})"
    return run.reason or run.story or done + share


def facts(run: RunView) -> list[tuple[str, str]]:
    """Return what a run reached, as label and value; what its story says is left out."""
    out: list[tuple[str, str]] = []
    if run.elapsed is not None:
        out.append(("duration", numbers.duration(run.elapsed)))
    step, total = run.progress.step, run.progress.total
    said = step is not None and incident.names_step(story(run), step)
    said = said or (total is not None and incident.names_step(story(run), total))
    if not said and (step is not None or run.progress.epoch is not None):
        label, _, value = plain.steps(run.progress).rpartition(" ")
        out.append((f"last {label}", value))
    if failed := next((where for row in states.firing(run) if (where := evidence.failed_in(row))), ""):
        out.append(("failed in", failed))
    if (found := best(run)) is not None:
        out.append(found)
    if run.saving.last_good is not None:
        out.append((GO_BACK, f"step {numbers.step(run.saving.last_good)}"))
    return out


def best(run: RunView) -> tuple[str, str] | None:
    """Return name and best value with its step: of what was validated, losses first, else of training."""
    training = (summary.best_of(item) for item in run.latest if item.metric == metrics.LOSS)
    found = next(iter([*summary.best(run), *filter(None, training)]), None)
    if found is None:
        return None
    where = "" if found.step is None else f" at step {numbers.step(int(found.step))}"
    return f"{summary.best_is(found.metric)} {metrics.label(found.metric)}", numbers.value(
        found.metric, found.value
    ) + where


def explanation(run: RunView) -> str:
    """Return the command that shows what was understood of the log of a run."""
    return f"runwatch formats {quoted_path(run.log_source) if run.log_source else 'FILE'}"


def next_step(run: RunView) -> str:
    """Return what to do next; "" where nothing is known to be."""
    advice = next((plain.advice(row) for row in states.firing(run) if row.advice), "")
    if advice or run.phase == "finished":
        return advice
    if states.phase_of(run) == states.NO_STEPS and run.log_source:
        return f"no training step was recognized; to see why: {explanation(run)}"
    good = run.saving.last_good
    return "" if good is None else f"continue from the checkpoint of step {numbers.step(good)}"


def alerts(run: RunView) -> str:
    """Return how many alerts are open, and the worst in words; and how many are over."""
    firing = states.firing(run)
    over = sum(row.state == "resolved" and row.severity != "info" for row in run.incidents)
    if not firing:
        return f"none open, {over} resolved" if over else "none"
    counts = [
        counted(count, *words)
        for count, words in zip(
            states.severities(firing), (("critical", "critical"), ("warning",)), strict=True
        )
        if count
    ]
    return f"{', '.join(counts)}: {plain.title(firing[0])}"


def farewell(run: RunView, width: int, glyphs: Glyphs = UNICODE, log: bool = True) -> list[str]:
    """Return a run in few lines, for those who leave its screen; `log`: its files are kept."""
    sign, word, _ = tag(run, glyphs)
    shown = [("", f"{sign} {word}  {run.name}: {story(run)}")]
    shown += facts(run)
    shown.append(("alerts", alerts(run)))
    if next_one := next_step(run):
        shown.append(("next", next_one))
    shown += [("log", path) for path in run.sources[:1] if log and path != "-"]
    widest = max(len(label) for label, _ in shown) + 2
    out: list[str] = []
    for label, text in shown:
        indent = f"  {label:<{widest}}" if label else ""
        room = max(20, min(width, _WIDEST) - (len(indent) or 2))
        pieces = [text] if label == "log" else cells.wrapped(text, room, 20, glyphs.ellipsis)
        out += [(indent if i == 0 else " " * (len(indent) or 2)) + piece for i, piece in enumerate(pieces)]
    return [cells.settled(line, glyphs.ascii) for line in out]


def farewell_all(runs: Sequence[RunRow], width: int, glyphs: Glyphs = UNICODE) -> list[str]:
    """Return several runs, a line each, as their list shows them; where none has a step, that."""
    if none := states.without_steps(runs):
        return [none]
    shown, room = run_table.ordered(runs, run_table.Order())[:_RUNS], min(width, _WIDEST)
    places = run_table.layout(shown, room, glyphs)
    names = run_table.names(shown, places, glyphs)
    rows = [run_table.heading(places, run_table.Order(), glyphs)]
    rows += [run_table.line(row, places, glyphs, name=names[row.id]) for row in shown]
    rows += [[(f"  and {len(runs) - _RUNS} more", "")]] if len(runs) > _RUNS else []
    return [cells.row_text(row).removeprefix(" " * run_table.EDGE).rstrip() for row in rows]
