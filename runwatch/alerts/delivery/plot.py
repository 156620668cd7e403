"""A metric around an incident as a PNG: a line, the least and greatest value, where it happened.

Pixels are palette indices in one bytearray; the file is the five chunks that PNG
(ISO/IEC 15948) needs, compressed by zlib. No text of a log is ever drawn.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence

from runwatch.alerts.routing.notification import Notification

WIDTH, HEIGHT = 720, 260
"""Pixels."""
LEFT, RIGHT, TOP, BOTTOM = 78, 14, 14, 30
"""Margins, in pixels."""
LEAST_POINTS = 8
"""Least values for a useful plot."""

PAPER, GRID, INK, LINE, BAD = range(5)
_PALETTE = ((255, 255, 255), (225, 228, 232), (87, 96, 106), (9, 105, 218), (207, 34, 46))

# Each sign is five rows of three pixels, the top row in the highest bits.
_FONT = {
    "0": 0o75557, "1": 0o26227, "2": 0o71747, "3": 0o71717, "4": 0o55711, "5": 0o74717, "6": 0o74757,
    "7": 0o71222, "8": 0o75757, "9": 0o75717, "-": 0o00700, "+": 0o02720, ".": 0o00002, "e": 0o07747,
    ",": 0o00024, "s": 0o03636, "t": 0o27223, "p": 0o06564, " ": 0,
}  # fmt: skip
_SCALE = 2


def picture(notification: Notification) -> bytes | None:
    """Return a PNG of the trend; None if there is too little to see."""
    values = notification.trend
    finite = [value for value in values if math.isfinite(value)]
    if len(values) < LEAST_POINTS or len(finite) < 2:
        return None
    low, high = min(finite), max(finite)
    if not math.isfinite(high - low):
        return None
    page = _Page()
    page.frame(low, high)
    page.steps(notification.span)
    at = _place(notification, len(values))
    if at is not None:
        page.upright(page.x(at, len(values)), BAD)
    page.plot(values, low, high)
    return page.png()


def _place(notification: Notification, count: int) -> int | None:
    """Return the index in the trend at which the incident began."""
    step, span = notification.incident.step, notification.span
    if step is None or span is None or span[1] <= span[0] or not span[0] <= step <= span[1]:
        return None
    return round((step - span[0]) / (span[1] - span[0]) * (count - 1))


class _Page:
    """The pixels. (0, 0) is at the top left."""

    def __init__(self) -> None:
        self._pixels = bytearray(WIDTH * HEIGHT)

    def x(self, index: int, count: int) -> int:
        return LEFT + round(index / max(1, count - 1) * (WIDTH - LEFT - RIGHT - 1))

    def y(self, value: float, low: float, high: float) -> int:
        part = (value - low) / (high - low) if high > low else 0.5
        return HEIGHT - BOTTOM - 1 - round(part * (HEIGHT - TOP - BOTTOM - 1))

    def frame(self, low: float, high: float) -> None:
        for part in range(5):
            row = TOP + round(part / 4 * (HEIGHT - TOP - BOTTOM - 1))
            self.box(LEFT, row, WIDTH - RIGHT - LEFT, 1, GRID)
            label = f"{high - part / 4 * (high - low):.4g}"
            self.text(label, LEFT - 8 - self.width(label), row - 5)

    def steps(self, span: tuple[int, int] | None) -> None:
        if span is None:
            return
        first, last = f"step {span[0]:,}", f"{span[1]:,}"
        self.text(first, LEFT, HEIGHT - BOTTOM + 10)
        self.text(last, WIDTH - RIGHT - self.width(last), HEIGHT - BOTTOM + 10)

    def upright(self, x: int, color: int) -> None:
        for y in range(TOP, HEIGHT - BOTTOM, 6):
            self.box(x, y, 1, 3, color)

    def plot(self, values: Sequence[float], low: float, high: float) -> None:
        before: tuple[int, int] | None = None
        for index, value in enumerate(values):
            x = self.x(index, len(values))
            if not math.isfinite(value):
                self.box(x - 1, HEIGHT - BOTTOM - 8, 3, 8, BAD)
                before = None
                continue
            now = (x, self.y(value, low, high))
            self._stroke(before or now, now)
            before = now

    def _stroke(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        (x0, y0), (x1, y1) = start, end
        above = y0
        for x in range(x0, x1 + 1):
            y = y1 if x1 == x0 else y0 + round((y1 - y0) * (x - x0) / (x1 - x0))
            self.box(x, min(above, y), 2, abs(y - above) + 2, LINE)
            above = y

    def width(self, said: str) -> int:
        return 4 * _SCALE * len(said)

    def text(self, said: str, x: int, y: int) -> None:
        for sign in said:
            bits = _FONT.get(sign, 0)
            for place in range(15):
                if bits >> (14 - place) & 1:
                    self.box(x + place % 3 * _SCALE, y + place // 3 * _SCALE, _SCALE, _SCALE, INK)
            x += 4 * _SCALE

    def box(self, x: int, y: int, width: int, height: int, color: int) -> None:
        left, right = max(0, x), min(WIDTH, x + width)
        if right > left:
            for row in range(max(0, y), min(HEIGHT, y + height)):
                start = row * WIDTH
                self._pixels[start + left : start + right] = bytes((color,)) * (right - left)

    def png(self) -> bytes:
        rows = b"".join(b"\0" + self._pixels[y * WIDTH : (y + 1) * WIDTH] for y in range(HEIGHT))
        header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
        palette = b"".join(bytes(color) for color in _PALETTE)
        chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
