"""The guide: the areas of a view one after the other, each tinted while a line says what it is."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.screen import ModalScreen
from textual.widget import Widget

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui import words
from runwatch.tui.screens.base import RunScreen
from runwatch.tui.widgets.rows import Panel, Rows

_CLASS = "-guided"
_TEXT = 4
"""Rows that a text may take."""


class GuidePanel(Panel):
    """What the tinted area is."""

    def __init__(self, count: int) -> None:
        super().__init__(id="guide")
        self.count = count
        self.at, self.text = 0, ""

    def content(self, width: int, height: int) -> Content:
        """Return the text of the area."""
        more = self.scene.glyphs.ellipsis
        rows: list[Row] = [
            [(line, "")] for line in cells.wrapped(self.scene.worded(self.text), width, _TEXT, more)
        ]
        title: Row = [("guide", "title"), (f" {self.at + 1} of {self.count}", "dim")]
        return Content(title, rows, [("enter", "key"), (" next  ", "dim"), ("esc", "key"), (" ends", "dim")])


class Guide(ModalScreen[None], inherit_bindings=False):
    """Leads over the areas of the view below that are on the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,tab,right,down,i,j", "move(1)", show=False),
        Binding("shift+tab,left,up,k", "move(-1)", show=False),
        Binding("escape,q,ctrl+c", "close", show=False),
    ]

    def __init__(self, below: RunScreen) -> None:
        super().__init__()
        self._below = below
        self._areas = [
            (part, text)
            for place, text in words.areas(below.view)
            if (part := next(iter(below.query(place).results(Rows)), None)) is not None
            and part.size.height
            and part.is_on_screen
            and all(each.display for each in part.ancestors_with_self if isinstance(each, Widget))
        ]

    def compose(self) -> ComposeResult:
        """Lay out the panel."""
        yield GuidePanel(len(self._areas))

    def on_mount(self) -> None:
        """Begin at the first area."""
        self.action_move(0)

    def action_move(self, by: int) -> None:
        """Go to another area; behind the last one the guide ends."""
        panel = self.query_one(GuidePanel)
        panel.at = max(0, panel.at + by)
        if panel.at >= len(self._areas):
            self.action_close()
            return
        for part, _ in self._areas:
            part.remove_class(_CLASS)
        part, panel.text = self._areas[panel.at]
        part.add_class(_CLASS)
        middle = part.region.y + part.region.height / 2
        panel.styles.dock = "top" if middle > self.size.height / 2 else "bottom"
        panel.redraw()

    def action_close(self) -> None:
        """Leave the view as it was."""
        for part, _ in self._areas:
            part.remove_class(_CLASS)
        self.dismiss()

    def on_click(self, event: Click) -> None:
        """Continue at a click or a touch."""
        event.stop()
        self.action_move(1)
