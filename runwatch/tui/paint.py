"""What goes to the terminal for a change: the cells that changed, and colors only where they change.

Textual repaints whole stretches of a row and names both colors again for each
piece of text; over SSH that is most of the bytes. This takes its update apart
and writes the same cells in fewer bytes. What a frame changes needs no update of
Textual at all: its compositor costs as much as to draw the charts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate

from runwatch.render import cells
from runwatch.render.cells import Row

_GROUNDS = frozenset({"select", "select-warn", "select-crit", "hit"})
"""Roles whose background differs."""
_NEAR = 6
"""Cells between two changes that cost less than moving the cursor over them."""


def changes(before: Row, after: Row) -> list[tuple[int, int]]:
    """Return where two rows of the same width differ: [begin, end) in cells, near ones as one."""
    same = _alike(before, after)
    most = min(len(before), len(after)) - same
    tail = min(most, _alike(before[::-1], after[::-1]))
    first = cells.row_width(after[:same])
    old, old_roles = _cells(before[same : len(before) - tail])
    new, new_roles = _cells(after[same : len(after) - tail])
    out: list[tuple[int, int]] = []
    for at, (was, now, role, other) in enumerate(zip(old, new, old_roles, new_roles, strict=False)):
        # The color of a blank is not seen, unless it is one of the background.
        if was == now and (role == other or (now == " " and _ground(role) == _ground(other))):
            continue
        if out and at - out[-1][1] <= _NEAR:
            out[-1] = (out[-1][0], at + 1)
        else:
            out.append((at, at + 1))
    # A wide character is painted whole or not at all.
    whole = (_widened(new, *_widened(old, begin, end)) for begin, end in out)
    return [(first + begin, first + end) for begin, end in whole]


def _alike(before: Row, after: Row) -> int:
    """Return how many segments are alike before the first that is not."""
    different = (at for at, (was, now) in enumerate(zip(before, after, strict=False)) if was != now)
    return next(different, min(len(before), len(after)))


def _cells(row: Row) -> tuple[list[str], list[str]]:
    """Return sign and role of each cell; the second cell of a wide character has no sign."""
    signs: list[str] = []
    roles: list[str] = []
    for text, role in row:
        width = cells.width(text)
        roles += [role] * width
        if width == len(text):
            signs += text
            continue
        for char in text:
            signs += [char, ""] if cells.width(char) > 1 else [char]
    return signs, roles


def _ground(role: str) -> str:
    return role if role in _GROUNDS else cells.ground(role)


def _widened(signs: list[str], begin: int, end: int) -> tuple[int, int]:
    while begin > 0 and signs[begin] == "":
        begin -= 1
    while end < len(signs) and signs[end] == "":
        end += 1
    return begin, end


def crop(row: Row, begin: int, end: int) -> Row:
    """Return the cells [begin, end) of a row, in which no wide character is cut."""
    out: Row = []
    at = 0
    for text, role in row:
        first, at = at, at + cells.width(text)
        if first >= end:
            break
        if at <= begin:
            continue
        if at - first == len(text):
            out.append((text[max(0, begin - first) : end - first], role))
        else:
            head = len(cells.take(text, begin - first)) if begin > first else 0
            out.append((cells.take(text, end - first)[head:], role))
    return out


Stretch = tuple[int, int, Iterable[tuple[str, Style]]]
"""Cells of a row: the row, the first cell, and text with its styles."""


class Cells(CompositorUpdate):
    """Stretches of cells that changed."""

    def __init__(self, stretches: list[Stretch]) -> None:
        self._stretches = stretches

    @property
    def spans(self) -> list[tuple[int, int, int]]:
        """Where cells changed: the row, the first cell, the end, as a ChopsUpdate has them."""
        return [(y, x, x + cells.row_width((text, "") for text, _ in row)) for y, x, row in self._stretches]

    def render_segments(self, console: Console) -> str:
        """Return what to write to the terminal."""
        pen = Pen(console._color_system)
        out = [f"\x1b[{y + 1};{x + 1}H{pen.write(row)}" for y, x, row in self._stretches]
        return "".join([*out, pen.lift()])


class Update(CompositorUpdate):
    """The stretches that a ChopsUpdate holds, and nothing else."""

    def __init__(self, update: ChopsUpdate) -> None:
        self._update = update

    def __rich_console__(self, console: Console, options: object) -> Iterator[Segment]:
        """Leave recording a screen to the original."""
        yield from self._update.__rich_console__(console, options)  # type: ignore[arg-type, misc]

    def render_segments(self, console: Console) -> str:
        """Return what to write to the terminal."""
        pen = Pen(console._color_system)
        out: list[str] = []
        for y, x1, x2 in self._update.spans:
            strips = zip(self._update.chop_ends[y], self._update.chops[y].items(), strict=False)
            at = -1
            for end, (x, strip) in strips:
                if strip is None or x >= x2 or end <= x1:
                    continue
                begin = max(x, x1)
                if at != begin:
                    out.append(f"\x1b[{y + 1};{begin + 1}H")
                at = min(end, x2)
                cropped = strip.crop(begin - x, at - x)
                out.append(pen.write((text, style) for text, style, control in cropped if not control))
        out.append(pen.lift())
        return "".join(out)


class Pen:
    """Writes text in colors, naming a color only when it is another one than before."""

    def __init__(self, system: ColorSystem | None) -> None:
        self._system = system
        self._look = _PLAIN

    def write(self, row: Iterable[tuple[str, Style | None]]) -> str:
        """Return the text with what changes the terminal's colors from the last ones."""
        out: list[str] = []
        for text, style in row:
            look = _look(style, self._system) if style is not None and self._system is not None else _PLAIN
            if look != self._look:
                out.append(_change(self._look, look))
                self._look = look
            out.append(text)
        return "".join(out)

    def lift(self) -> str:
        """Return what ends all colors."""
        before, self._look = self._look, _PLAIN
        return "" if before == _PLAIN else "\x1b[0m"


Look = tuple[str, str, str]
"""Codes of attributes, foreground and background."""
_PLAIN: Look = ("", "", "")


@lru_cache(512)
def _look(style: Style, system: ColorSystem) -> Look:
    fore = style.color.downgrade(system).get_ansi_codes(True) if style.color else ()
    back = style.bgcolor.downgrade(system).get_ansi_codes(False) if style.bgcolor else ()
    return style.without_color._make_ansi_codes(system), ";".join(fore), ";".join(back)


@lru_cache(1024)
def _change(before: Look, after: Look) -> str:
    again = before[0] != after[0] and bool(before[0])
    again = again or any(was and not now for was, now in zip(before[1:], after[1:], strict=True))
    if again:  # attributes and colors end only all together
        return "\x1b[" + ";".join(["0", *filter(None, after)]) + "m"
    new = [now for was, now in zip(before, after, strict=True) if now and now != was]
    return f"\x1b[{';'.join(new)}m" if new else ""
