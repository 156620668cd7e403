"""The command palette: type some letters, or a command with its word."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui import commands
from runwatch.tui.commands import Entry
from runwatch.tui.screens.dialog import Dialog
from runwatch.tui.widgets.keys import DialogKeys
from runwatch.tui.widgets.rows import Listed, Panel

_NAMES, _MOST = 30, 4
"""Cells of a name, and rows of what it does, at most."""
_NARROW = 72
"""Cells below which what an entry does has no place next to its name."""


class PalettePanel(Panel):
    """What fits the typed text."""

    can_focus = False

    def __init__(self, offered: list[Entry]) -> None:
        super().__init__(id="palette-list")
        self.offered = offered
        self.typed, self.at = "", 0

    def found(self) -> list[Entry]:
        """Return the entries that fit."""
        return commands.matching(self.offered, self.typed)

    def content(self, width: int, height: int) -> Content:
        """Return the entries around the one that Enter takes."""
        found = self.found()
        self.at = max(0, min(self.at, len(found) - 1))
        wide = min(max((cells.width(_name(entry)) for entry in found), default=0), _NAMES, width // 2)
        start, rows = self.at, list[list[Row]]()
        for index in range(self.at, -1, -1):  # what is above the pointer, as far as there is room
            above = self._entry(found[index], index == self.at, wide, width) if found else []
            if sum(map(len, rows)) + len(above) > height:
                break
            start, rows = index, [above, *rows]
        for entry in found[self.at + 1 :]:
            if sum(map(len, rows)) >= height:
                break
            rows.append(self._entry(entry, False, wide, width))
        entries = tuple(start + n for n, lines in enumerate(rows) for _ in lines)[:height]
        self.listed = Listed(start, len(rows), len(found), entries=entries)
        title: Row = [("commands", "title"), (f" {len(found)}", "dim")]
        return Content(
            title, [row for lines in rows for row in lines][:height] if found else [[("nothing fits", "dim")]]
        )

    def _entry(self, entry: Entry, here: bool, wide: int, width: int) -> list[Row]:
        """Return an entry in rows: its name, what it does in full, its keys."""
        glyphs = self.scene.glyphs
        keys = cells.settled(entry.keys, glyphs.ascii)
        if width < _NARROW:
            return self._in_few_cells(entry, here, keys, width)
        room = max(8, width - wide - cells.width(keys) - 5)
        rows: list[Row] = []
        for i, text in enumerate(cells.wrapped(entry.description, room, _MOST, glyphs.ellipsis) or [""]):
            label = cells.pad(_name(entry) if i == 0 else "", wide, glyphs.ellipsis)
            row: Row = [(f"{glyphs.pointer if here and i == 0 else ' '} ", "key"), (label, "title")]
            rows.append([*row, (f" {cells.pad(text, room)} ", "dim"), (f"{keys if i == 0 else ''} ", "key")])
        return [cells.bar(row, width, glyphs.ascii) for row in rows] if here else rows

    def _in_few_cells(self, entry: Entry, here: bool, keys: str, width: int) -> list[Row]:
        """Return an entry with its name and its keys; below the one that Enter takes, what it does."""
        glyphs = self.scene.glyphs
        name = cells.pad(_name(entry), max(1, width - cells.width(keys) - 4), glyphs.ellipsis)
        head: Row = [(f"{glyphs.pointer if here else ' '} ", "key"), (f"{name} ", "title"), (keys, "key")]
        if not here:
            return [head]
        said = cells.wrapped(entry.description, width - 3, _MOST, glyphs.ellipsis)
        return [
            cells.bar(row, width, glyphs.ascii)
            for row in (head, *([("  ", ""), (text, "dim")] for text in said))
        ]


def _name(entry: Entry) -> str:
    return f"{entry.name} {entry.argument}".strip()


class Palette(Dialog[tuple[Entry, str] | None], inherit_bindings=False):
    """Returns the command that was chosen, and what was typed; None if the person thought better of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("escape,ctrl+c", "close", show=False, priority=True),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012  as Screen has it

    def __init__(self, offered: list[Entry]) -> None:
        super().__init__()
        self._offered = offered
        self._early = ""

    def compose(self) -> ComposeResult:
        """Lay out field and list."""
        with Vertical(id="palette"):
            yield Input(placeholder="command", id="command", select_on_focus=False)
            yield PalettePanel(self._offered)
        yield DialogKeys(
            [("enter", "Run", lambda: self.call_later(self._run)), ("esc", "Close", self.action_close)]
        )

    def on_mount(self) -> None:
        """Take what was typed until now."""
        self.query_one(Input).insert_text_at_cursor(self._early)

    def type_ahead(self, text: str) -> None:
        """Take a letter that was typed before the field was there."""
        if self.is_mounted:
            self.query_one(Input).insert_text_at_cursor(text)
        else:
            self._early += text

    @property
    def panel(self) -> PalettePanel:
        """The list."""
        return self.query_one(PalettePanel)

    def action_move(self, by: int) -> None:
        """Move the pointer."""
        self.panel.at += by
        self.panel.redraw()

    async def on_panel_chosen(self, event: Panel.Chosen) -> None:
        """Take the entry that was clicked."""
        self.panel.at = event.entry
        await self._run()

    async def _run(self) -> None:
        """Take the entry at the pointer."""
        await self.query_one(Input).action_submit()

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Show what fits."""
        self.panel.typed, self.panel.at = event.value, 0
        self.panel.redraw()

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        """Return what the pointer is at."""
        found = self.panel.found()
        if not found:
            return
        entry = found[self.panel.at]
        if entry.argument and not event.value.strip().partition(" ")[2].strip():
            # The word is still missing: leave the name, and wait for it.
            field = self.query_one(Input)
            field.value = f"{entry.name} "
            field.cursor_position = len(field.value)
            return
        self.dismiss((entry, event.value))
