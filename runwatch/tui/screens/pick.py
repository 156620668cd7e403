"""A short list over the view, to choose one or several things from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.render.panel import Content
from runwatch.tui.screens.dialog import Dialog
from runwatch.tui.widgets.keys import DialogKeys, Key, laid_out
from runwatch.tui.widgets.rows import Listed, Panel

_ASKED = 6
"""Rows that the question may take at most."""
_AROUND = 3
"""Rows of the frame and of the keys."""


class PickPanel(Panel):
    """The question and the rows, with the chosen ones marked. The bottom border has the keys, as buttons."""

    def __init__(
        self,
        title: str,
        rows: Sequence[tuple[str, str]],
        chosen: set[str],
        most: int,
        asked: str,
        keys: list[Key],
    ) -> None:
        super().__init__(id="pick")
        self.title, self.items, self.chosen, self.most = title, list(rows), chosen, most
        self.asked, self.keys = asked, keys
        self.at = 0

    def question(self, width: int) -> list[Row]:
        """Return the question, and a blank row where there is room; nothing where the title says it all."""
        if not self.asked:
            return []
        room = self.screen.size.height - len(self.items) - _AROUND
        lines = cells.wrapped(self.asked, width - 4, max(2, min(_ASKED, room)), self.scene.glyphs.ellipsis)
        return [*([("  ", ""), (line, "")] for line in lines), *([[]] if len(lines) < room else [])]

    def content(self, width: int, height: int) -> Content:
        """Return the rows around the one the pointer is at."""
        glyphs, question = self.scene.glyphs, self.question(width)
        room = max(1, height - len(question))
        start = max(0, self.at - room + 1)
        rows: list[Row] = []
        for index, (name, label) in enumerate(self.items[start : start + room], start):
            here = index == self.at
            mark = "" if self.most == 1 else "[x] " if name in self.chosen else "[ ] "
            text = cells.pad(f"{mark}{label}", width - 2, glyphs.ellipsis)
            row: Row = [(f"{glyphs.pointer if here else ' '} {text}", "")]
            rows.append(cells.bar(row, width, glyphs.ascii) if here else row)
        self.listed = Listed(start, len(rows), len(self.items), len(question))
        legend, self.targets = laid_out(self.keys, width - 4, height + 1, 3)
        return Content([(self.title, "title")], [*question, *rows], legend=legend)


class Pick(Dialog[tuple[str, ...] | None], inherit_bindings=False):
    """Returns the ids that were chosen, or None if the person thought better of it.

    Where only one can be chosen, Enter takes the one at the pointer, and so does a click; with a `preview`,
    which is called as soon as the pointer is at a row, the second click. Where several can be and none was or
    is, Enter takes the one at the pointer too. `asked` is the question in full.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("m", "mark", show=False),
        Binding("enter", "done", show=False),
        Binding("escape,q,ctrl+c", "close", show=False),
    ]

    def __init__(
        self,
        title: str,
        rows: Sequence[tuple[str, str]],
        chosen: set[str],
        most: int,
        preview: Callable[[str], object] | None = None,
        asked: str = "",
    ) -> None:
        super().__init__()
        self._keys: list[Key] = [
            *([("m", "Mark", self.action_mark)] if most > 1 else []),
            ("enter", "Done" if most > 1 else "Choose", self.action_done),
            ("esc", "Cancel", self.action_close),
        ]
        self._given = (title, rows, {name for name, _ in rows} & chosen, most, asked, self._keys)
        self._had = bool(self._given[2])
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
        yield panel
        yield DialogKeys(self._keys)

    def on_resize(self, event: Resize) -> None:
        """Take the height that question, rows, keys and frame need."""
        panel = self.panel
        needed = min(len(panel.items), 16) + len(panel.question(panel.size.width - 2)) + 2
        panel.styles.height = min(needed, self.size.height - 1)

    def action_move(self, by: int) -> None:
        """Move the pointer."""
        panel = self.panel
        panel.at = max(0, min(len(panel.items) - 1, panel.at + by))
        panel.redraw()
        if self._preview is not None and panel.items:
            self._preview(panel.items[panel.at][0])

    def on_panel_chosen(self, event: Panel.Chosen) -> None:
        """Take the row that was clicked; what can be previewed is taken by the second click."""
        here = event.entry == self.panel.at or self._preview is None
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
            taken = tuple(name for name, _ in panel.items if name in panel.chosen)
            here = () if self._had else tuple(name for name, _ in panel.items[panel.at : panel.at + 1])
            self.dismiss(taken or here)
