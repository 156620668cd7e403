"""Dots finer than a cell: braille, or a coarser grid in ASCII.

Several layers share the grid; in each cell the topmost layer that has a dot
there is the one that shows, so a line stays crisp over a noisy band.
"""

from __future__ import annotations

from collections.abc import Sequence

_BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_ASCII = ((0x01, 0x02, 0x04),)
_APART = 8
"""Cells between two signs of a curve."""
_ASCII_SIGNS = " '-\"._:|"
"""Indexed by mask: top 1, middle 2, bottom 4."""
_BRAILLE_SIGNS = "".join(chr(0x2800 + mask) for mask in range(256))


class Canvas:
    """A grid of `width` x `height` cells; dot (0, 0) is at the bottom left."""

    def __init__(self, width: int, height: int, layers: int, ascii_only: bool = False) -> None:
        self._bits: Sequence[Sequence[int]] = _ASCII if ascii_only else _BRAILLE
        self._ascii = ascii_only
        self.width = width
        self.height = height
        self.columns = width * len(self._bits)
        self.rows = height * len(self._bits[0])
        self._layers = [[bytearray(width) for _ in range(height)] for _ in range(layers)]

    def column(self, layer: int, x: int, low: int, high: int) -> None:
        """Set the dots of one dot column from `low` to `high`, both included."""
        if not 0 <= x < self.columns:
            return
        cell, sub = divmod(x, len(self._bits))
        bits = self._bits[sub]
        grid = self._layers[layer]
        for y in range(max(0, low), min(self.rows - 1, high) + 1):
            row, deep = divmod(self.rows - 1 - y, len(bits))
            grid[row][cell] |= bits[deep]

    def line(self, layer: int, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Draw a connected line between two dots, the left one first."""
        (x0, y0), (x1, y1) = start, end
        if x1 <= x0:
            self.column(layer, x0, min(y0, y1), max(y0, y1))
            return
        before = y0
        for x in range(x0, x1 + 1):
            y = y0 + round((y1 - y0) * (x - x0) / (x1 - x0))
            self.column(layer, x, min(before, y), max(before, y))
            before = y

    def row(
        self, index: int, roles: Sequence[str], points: Sequence[str] = ()
    ) -> tuple[list[str], list[str]]:
        """Return the signs and roles of a row of cells, the top row being 0.

        A layer that has a sign in `points` shows it every few cells, whatever lies
        over it: curves are told apart without colour, also where they run together.
        """
        signs, shown = [" "] * self.width, [""] * self.width
        used = [(layer, rows[index]) for layer, rows in enumerate(self._layers) if any(rows[index])]
        for layer, grid in used:
            point = points[layer] if layer < len(points) else ""
            for cell in range(_APART // 2 + layer * 2, self.width if point else 0, _APART):
                if grid[cell]:
                    signs[cell], shown[cell] = point, roles[layer]
        table = _ASCII_SIGNS if self._ascii else _BRAILLE_SIGNS
        for layer, grid in reversed(used):
            role = roles[layer]
            for cell, mask in enumerate(grid):
                if mask and signs[cell] == " ":
                    signs[cell], shown[cell] = table[mask], role
        return signs, shown
