"""A short list over the view, to choose one or several things from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui.widgets.rows import Listed, Panel


class PickPanel(Panel):
    """The rows, with the chosen ones marked."""

    def __init__(self, title: str, rows: Sequence[tuple[str, str]], chosen: set[str], most: int) -> None:
        super().__init__(id="pick")
        self.title, self.items, self.chosen, self.most = title, list(rows), chosen, most
        self.at = 0

    def content(self, width: int, height: int) -> Content:
        """Return the rows around the one the pointer is at."""
        glyphs = self.scene.glyphs
        room = max(1, height - 1)
        start = max(0, self.at - room + 1)
        rows: list[Row] = []
        for index, (name, label) in enumerate(self.items[start : start + room], start):
            pointer = f"{glyphs.pointer if index == self.at else ' '} "
            mark = "" if self.most == 1 else "[x] " if name in self.chosen else "[ ] "
            text = cells.clip(label, width - 6, glyphs.ellipsis)
            rows.append([(pointer, "key"), (mark, "value"), (text, "title" if index == self.at else "")])
        self.listed = Listed(start, len(rows), len(self.items))
        rows += [[]] * (room - len(rows))
        hint = "enter choose  esc cancel" if self.most == 1 else "space mark  enter done  esc cancel"
        rows.append([(hint, "dim")])
        return Content([(self.title, "title")], rows)


class Pick(ModalScreen[tuple[str, ...] | None], inherit_bindings=False):
    """Returns the ids that were chosen, or None if the person thought better of it.

    Where only one can be chosen, Enter takes the one at the pointer, and `preview` is called with it
    as soon as the pointer is there.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("space", "mark", show=False),
        Binding("enter", "done", show=False),
        Binding("escape,q,ctrl+c", "cancel", show=False),
    ]

    def __init__(
        self,
        title: str,
        rows: Sequence[tuple[str, str]],
        chosen: set[str],
        most: int,
        preview: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__()
        self._given = (title, rows, {name for name, _ in rows} & chosen, most)
        self._preview = preview
        self.set_class(preview is not None, "-preview")

    @property
    def panel(self) -> PickPanel:
        """The list."""
        return self.query_one(PickPanel)

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        panel = PickPanel(*self._given)
        if panel.most == 1:  # the pointer begins at what holds now
            panel.at = next((i for i, (name, _) in enumerate(panel.items) if name in panel.chosen), 0)
        panel.styles.height = min(len(panel.items), 16) + 3
        yield panel

    def action_move(self, by: int) -> None:
        """Move the pointer."""
        panel = self.panel
        panel.at = max(0, min(len(panel.items) - 1, panel.at + by))
        panel.redraw()
        if self._preview is not None and panel.items:
            self._preview(panel.items[panel.at][0])

    def on_panel_scrolled(self, event: Panel.Scrolled) -> None:
        """Move the pointer with the wheel."""
        self.action_move(event.by)

    def on_panel_chosen(self, event: Panel.Chosen) -> None:
        """Go to the row that was clicked; where the pointer is there, or several can be chosen, take it."""
        here = event.entry == self.panel.at
        self.action_move(event.entry - self.panel.at)
        if self.panel.most > 1:
            self.action_mark()
        elif here:
            self.action_done()

    def action_mark(self) -> None:
        """Choose the row at the pointer, or leave it out again; beyond the most nothing more is taken."""
        panel = self.panel
        if panel.items and panel.most > 1:
            name = panel.items[panel.at][0]
            if name in panel.chosen:
                panel.chosen.discard(name)
            elif len(panel.chosen) < panel.most:
                panel.chosen.add(name)
            panel.redraw()

    def action_done(self) -> None:
        """Return what was chosen, in the order of the list."""
        panel = self.panel
        if panel.most == 1:
            self.dismiss((panel.items[panel.at][0],) if panel.items else None)
        else:
            self.dismiss(tuple(name for name, _ in panel.items if name in panel.chosen))

    def action_cancel(self) -> None:
        """Return nothing."""
        self.dismiss(None)
