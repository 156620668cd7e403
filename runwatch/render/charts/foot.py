"""What is below a plot: the rule with its labels, and a row of marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from runwatch.core.snapshot import Mark
from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.charts import axis
from runwatch.render.charts.xaxis import STEP, TIME, UNITS, Axis, Window
from runwatch.render.glyphs import Glyphs

_A_LABEL = 14
"""Cells for each label where there is room for more than four."""
_LEAST, _MOST = 4, 9
_MINOR = 8
"""Cells between minor ticks at least."""
_ROUTINE = frozenset({"checkpoint", "eval"})
"""Kinds of marks that come by plan."""
_MOST_ROUTINE = 12
"""So many of them are shown; more would be a row without a gap that says nothing."""
_SEVERITIES = {"critical": "crit", "warning": "warn"}
"""The roles of marks by the severity of their alert."""
_GAP = 2
"""Blanks between two labels."""


@dataclass(frozen=True)
class Placed:
    """A mark in its cell."""

    cell: int
    kind: str
    role: str


def rule(window: Window, places: Axis, glyphs: Glyphs, marks: Sequence[Placed] = ()) -> Row:
    """Return the x axis: a rule with round labels, ticks between them, and marks where nothing else is."""
    signs, roles = [glyphs.horizontal] * window.cells, ["axis"] * window.cells
    minor, put = _ticks(window, places)
    for cell in minor:
        signs[cell] = glyphs.minor
    _stamp(marks, signs, roles, glyphs)
    for at, text in put:
        signs[at : at + len(text)], roles[at : at + len(text)] = text, ["axis"] * len(text)
    return cells.runs(signs, roles)


@lru_cache(16)  # charts of one view have the same axis
def _ticks(window: Window, places: Axis) -> tuple[frozenset[int], tuple[tuple[int, str], ...]]:
    """Return the cells of ticks without a label, and where labels begin."""
    unit, letter = places.unit(window.last - window.first)
    first, last = window.first / unit, window.last / unit
    minor, put = frozenset[int](), list[tuple[int, str]]()

    def placed(labels: Sequence[tuple[float, str]]) -> list[tuple[int, str]]:
        return _placed([(window.cell(x * unit), text + letter) for x, text in labels], window.cells)

    def fits(labels: Sequence[tuple[float, str]]) -> bool:
        return not labels or bool(placed(labels))

    if last > first:
        wanted = max(_LEAST, min(_MOST, window.cells // _A_LABEL))
        room = _MINOR * (last - first) / window.cells
        scale = axis.Scale(first, last, window.log)
        ticks = axis.ticks(scale, wanted, fits, room, places.name == STEP)
        if window.log and places.name == TIME:
            ticks, unit, letter = axis.Ticks(_times(window)), 1.0, ""
        labeled = {window.cell(x * unit) for x, _ in ticks.labels}
        minor = frozenset(window.cell(x * unit) for x in ticks.minor) - labeled
        put = placed(ticks.labels)
    if len(put) < 2:  # so narrow, or between two round numbers: the ends say more
        put = _placed([(0, axis.exact(first) + letter)], window.cells)
        if last > first:
            put = _placed([*put, (window.cells - 1, axis.exact(last) + letter)], window.cells) or put
    return minor, tuple(put)


def _times(window: Window) -> tuple[tuple[float, str], ...]:
    """Return the labels of a logarithmic axis of time, each in the unit that suits it."""
    known = ((count * size, f"{count}{letter}") for size, letter in UNITS for count in (1, 10))
    return tuple(sorted((x, text) for x, text in known if window.holds(x)))


def _placed(labels: Sequence[tuple[int, str]], width: int) -> list[tuple[int, str]]:
    """Return where the labels of these cells begin; nothing if two of them would touch.

    The corner stays free: a number there would read as the lowest of the y axis.
    """
    out: list[tuple[int, str]] = []
    free = 1 if width > _LEAST else 0
    for cell, text in labels:
        at = max(free if not out else 0, min(width - len(text), cell - len(text) // 2))
        if at < free or at + len(text) > width:
            return []
        out.append((at, text))
        free = at + len(text) + _GAP
    return out


def shown(
    marks: Sequence[Mark], window: Window, places: Axis, glyphs: Glyphs
) -> tuple[list[Placed], dict[str, int]]:
    """Return the marks in the window, the most important last, and how many there are of those left out."""
    out: list[Placed] = []
    many: dict[str, int] = {}
    for kind in reversed(list(glyphs.marks)):
        here = [
            (window.cell(at), mark)
            for mark in marks
            if mark.kind == kind and window.holds(at := places.at(mark.step))
        ]
        if kind in _ROUTINE and len(here) > _MOST_ROUTINE:
            many[kind] = len(here)
            continue
        here.sort(key=lambda each: each[1].severity == "critical")
        out += [Placed(cell, kind, _role(mark)) for cell, mark in here]
    return out, many


def _role(mark: Mark) -> str:
    """Return the role of a mark: of an alert that is over, how severe it was is no news."""
    own = f"mark.{mark.kind}"
    return own if mark.kind == "resolved" else _SEVERITIES.get(mark.severity, own)


def kinds(placed: Sequence[Placed], glyphs: Glyphs) -> tuple[tuple[str, str], ...]:
    """Return the kinds that are shown, each with the role of the most severe, the most important first."""
    roles = {mark.kind: mark.role for mark in placed}
    return tuple((kind, roles[kind]) for kind in glyphs.marks if kind in roles)


def row_of_marks(placed: Sequence[Placed], width: int, glyphs: Glyphs) -> Row:
    """Return the row of marks."""
    signs, roles = [" "] * width, [""] * width
    _stamp(placed, signs, roles, glyphs)
    return cells.runs(signs, roles)


def _stamp(marks: Sequence[Placed], signs: list[str], roles: list[str], glyphs: Glyphs) -> None:
    for mark in marks:
        signs[mark.cell], roles[mark.cell] = glyphs.marks[mark.kind], mark.role
