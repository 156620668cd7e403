"""A panel that shows a part of its rows."""

from __future__ import annotations

from runwatch.render.cells import Row
from runwatch.tui.widgets.rows import Listed, Panel

FOR_TWO, BETWEEN = 150, 3
"""Cells of a text that is in two columns, and those between them."""


class PagePanel(Panel):
    """Rows of which a part is shown, from `at` on."""

    wheel = 3
    at = 0
    """The first row that is shown."""
    hidden = 0
    """Rows that do not fit."""

    def part(self, rows: list[Row], height: int, top: int = 0) -> list[Row]:
        """Return the rows from `at` that fit below `top` others, moving `at` to where that makes sense."""
        room = max(1, height)
        self.hidden = max(0, len(rows) - room)
        self.at = max(0, min(self.at, self.hidden))
        page = rows[self.at : self.at + room]
        self.listed = Listed(self.at, len(page), len(rows), top)
        return page

    @property
    def below(self) -> int:
        """How many rows follow those that are shown."""
        return self.hidden - self.at
