"""The cells of a screen as a picture.

Letters come from a font; lines, blocks and braille are drawn, as terminals do, so that they join at
every size. Colors are exact: what is rare on a screen, such as a red number, must not be averaged away.
"""

from __future__ import annotations

import os
import unicodedata
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyte
from PIL import Image, ImageDraw, ImageFont
from pyte.screens import Char

from benchmarks.pictures.terminal import FAINT

WIDE, HIGH, SIZE = 9, 18, 15
"""Pixels of a cell, and of the font in it."""
EDGE = 8
INK, PAPER = (0xD6, 0xD6, 0xD6), (0x10, 0x10, 0x14)
_FOLDERS = (
    "/usr/share/fonts/truetype/dejavu",
    "/usr/share/fonts/dejavu",
    "/usr/share/fonts/TTF",
    "/Library/Fonts",
)
_NAMED = {
    "black": (0x0C, 0x0C, 0x0C), "red": (0xC5, 0x2F, 0x2F), "green": (0x3F, 0xA0, 0x3F),
    "brown": (0xC1, 0x9C, 0x20), "blue": (0x3B, 0x78, 0xFF), "magenta": (0xA0, 0x48, 0xB0),
    "cyan": (0x3A, 0x96, 0xDD), "white": (0xCC, 0xCC, 0xCC), "brightblack": (0x76, 0x76, 0x76),
    "brightred": (0xF0, 0x5F, 0x60), "brightgreen": (0x5F, 0xD0, 0x5F), "brightbrown": (0xF9, 0xE0, 0x70),
    "brightblue": (0x6C, 0x9C, 0xFF), "brightmagenta": (0xD0, 0x70, 0xD8), "brightcyan": (0x61, 0xD6, 0xD6),
    "brightwhite": (0xF2, 0xF2, 0xF2),
}  # fmt: skip
Color = tuple[int, int, int]
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
_QUARTERS = dict(zip("▘▝▖▗▚▞▙▛▜▟", ("a", "b", "c", "d", "ad", "bc", "acd", "abc", "abd", "bcd"), strict=True))
_BENDS = {"╭": (1, 1), "╮": (-1, 1), "╰": (1, -1), "╯": (-1, -1)}
"""Where the arms of a round corner go: right and down are 1."""
_STRENGTH = {"LIGHT": 1, "HEAVY": 2, "SINGLE": 1, "DOUBLE": 2}
_ARMS = {
    "UP": "u", "DOWN": "d", "LEFT": "l", "RIGHT": "r", "HORIZONTAL": "lr", "VERTICAL": "ud",
}  # fmt: skip


@lru_cache(2)
def _font(bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf"
    folders = (os.environ["PICTURE_FONTS"],) if "PICTURE_FONTS" in os.environ else _FOLDERS
    for folder in folders:
        if (path := Path(folder, name)).exists():
            return ImageFont.truetype(str(path), SIZE)
    raise SystemExit(f"no {name}: apt-get install fonts-dejavu-core, or name its folder in PICTURE_FONTS")


@lru_cache(4096)
def _letter(data: str, bold: bool, cells: int) -> Image.Image:
    """Return how much of each pixel of a cell a letter covers."""
    mask = Image.new("L", (WIDE * cells, HIGH), 0)
    ImageDraw.Draw(mask).text((0, HIGH // 2 + 5), data, fill=255, font=_font(bold), anchor="ls")
    return mask.point(lambda covered: min(255, round(covered / 64) * 64))  # few shades: few colors


@lru_cache(256)
def _arms(data: str) -> dict[str, int]:
    """Return how strong the arms of a box character are, from its name; {} if it is none."""
    name = unicodedata.name(data, "")
    if not name.startswith("BOX DRAWINGS ") or "DIAGONAL" in name:
        return {}
    arms: dict[str, int] = {}
    strength, waiting = 1, ""
    for word in name.split()[2:]:
        if word in _STRENGTH:
            strength = _STRENGTH[word]
            arms |= dict.fromkeys(waiting, strength)  # DOWN HEAVY AND LEFT LIGHT: the strength comes after
        elif word in _ARMS:
            waiting = _ARMS[word]
            arms |= dict.fromkeys(waiting, strength)
            continue
        waiting = "" if word != "AND" else waiting
    return arms


def _color(named: str, default: Color) -> Color:
    if named == "default":
        return default
    if named in _NAMED:
        return _NAMED[named]
    return (int(named[:2], 16), int(named[2:4], 16), int(named[4:], 16))


def _mixed(one: Color, other: Color, part: float) -> Color:
    r, g, b = (round(x * (1 - part) + y * part) for x, y in zip(one, other, strict=True))
    return (r, g, b)


def _colors(cell: Char) -> tuple[Color, Color]:
    """Return the colors of a cell: of what is in it, and of what is behind."""
    ink, paper = _color(cell.fg, INK), _color(cell.bg, PAPER)
    if cell.reverse:
        ink, paper = paper, ink
    return (_mixed(ink, paper, 0.45) if getattr(cell, FAINT) else ink), paper


def _drawn(draw: ImageDraw.ImageDraw, data: str, x: int, y: int, ink: Color, paper: Color) -> bool:
    """Draw what is made of lines and blocks; say whether it was."""
    code, right, low = ord(data), x + WIDE - 1, y + HIGH - 1
    if 0x2800 <= code <= 0x28FF:
        for bit, (column, row) in enumerate(_DOTS):
            if code >> bit & 1:
                left, top = x + 1 + column * 5, y + 1 + round(row * 4.5)
                draw.rectangle((left, top, left + 2, top + 2), ink)
    elif 0x2581 <= code <= 0x2588:
        draw.rectangle((x, low + 1 - round(HIGH * (code - 0x2580) / 8), right, low), ink)
    elif 0x2589 <= code <= 0x258F:
        draw.rectangle((x, y, x + max(1, round(WIDE * (0x2590 - code) / 8)) - 1, low), ink)
    elif data == "▀":
        draw.rectangle((x, y, right, y + HIGH // 2 - 1), ink)
    elif data == "▐":
        draw.rectangle((x + WIDE // 2, y, right, low), ink)
    elif data in "░▒▓":
        draw.rectangle((x, y, right, low), _mixed(paper, ink, (" ░▒▓".index(data)) / 4))
    elif data in _QUARTERS:
        for at, name in enumerate("abcd"):
            if name in _QUARTERS[data]:
                left, top = x + at % 2 * WIDE // 2, y + at // 2 * HIGH // 2
                draw.rectangle((left, top, left + WIDE // 2, top + HIGH // 2 - 1), ink)
    elif data in _BENDS:
        across, down = _BENDS[data]
        x0, y0, turn = x + WIDE // 2, y + HIGH // 2, WIDE // 2
        draw.line((x0, y0 + down * turn, x0, low if down > 0 else y), ink)
        begin = {(1, 1): 180, (-1, 1): 270, (1, -1): 90, (-1, -1): 0}[across, down]
        left, top = min(x0, x0 + 2 * across * turn), min(y0, y0 + 2 * down * turn)
        draw.arc((left, top, left + 2 * turn, top + 2 * turn), begin, begin + 90, ink)
    elif arms := _arms(data):
        middle, center = x + WIDE // 2, y + HIGH // 2
        ends = {"l": (x, center), "r": (right, center), "u": (middle, y), "d": (middle, low)}
        for arm, strength in arms.items():
            a, b = ends[arm]
            line = (min(a, middle), min(b, center), max(a, middle), max(b, center))
            more = strength - 1
            draw.rectangle(
                (line[0], line[1], line[2] + more * (arm in "ud"), line[3] + more * (arm in "lr")), ink
            )
    else:
        return False
    return True


def paint(screen: pyte.Screen) -> Image.Image:
    """Return the picture of a screen."""
    picture = Image.new("RGB", (screen.columns * WIDE + 2 * EDGE, screen.lines * HIGH + 2 * EDGE), PAPER)
    draw = ImageDraw.Draw(picture)
    for row in range(screen.lines):
        cells = screen.buffer[row]
        for column in range(screen.columns):
            cell = cells[column]
            x, y = EDGE + column * WIDE, EDGE + row * HIGH
            ink, paper = _colors(cell)
            wide = 1 + (column + 1 < screen.columns and cells[column + 1].data == "")
            if paper != PAPER and cell.data:
                draw.rectangle((x, y, x + WIDE * wide - 1, y + HIGH - 1), paper)
            if cell.data.strip() and not (len(cell.data) == 1 and _drawn(draw, cell.data, x, y, ink, paper)):
                picture.paste(ink, (x, y), _letter(cell.data, cell.bold, wide))
            if cell.underscore:
                draw.line((x, y + HIGH - 3, x + WIDE - 1, y + HIGH - 3), ink)
            if cell.strikethrough:
                draw.line((x, y + HIGH // 2, x + WIDE - 1, y + HIGH // 2), ink)
    return picture


def save(screen: pyte.Screen, path: Path) -> None:
    """Write the picture of a screen; with a palette of its very colors, if they are few enough for one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = paint(screen)
    pixels = np.asarray(picture).astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colors, indices = np.unique(pixels, return_inverse=True)
    if len(colors) <= 256:
        picture = Image.fromarray(indices.reshape(pixels.shape).astype(np.uint8))
        picture.putpalette([int(color) >> shift & 0xFF for color in colors for shift in (16, 8, 0)])
    picture.save(path, optimize=True)
