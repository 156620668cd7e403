"""The footer: the keys that do something here, most useful first."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.tui import actions
from runwatch.tui.widgets.rows import Rows

if TYPE_CHECKING:
    from runwatch.tui.app import RunwatchApp


class Keys(Rows):
    """One row made from the registry of actions."""

    def __init__(self, view: str) -> None:
        super().__init__(id="keys")
        self._view = view

    def draw(self, width: int, height: int) -> list[Row]:
        """Return as many keys as fit."""
        app = cast("RunwatchApp", self.app)
        known = app.registry.of_view(self._view)
        live = [action for action in known if action.label and app.available(action.id)]
        arrows = str.maketrans({"←": "<", "→": ">"} if self.scene.glyphs.ascii else {})
        pieces = [
            (action.shown.translate(arrows), action.label)
            for action in sorted(live, key=lambda action: action.rank)
        ]
        if self._view != actions.HELP:
            pieces.insert(2, (f"0-{len(actions.VIEWS) - 1}", "View"))
        row: Row = []
        for shown, label in pieces:
            piece: Row = [(shown, "key"), (f" {label}", "dim")]
            gap = 2 if row else 0
            if cells.row_width(row) + gap + cells.row_width(piece) > width:
                continue  # a shorter one may still fit
            row += [(" " * gap, ""), *piece] if gap else piece
        return [row]
