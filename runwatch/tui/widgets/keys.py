"""The footer: the keys that do something here, most useful first."""

from __future__ import annotations

from textual.events import Click

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.tui import actions
from runwatch.tui.api import api
from runwatch.tui.widgets.rows import Rows


class Keys(Rows):
    """One row made from the registry of actions. A key can be clicked, or touched where there are none."""

    def __init__(self, view: str) -> None:
        super().__init__(id="keys")
        self._view = view
        self._places: list[tuple[int, int, str]] = []
        """First cell, end and action of each key that is shown."""

    def draw(self, width: int, height: int) -> list[Row]:
        """Return as many keys as fit."""
        app = api(self.app)
        known = app.registry.of_view(self._view)
        live = [action for action in known if action.label and app.available(action.id)]
        arrows = str.maketrans({"←": "<", "→": ">"} if self.scene.glyphs.ascii else {})
        pieces = [
            (action.shown.translate(arrows), action.label, action.id)
            for action in sorted(live, key=lambda action: action.rank)
        ]
        if self._view != actions.HELP:
            pieces.insert(2, (f"0-{len(actions.VIEWS) - 1}", "View", ""))
        row: Row = []
        self._places = []
        for shown, label, action_id in pieces:
            piece: Row = [(shown, "key"), (f" {label}", "dim")]
            gap = 2 if row else 0
            if cells.row_width(row) + gap + cells.row_width(piece) > width:
                continue  # a shorter one may still fit
            row += [(" " * gap, ""), *piece] if gap else piece
            end = cells.row_width(row)
            self._places.append((end - cells.row_width(piece), end, action_id))
        return [row]

    def on_click(self, event: Click) -> None:
        """Do what the key does; for several views, go to the next."""
        app = api(self.app)
        for first, end, action_id in self._places:
            if first <= event.x < end:
                at = actions.VIEWS.index(self._view) if self._view in actions.VIEWS else 0
                app.action_do(action_id or actions.VIEWS[(at + 1) % len(actions.VIEWS)])
