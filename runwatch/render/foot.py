"""What stands under a plot: the rule with its labels, and a row of marks."""

from __future__ import annotations

from collections.abc import Sequence

from runwatch.core.snapshot import Mark
from runwatch.render import axis, cells
from runwatch.render.cells import Row
from runwatch.render.glyphs import Glyphs
from runwatch.render.xaxis import STEP, Axis, Window

_A_LABEL = 14
"""Cells for each label where there is room for more than four."""
_LEAST, _MOST = 4, 9
_MINOR = 4
"""Cells between minor ticks at least."""
_GAP = 2
"""Blanks between two labels."""


def rule(window: Window, places: Axis, glyphs: Glyphs, marks: Sequence[tuple[int, str]] = ()) -> Row:
    """Return the x axis: a rule with round labels, ticks between them, and marks where nothing else is."""
    signs = [glyphs.horizontal] * window.cells
    extent = window.last - window.first
    unit, letter = places.unit(extent)
    first, last = window.first / unit, window.last / unit
    put: list[tuple[int, str]] = []
    if last > first:

        def fits(labels: Sequence[tuple[float, str]]) -> bool:
            at = [(window.cell(x * unit), text + letter) for x, text in labels]
            return not at or bool(_placed(at, window.cells))

        wanted = max(_LEAST, min(_MOST, window.cells // _A_LABEL))
        ticks = axis.ticks(
            axis.Scale(first, last), wanted, fits, _MINOR * (last - first) / window.cells, places.name == STEP
        )
        for x in ticks.minor:
            signs[window.cell(x * unit)] = glyphs.minor
        put = _placed([(window.cell(x * unit), text + letter) for x, text in ticks.labels], window.cells)
    if len(put) < 2:  # so narrow, or between two round numbers: the ends say more
        put = _placed([(0, axis.exact(first) + letter)], window.cells)
        if last > first:
            put = _placed([*put, (window.cells - 1, axis.exact(last) + letter)], window.cells) or put
    roles = ["axis"] * window.cells
    for cell, kind in marks:
        signs[cell], roles[cell] = glyphs.marks[kind], f"mark.{kind}"
    for at, text in put:
        signs[at : at + len(text)], roles[at : at + len(text)] = text, ["axis"] * len(text)
    return cells.runs(signs, roles)


def _placed(labels: Sequence[tuple[int, str]], width: int) -> list[tuple[int, str]]:
    """Return where the labels of these cells begin; nothing if two of them would touch."""
    out: list[tuple[int, str]] = []
    free = 0
    for cell, text in labels:
        at = max(0, min(width - len(text), cell - len(text) // 2))
        if at < free or at + len(text) > width:
            return []
        out.append((at, text))
        free = at + len(text) + _GAP
    return out


def shown(marks: Sequence[Mark], window: Window, places: Axis, glyphs: Glyphs) -> list[tuple[int, str]]:
    """Return cell and kind of the marks in the window, the most important last."""
    out = []
    for kind in reversed(list(glyphs.marks)):
        for mark in marks:
            if mark.kind == kind and window.holds(at := places.at(mark.step)):
                out.append((window.cell(at), kind))
    return out


def row_of_marks(placed: Sequence[tuple[int, str]], width: int, glyphs: Glyphs) -> Row:
    """Return the row of marks."""
    signs, roles = [" "] * width, [""] * width
    for cell, kind in placed:
        signs[cell], roles[cell] = glyphs.marks[kind], f"mark.{kind}"
    return cells.runs(signs, roles)
