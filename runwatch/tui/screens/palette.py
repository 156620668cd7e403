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

_NAMES = 30
"""Cells of a name at most."""


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
        found, glyphs = self.found(), self.scene.glyphs
        self.at = max(0, min(self.at, len(found) - 1))
        start = max(0, self.at - height + 1)
        rows: list[Row] = []
        page = found[start : start + height]
        names = [f"{entry.name} {entry.argument}".strip() for entry in page]
        wide = min(max(map(cells.width, names), default=0), _NAMES, width // 2)
        for index, (name, entry) in enumerate(zip(names, page, strict=True), start):
            here = index == self.at
            keys = cells.settled(entry.keys, glyphs.ascii)
            room = width - wide - cells.width(keys) - 5
            text = cells.pad(entry.description, max(0, room), glyphs.ellipsis)
            label = cells.pad(name, wide, glyphs.ellipsis)
            row: Row = [(f"{glyphs.pointer if here else ' '} ", "key"), (label, "title")]
            rows.append([*row, (f" {text} ", "dim"), (f"{keys} ", "key")])
        self.listed = Listed(start, len(page), len(found))
        if not found:
            rows = [[("nothing fits", "dim")]]
        return Content([("commands", "title"), (f" {len(found)}", "dim")], rows)


class Palette(Dialog[tuple[Entry, str] | None], inherit_bindings=False):
    """Returns the command that was chosen, and what was typed; None if the person thought better of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("escape,ctrl+c", "close", show=False, priority=True),
    ]

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
