"""What a terminal that is too small shows instead of scraps."""

from __future__ import annotations

from runwatch.render import cells
from runwatch.render.cells import Row
from runwatch.tui.widgets.rows import Rows, centered

LEAST = (40, 10)
"""Columns and rows below which no view makes sense."""


class TooSmall(Rows):
    """Lies over the view; the style sheet shows it on screens smaller than `LEAST`."""

    def __init__(self) -> None:
        super().__init__(id="small")

    def draw(self, width: int, height: int) -> list[Row]:
        """Return what is missing, in as many words as fit."""
        least = f"{LEAST[0]}x{LEAST[1]}"
        texts = (
            f"too small: at least {least}, here {width}x{height}",
            f"too small: {least} needed",
            f"need {least}",
        )
        text = next((text for text in texts if cells.width(text) <= width), least)
        return centered(text, width, height, "warn")
