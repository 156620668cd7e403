"""Runs in a few words, for the status line of a terminal multiplexer."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.core.snapshot import RunRow
from runwatch.render import numbers, plain, states
from runwatch.render.glyphs import UNICODE, Glyphs

OLD = 3600.0
"""Seconds without a line after which a run without findings is not worth a status line."""


def segment(rows: Sequence[RunRow], glyphs: Glyphs = UNICODE) -> str:
    """Return `4321/5568 78% loss 2.34 eta 12m ⚠1` of the first row, or "" if nothing runs.

    With several runs its name goes before, and how many others run after it.
    """
    going = [row for row in rows if _counts(row)]
    if not going:
        return "no run" if not rows else "idle"
    row, others = going[0], len(going) - 1
    parts = [row.name if others else "", *_parts(row)]
    alerts = sum(each.critical + each.warning for each in going)
    parts.append(f"{'!' if glyphs.ascii else '⚠'}{alerts}" if alerts else "")
    parts.append(f"+{others}" if others else "")
    return " ".join(part for part in parts if part)


def _counts(row: RunRow) -> bool:
    """Return whether a run has not ended, ended so lately that it is news, or has something wrong."""
    fresh = row.age is None or row.age < OLD
    news = row.age is not None and row.age < OLD / 6
    wrong = row.critical or row.warning or row.phase == "blind"
    return bool(wrong) or (fresh and (news or not states.ended(row.phase)))


def _parts(row: RunRow) -> list[str]:
    progress, parts = plain.current(row.progress, row.phase, row.age), []
    if row.phase not in ("training", "evaluating", "checkpointing", "warmup"):
        parts.append(states.phase_word(states.phase_of(row)))
    if progress.step is not None:
        parts.append(f"{progress.step}" + (f"/{progress.total}" if progress.total else ""))
    if progress.fraction is not None:
        parts.append(numbers.percent(progress.fraction, 0))
    if row.loss is not None or row.loss_text:
        parts.append(
            "loss " + (numbers.spelled(row.loss_text) if row.loss is None else numbers.si(row.loss, 3))
        )
    if progress.eta_seconds is not None:
        parts.append(f"eta {numbers.brief(progress.eta_seconds)}")
    return parts
