"""The footer: the keys that do something here, most useful first."""

from __future__ import annotations

from functools import partial

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.tui import actions
from runwatch.tui.api import api
from runwatch.tui.widgets.rows import Rows

_NARROW = 60


class Keys(Rows):
    """One row made from the registry of actions. A key can be clicked, that of the views for the next one."""

    def __init__(self, view: str) -> None:
        super().__init__(id="keys")
        self._view = view

    def draw(self, width: int, height: int) -> list[Row]:
        """Return as many keys as fit."""
        app = api(self.app)
        known = app.registry.of_view(self._view)
        live = [action for action in known if action.label and app.offered(action.id)]
        arrows = str.maketrans({"←": "<", "→": ">"} if self.scene.glyphs.ascii else {})
        if width < _NARROW:  # a touch at the corner of a phone is no wish to leave
            live = [action for action in live if action.id != "quit"]
        pieces = [
            (action.shown.translate(arrows), action.label, action.id)
            for action in sorted(live, key=lambda action: action.rank)
        ]
        if self._view != actions.HELP:
            pieces.insert(2, (f"0-{len(actions.VIEWS) - 1}", "View", ""))
        row: Row = []
        self.targets = []
        at = actions.VIEWS.index(self._view) if self._view in actions.VIEWS else 0
        following = actions.VIEWS[(at + 1) % len(actions.VIEWS)]
        for shown, label, action_id in pieces:
            piece: Row = [(shown, "key"), (f" {label}", "dim")]
            gap = 2 if row else 0
            if cells.row_width(row) + gap + cells.row_width(piece) > width:
                continue  # a shorter one may still fit
            row += [(" " * gap, ""), *piece] if gap else piece
            end = cells.row_width(row)
            begin = end - cells.row_width(piece)
            self.targets.append((0, begin, end, partial(app.action_do, action_id or following)))
        return [row]
