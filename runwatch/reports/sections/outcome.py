"""What came of it: results, checkpoints, incidents with their evidence, the last lines of the log."""

from __future__ import annotations

import math

from runwatch.core.checkpoint import State
from runwatch.core.metrics import label
from runwatch.core.plural import counted
from runwatch.core.snapshot import IncidentRow
from runwatch.render import numbers, plain
from runwatch.reports.analysis import Analysis
from runwatch.reports.document import Cell, Section, Sentence, Table, paragraph, section
from runwatch.reports.evidence import RunEvidence
from runwatch.reports.sections import words

_MOST_INCIDENTS = 40
_MOST_CHECKPOINTS = 30
_MOST_EVIDENCE = 8
_LINES = 12
_HIDDEN = frozenset({"frames", "ending", "kind", "signature", "events"})
"""Evidence that is for programs, or too long."""


def results(analysis: Analysis) -> Section | None:
    """Return what was evaluated after training."""
    found = analysis.stage.results
    rows = tuple((Cell(label(name), name), words.cell(name, value)) for name, value in found.items())
    return section("results", "Results", Table(("evaluated after training", "value"), rows, right=(1,)))


def checkpoints(analysis: Analysis) -> Section | None:
    """Return the checkpoints: the best, the last, the last good one."""
    stage = analysis.stage
    seen = [each for each in stage.checkpoints if each.state is not State.DELETED]
    rows: list[tuple[int, tuple[Cell, ...]]] = []
    for each in seen:
        name = each.path.rpartition("/")[2] or each.path
        rows.append((each.at or -1, (
            Cell(numbers.step(each.at), each.at), Cell(name, each.path),
            Cell(each.state.value, each.state.value), Cell(numbers.size(each.bytes), each.bytes),
            Cell(_about(each.at, each.reason, stage.spoilt)),
        )))  # fmt: skip
    for save in stage.saves:
        name = save.path.rpartition("/")[2] or f"line {save.line}"
        cells = (
            Cell(numbers.step(save.at), save.at),
            Cell(name, save.path),
            Cell("reported by the log"),
            Cell("-"),
            Cell(_about(save.at, "", stage.spoilt)),
        )
        rows.append((save.at or -1, cells))
    if not rows:
        return None
    rows.sort(key=lambda row: row[0], reverse=True)
    last = rows[0][0]
    known = "seen" if seen else "reported by the log"
    said = [f"{counted(len(rows), 'checkpoint')} {'is' if len(rows) == 1 else 'are'} {known}."]
    if last >= 0:
        said.append(f"The last is of {words.step(last)}.")
    if stage.last_good is not None:
        checked = "its files are complete" if seen else "by the log alone; its files were not looked at"
        said.append(f"The last good one is of {words.step(stage.last_good)} ({checked}).")
    said += _best(analysis, sorted({at for at, _ in rows if at >= 0}))
    shown = tuple(cells for _, cells in rows[:_MOST_CHECKPOINTS])
    table = Table(
        ("step", "name", "state", "size", ""), shown, max(0, len(rows) - _MOST_CHECKPOINTS), right=(0, 3)
    )
    return section("checkpoints", "Checkpoints", paragraph(*said), table)


def _about(at: int | None, reason: str, spoilt: tuple[int, str] | None) -> str:
    """Return what is to be known of a checkpoint: why it is in its state, and whether its weights are bad."""
    bad = spoilt[1] if spoilt is not None and at is not None and at > spoilt[0] else ""
    return ", ".join(filter(None, (bad, reason)))


def _best(analysis: Analysis, steps: list[int]) -> list[str]:
    """Return which checkpoint is nearest to the best validation."""
    validation = analysis.validation
    if validation is None or not steps or not math.isfinite(validation.best_step):
        return []
    name, best = label(validation.curve.metric), validation.best_step
    nearest = min(steps, key=lambda at: abs(at - best))
    if nearest == best:
        return [f"The one of {words.step(nearest)} has the best {name}."]
    apart = abs(nearest - best)
    return [
        f"The best {name} was at {words.step(best)}; the nearest checkpoint is of {words.step(nearest)}, "
        f"{counted(int(apart), 'step')} away."
    ]


def incidents(analysis: Analysis) -> Section | None:
    """Return the incidents with their evidence, the most severe first."""
    stage = analysis.stage
    notes = [row for row in stage.incidents if row.severity == "info" and row.state != "pending"]
    found = [*analysis.trouble, *notes]
    if not found:
        return section("incidents", "Incidents", paragraph("No rule reported anything."))
    rows = tuple(
        (
            Cell(row.severity + (f" ({over})" if (over := analysis.over(row)) else ""), row.severity),
            Cell(numbers.step(row.step), row.step),
            Cell(row.title, row.title),
            Cell(_evidence(row)),
            Cell(" ".join(filter(None, (_sentence(row.cause), plain.advice(row))))),
        )
        for row in found[:_MOST_INCIDENTS]
    )
    table = Table(
        ("severity", "step", "what", "evidence", "cause and advice"),
        rows,
        max(0, len(found) - _MOST_INCIDENTS),
        right=(1,),
    )
    return section("incidents", "Incidents", table)


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if not text or text.endswith((".", "!", "?")) else ".")


def _evidence(row: IncidentRow) -> str:
    parts = [f"rule {row.rule}"]
    parts += [f"line {row.line:,}"] if row.line else []
    parts += [f"rank {row.rank}"] if row.rank is not None else []
    parts += [f"resolved at {words.step(row.resolved_step)}"] if row.resolved_step is not None else []
    for name, value in list(row.evidence.items())[:_MOST_EVIDENCE]:
        if value not in (None, "") and name not in _HIDDEN:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)[:120]
            parts.append(f"{name.replace('_', ' ')} {shown}")
    parts += [f"followed by: {'; '.join(row.symptoms[:4])}"] if row.symptoms else []
    return ", ".join(parts)


def last_lines(run: RunEvidence) -> Section | None:
    """Return the end of the log of a run that did not finish: what it said last."""
    if run.phase == "finished" or not run.log:
        return None
    rows = tuple((Cell(f"{line:,}", line), Cell(text)) for line, text in run.log[-_LINES:])
    return section("log", "Last lines of the log", Table(("line", "text"), rows, right=(0,)))


def unread(run: RunEvidence) -> list[Sentence]:
    """Return what could not be read."""
    return [Sentence(f"{path} cannot be read: {reason}.", "warning") for path, reason in run.unseen[:10]]
