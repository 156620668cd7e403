"""Dots finer than a cell: braille, or a coarser grid in ASCII.

Several layers share the grid; in each cell the topmost layer that has a dot
there is the one that shows, so a line stays crisp over a noisy band.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import ne, or_

_BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_ASCII = ((0x01, 0x02, 0x04),)


def _masks(dots: Sequence[Sequence[int]]) -> list[list[list[int]]]:
    """Return for each column of dots the mask of all from one row to another; 0 where the second is above."""
    return [[[sum(bits[a : b + 1]) for b in range(len(bits))] for a in range(len(bits))] for bits in dots]


_Point = tuple[int, int] | None
"""The column and the height of a dot; None is a gap in a line."""
_BRAILLE_MASKS, _ASCII_MASKS = _masks(_BRAILLE), _masks(_ASCII)
_APART = 8
"""Cells between two signs of a curve."""
_ASCII_SIGNS = " '-\"._:|"
"""Indexed by mask: top 1, middle 2, bottom 4."""
_BRAILLE_SIGNS = "".join(chr(0x2800 + mask) for mask in range(256))


def rows_of_dots(ascii_only: bool) -> int:
    """Return how many dots a cell is high."""
    return len((_ASCII if ascii_only else _BRAILLE)[0])


class Canvas:
    """A grid of `width` x `height` cells; dot (0, 0) is at the bottom left.

    Layers are named by their roles, lowest first.
    """

    def __init__(self, width: int, height: int, layers: Sequence[str], ascii_only: bool = False) -> None:
        self._bits: Sequence[Sequence[int]] = _ASCII if ascii_only else _BRAILLE
        self._masks = _ASCII_MASKS if ascii_only else _BRAILLE_MASKS
        self._ascii = ascii_only
        self.width = width
        self.height = height
        self.columns = width * len(self._bits)
        self.rows = height * len(self._bits[0])
        self._layers: dict[str, list[bytearray]] = {
            layer: [bytearray(width) for _ in range(height)] for layer in layers
        }
        self._lines: dict[str, list[_Point]] = {}
        """The line of each layer; of one that was drawn on twice nothing."""

    def column(self, layer: str, x: int, low: int, high: int) -> None:
        """Set the dots of one dot column from `low` to `high`, both included."""
        if not 0 <= x < self.columns:
            return
        cell, sub = divmod(x, len(self._bits))
        grid, top, masks = self._layers[layer], self.rows - 1, self._masks[sub]
        first, upper = divmod(top - high if high < top else 0, len(masks))
        last, lower = divmod(top - low if low > 0 else top, len(masks))
        if first == last:
            grid[first][cell] |= masks[upper][lower]
        elif first < last:
            grid[first][cell] |= masks[upper][-1]
            for row in range(first + 1, last):
                grid[row][cell] |= masks[0][-1]
            grid[last][cell] |= masks[0][lower]

    def line(self, layer: str, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Draw a connected line between two dots, of which the left one is drawn already."""
        (x0, y0), (x1, y1) = start, end
        if x1 <= x0 + 1:
            self.column(layer, max(x0, x1), min(y0, y1), max(y0, y1))
            return
        before, rise, run = y0, y1 - y0, x1 - x0
        for x in range(1, run + 1):
            y = y0 + round(rise * x / run)
            self.column(layer, x0 + x, before if before < y else y, y if before < y else before)
            before = y

    def polyline(
        self, layer: str, at: Sequence[int], heights: Sequence[float | None], before: Canvas | None = None
    ) -> None:
        """Draw a line through points: their columns of dots, and their heights in dots; None is a gap.

        Of a line that the canvas `before` has, only the end that differs is drawn.
        """
        points = [
            None if height is None else (dot, round(height)) for dot, height in zip(at, heights, strict=True)
        ]
        begin = 0
        if layer in self._lines:
            self._lines[layer] = []
        else:
            self._lines[layer] = points
            if before is not None and before._size() == self._size():
                begin = self._take_over(layer, points, before)
        last = points[begin - 1] if begin else None
        for here in points[begin:]:
            if here is not None:
                self.line(layer, last or here, here)
            last = here

    def _size(self) -> tuple[int, int, bool]:
        return self.width, self.height, self._ascii

    def _take_over(self, layer: str, points: list[_Point], before: Canvas) -> int:
        """Copy what another canvas has of a line; return from which point on it is to be drawn."""
        was = before._lines.get(layer)
        if not was:
            return 0
        same = next(
            (i for i, differ in enumerate(map(ne, was, points)) if differ), min(len(was), len(points))
        )
        ends = [point[0] for tail in (was, points) for point in tail[max(0, same - 1) :] if point is not None]
        cell = min(ends, default=0) // len(self._bits)
        if same == 0 or cell <= 0:
            return 0
        blank = bytes(self.width - cell)
        self._layers[layer] = [row[:cell] + blank for row in before._layers[layer]]
        edge = cell * len(self._bits)
        return next((i for i, point in enumerate(points) if point is not None and point[0] >= edge), same)

    def row(self, index: int) -> tuple[list[str], list[str]]:
        """Return the signs and roles of a row of cells, the top row being 0."""
        signs, shown = [" "] * self.width, [""] * self.width
        table = _ASCII_SIGNS if self._ascii else _BRAILLE_SIGNS
        for layer, rows in reversed(list(self._layers.items())):
            if not any(rows[index]):
                continue
            for cell, mask in enumerate(rows[index]):
                if mask and signs[cell] == " ":
                    signs[cell], shown[cell] = table[mask], layer
        return signs, shown

    @property
    def layers(self) -> list[tuple[str, list[bytearray]]]:
        """The dots of all layers, in their rows of cells, the lowest layer first."""
        return list(self._layers.items())

    def inked(self, index: int) -> list[tuple[str, bytearray]]:
        """Return the dots of a row of cells in each layer, the top row being 0."""
        return [(layer, rows[index]) for layer, rows in self._layers.items()]

    def drawn(self) -> list[bytes]:
        """Return the rows of cells, the bottom row first: a cell without a dot is 0."""
        rows = zip(*self._layers.values(), strict=True)
        masks = (reduce(or_, (int.from_bytes(layer, "little") for layer in row)) for row in rows)
        return [mask.to_bytes(self.width, "little") for mask in masks][::-1]

    def points(self, layers: Sequence[str]) -> dict[int, dict[int, str]]:
        """Return by row and cell where curves show a sign, every few cells, whatever lies over them.

        So they are distinguished without color, also where they run together. The sign is where the
        curve is in the middle of its cell: at a border of the cell it would lie next to the curve.
        """
        out: dict[int, dict[int, str]] = {}
        for number, layer in enumerate(layers):
            grid = self._layers[layer]
            if not any(map(any, grid)):
                continue
            for start in range(number * 2, self.width, _APART):
                on = [
                    (self._middle(grid[row][cell]), -abs(2 * (cell - start) - _APART), -row, cell)
                    for cell in range(start, min(self.width, start + _APART))
                    if (row := next((y for y in range(self.height) if grid[y][cell]), None)) is not None
                ]
                if on:
                    _, _, row, cell = max(on)
                    out.setdefault(-row, {})[cell] = layer
        return out

    def _middle(self, mask: int) -> int:
        """Return how many dots of a cell are in its middle rows, less those at its borders."""
        middle = sum(bit for column in self._bits for bit in column[1:-1])
        return (mask & middle).bit_count() - (mask & ~middle).bit_count()
