"""A framed panel: a title and a value in the top border, rows inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from runwatch.render import cells
from runwatch.render.cells import Row, Segment
from runwatch.render.glyphs import UNICODE, Glyphs


@dataclass
class Content:
    """What is in a panel."""

    title: Row = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    right: Row = field(default_factory=list)
    """Shown at the right end of the top border."""
    legend: Row = field(default_factory=list)
    """Shown in the bottom border: what the signs of this panel mean."""


def framed(
    content: Content, width: int, height: int, glyphs: Glyphs = UNICODE, focused: bool = False
) -> list[Row]:
    """Return `height` rows of `width` cells with a border; content is cut or padded to fit."""
    role = "focus" if focused else "frame"
    if width < 4 or height < 2:
        return [cells.fit([], width) for _ in range(max(0, height))]
    inner = width - 2
    side: Segment = (glyphs.vertical, role)
    out = [_top(content, width, glyphs, role)]
    for y in range(height - 2):
        row = content.rows[y] if y < len(content.rows) else []
        out.append([side, *cells.fit(row, inner, glyphs.ascii), side])
    out.append(_bottom(content.legend, width, glyphs, role))
    return out


def _bottom(legend: Row, width: int, glyphs: Glyphs, role: str) -> Row:
    edge = glyphs.horizontal
    shown = _boxed(legend, width - 4, glyphs, whole=True)
    rest = edge * (width - 3 - cells.row_width(shown))
    return [(glyphs.bottom_left + edge, role), *shown, (rest + glyphs.bottom_right, role)]


def _top(content: Content, width: int, glyphs: Glyphs, role: str) -> Row:
    room = width - 4
    name = _boxed(content.title[:1], room, glyphs)
    right = _boxed(content.right, room - cells.row_width(name), glyphs)
    left = _boxed(content.title, room - cells.row_width(right), glyphs)
    rule = glyphs.horizontal * (room - cells.row_width(left) - cells.row_width(right))
    edge = glyphs.horizontal
    return [
        (glyphs.top_left + edge, role),
        *left,
        (rule, role),
        *right,
        (edge + glyphs.top_right, role),
    ]


def _boxed(row: Sequence[Segment], room: int, glyphs: Glyphs, whole: bool = False) -> Row:
    """Return ` row ` with as many of its pieces as fit; the first is clipped, unless it must be `whole`."""
    if room < 4 or not any(text for text, _ in row):
        return []
    pieces = [(cells.settled(text, glyphs.ascii), role) for text, role in row]
    while len(pieces) > 1 and cells.row_width(pieces) > room - 2:
        pieces.pop()
    if cells.row_width(pieces) > room - 2:
        if whole:
            return []
        pieces = [(cells.clip(pieces[0][0], room - 2, glyphs.ellipsis), pieces[0][1])]
    return [(" ", ""), *pieces, (" ", "")]
