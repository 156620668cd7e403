"""One line above the footer for those who are new here."""

from __future__ import annotations

from functools import partial

from runwatch.render.cells import Row
from runwatch.tui.api import api
from runwatch.tui.widgets.rows import Rows

_LEAST = 20
"""Rows of a screen below which a line is too dear."""


class Hint(Rows):
    """Says one thing that can be done here. Its row stays for the session: nothing moves."""

    def __init__(self, view: str) -> None:
        super().__init__(id="hint")
        self._view = view

    def fit(self, height: int) -> int:
        """Take a row on a screen of that height, or none; return how many."""
        self.display = height >= _LEAST and api(self.app).hints.on
        return int(self.display)

    def draw(self, width: int, height: int) -> list[Row]:
        """Return the hint."""
        action, key, text = api(self.app).hints.line(self.scene, self._view)
        self.targets = [(0, 0, width, partial(self.press, action))] if action else []
        return [[("tip ", "dim"), (key, "key"), (f" {text}", "dim")]] if key else [[]]
