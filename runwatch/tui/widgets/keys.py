"""The footer: the keys that do something here, most useful first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.tui import actions
from runwatch.tui.api import api
from runwatch.tui.widgets.rows import Rows, Target

_NARROW, _TOUCHED = 60, 100
"""Cells below which no key that leaves is shown; in a browser, where a phone has that many."""


Key = tuple[str, str, Callable[[], object]]
"""A key as it is shown, what it does in a word, and what a click on it calls."""


def laid_out(keys: Iterable[Key], width: int, top: int = 0, left: int = 0) -> tuple[Row, list[Target]]:
    """Return a row with the keys that fit, and what can be clicked where the row begins at `top`, `left`."""
    row: Row = []
    targets: list[Target] = []
    for shown, label, act in keys:
        piece: Row = [(shown, "key"), (f" {label}", "dim")]
        gap = 2 if row else 0
        if cells.row_width(row) + gap + cells.row_width(piece) > width:
            continue  # a shorter one may still fit
        row += [(" " * gap, ""), *piece] if gap else piece
        end = left + cells.row_width(row)
        targets.append((top, end - cells.row_width(piece), end, act))
    return row, targets


class DialogKeys(Rows):
    """The footer of a dialog, over that of the view: the dialog's own keys."""

    def __init__(self, keys: Iterable[Key]) -> None:
        super().__init__(id="dialog-keys")
        self._keys = tuple(keys)

    def draw(self, width: int, height: int) -> list[Row]:
        """Return the keys."""
        row, self.targets = laid_out(self._keys, width)
        return [row]


class Keys(Rows):
    """One row made from the registry of actions. A key can be clicked; those of the views are in the tabs.

    The one that leads back is at the right edge, in a place of its own: the others do not move.
    """

    def __init__(self, view: str) -> None:
        super().__init__(id="keys")
        self._view = view
        self._shown: tuple[object, ...] = ()
        """What the row was made of."""
        self._row: Row = []

    def draw(self, width: int, height: int) -> list[Row]:
        """Return as many keys as fit."""
        labels = api(self.app).footer(self._view)
        shown = labels, width, self.scene.glyphs
        if shown != self._shown:
            self._shown, self._row = shown, self._laid_out(labels, width)
        return [self._row]

    def _laid_out(self, labels: Mapping[str, str], width: int) -> Row:
        press, key, known = api(self.app).action_do, self.scene.key, self.scene.registry.by_id
        live = [known[action] for action in labels]
        if width < (_TOUCHED if self.app.is_web else _NARROW):  # a touch at the corner is no wish to leave
            live = [action for action in live if action.id != "quit"]
        back = known["back"]
        keys = [
            (key(action.id), labels[action.id], partial(press, action.id))
            for action in sorted(live, key=lambda action: action.rank)
            if action is not back
        ]
        place = width - cells.width(f"{key(back.id)} {labels.get(back.id) or back.label}")
        kept = back in live or self._view != actions.RUNS
        row, self.targets = laid_out(keys, place - 2 if kept else width)
        if back in live:
            leave = key(back.id), labels[back.id], partial(press, back.id)
            last, target = laid_out([leave], width - place, left=place)
            row, self.targets = [*cells.fit(row, place), *last], [*self.targets, *target]
        return row
