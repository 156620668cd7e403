"""The stages of a pipeline as rows of text: state, progress, loss, and the results of each."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.core.snapshot import StageRow
from runwatch.render import cells, numbers, plain, states
from runwatch.render.cells import Row
from runwatch.render.glyphs import UNICODE, Glyphs

_STATE, _STEPS, _LOSS = 13, 22, 8


def table(stages: Sequence[StageRow], here: str, width: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """Return a row for each stage and, below it, its results; the stage of id `here` is marked."""
    names = _names(stages, width)
    rows: list[Row] = []
    for number, stage in enumerate(stages, 1):
        sign, word, role = states.phase_tag(stage.phase, glyphs, stage.critical, stage.warning)
        steps = plain.steps(stage.progress, states.ended(stage.phase))
        loss = numbers.known_loss(stage.loss, stage.loss_text)
        marked = stage.id == here
        rows.append([
            (f"{glyphs.pointer if marked else ' '} {number} ", "key"),
            (cells.pad(f"{sign} {word}", _STATE, glyphs.ellipsis), role),
            (cells.pad(stage.name, names, glyphs.ellipsis), "title" if marked else ""),
            (f" {steps:>{_STEPS}} {loss:>{_LOSS}}", ""),
        ])  # fmt: skip
        if stage.results:
            lines = cells.wrapped(plain.results(stage.results), max(8, width - 6), 3, glyphs.ellipsis)
            rows += [[("      ", ""), (line, "value")] for line in lines]
    return rows


def heading(stages: Sequence[StageRow], width: int) -> Row:
    """Return what the columns are."""
    names = _names(stages, width)
    return [(f"    {'state':<{_STATE}}{'stage':<{names}} {'step':>{_STEPS}} {'loss':>{_LOSS}}", "dim")]


def _names(stages: Sequence[StageRow], width: int) -> int:
    """Return how wide the names are."""
    longest = max((cells.width(cells.settled(stage.name)) for stage in stages), default=0)
    return min(longest + 1, max(8, width - _STATE - _STEPS - _LOSS - 6))
