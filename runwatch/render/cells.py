"""Rows of terminal cells: text with roles, measured, clipped and padded exactly.

A role says what a piece of text is ("axis", "bad", "title"); whoever shows the
row decides how that looks. Characters whose width terminals disagree about are
dropped or replaced, so that a row is as wide as it says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

Segment = tuple[str, str]
"""Text and its role; "" is ordinary text."""
Row = list[Segment]

_UNSURE = frozenset({"Mc", "Cn", "Co", "Cs", "Zl", "Zp"})
_INVISIBLE = frozenset({"Mn", "Me", "Cf", "Cc"})
_SINGLE = re.compile("[ -~\u00b1\u00b7\u03c3\u2026\u2190-\u2199\u2500-\u25fc\u2713\u2717\u2800-\u28ff]*")
"""What nearly all of a screen is made of: ASCII, frames, bars, braille. A cell each, nothing to settle."""


_DOT = re.compile(" [\u00b7-] ")
"""Between two parts of a text."""
_TOGETHER = re.compile(r"(?<=\d) (?=(?:ms|s|[KMGT]iB)\b)|(?<=\bstep) (?=\d)")
"""Between a number and its unit, and a step and its number: no line ends there."""
_LINES = 100
"""Lines into which one is wrapped at most."""
_CARETS = frozenset(" ^~")


def _settle(char: str) -> str:
    """Return the character, nothing, or a replacement whose width is certain."""
    category, code = unicodedata.category(char), ord(char)
    joining_jamo = 0x1160 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FF
    if category in _INVISIBLE or joining_jamo or 0x1F3FB <= code <= 0x1F3FF:
        return ""
    flag_letter = 0x1F1E6 <= code <= 0x1F1FF
    return "?" if category in _UNSURE or flag_letter else char


def settled(text: str, ascii_only: bool = False) -> str:
    """Return `text` with only characters of certain width; as ASCII if asked."""
    if text.isascii() and text.isprintable():
        return text
    if not ascii_only and _SINGLE.fullmatch(text):
        return text
    text = "".join(map(_settle, unicodedata.normalize("NFC", text)))
    return text.encode("ascii", "replace").decode() if ascii_only else text


def _is_single(text: str, ascii_only: bool) -> bool:
    """Return whether each character takes a cell as it is."""
    return not ascii_only and _SINGLE.fullmatch(text) is not None


def width(text: str) -> int:
    """Return how many cells a settled text takes."""
    if text.isascii() or _SINGLE.fullmatch(text):
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def take(text: str, cells: int) -> str:
    """Return as much of a settled text as fits into `cells`."""
    if width(text) <= cells:
        return text
    used = 0
    for index, char in enumerate(text):
        used += width(char)
        if used > cells:
            return text[:index]
    return text


def clip(text: str, cells: int, ellipsis: str = "…") -> str:
    """Return any text in at most `cells` cells; what is cut off ends in an ellipsis."""
    text = settled(text, ascii_only=ellipsis.isascii())
    if width(text) <= cells:
        return text
    return take(text, cells - 1) + ellipsis if cells > 0 else ""


def shorten(text: str, cells: int, ellipsis: str = "…") -> str:
    """Return any text in at most `cells` cells; of a path at its end the middle is cut out.

    The name of a file says more than the directories that lead to it.
    """
    text = settled(text, ascii_only=ellipsis.isascii())
    folder, slash, name = text.rpartition("/")
    tail = width(slash + name)
    if width(text) <= cells or not folder or " " in name or not 1 < tail < cells - 4:
        return clip(text, cells, ellipsis)
    return take(text, cells - 1 - tail) + ellipsis + slash + name


def apart(names: Sequence[str], cells: int, ellipsis: str = "…") -> list[str]:
    """Return names in at most `cells` cells each; those that would look the same lose their middle."""
    short = [clip(name, cells, ellipsis) for name in names]
    same = [i for i, name in enumerate(short) if short.count(name) > 1]
    whole = [settled(names[i], ellipsis.isascii()) for i in same]
    for head in sorted(range(1, cells - 1), key=lambda head: abs(head - cells // 2)):
        tried = [take(name, head) + ellipsis + name[-(cells - 1 - head) :] for name in whole]
        if len(set(tried)) == len(same) and all(width(name) <= cells for name in tried):
            for i, name in zip(same, tried, strict=True):
                short[i] = name
            break
    return short


def pad(text: str, cells: int, ellipsis: str = "…", right: bool = False) -> str:
    """Return any text in exactly `cells` cells, flush left or right."""
    text = clip(text, cells, ellipsis)
    blank = " " * (max(0, cells) - width(text))
    return blank + text if right else text + blank


def wrapped(text: str, cells: int, most: int, ellipsis: str = "…") -> list[str]:
    """Return any text in lines of at most `cells` cells, broken at blanks where that is possible, else at /.

    A dot between two parts begins a line, it does not end one; nor is the part behind it broken if it fits
    in a line. After `most` lines the rest is cut off.
    """
    rest = settled(text, ascii_only=ellipsis.isascii()).strip()
    out: list[str] = []
    while rest and cells > 0:
        line = take(rest, cells)
        if not line or (len(out) == most - 1 and line != rest):
            out.append(clip(rest, cells, ellipsis))
            break
        if line != rest:
            line = line[: _break(line, rest, cells)]
        out.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    return out


def _break(line: str, rest: str, cells: int) -> int:
    """Return where the first line of the text `rest` ends, of which `line` is what fits."""
    end = len(line)
    together = {found.start() for found in _TOGETHER.finditer(rest, 0, end + 8)}
    if rest[end] != " " or end in together:
        blanks = [place for place in range(end - 1, 0, -1) if line[place] == " "]
        blank = next((place for place in blanks if place not in together), blanks[0] if blanks else 0)
        slash = line.rfind("/") + 1
        end = blank or (slash if 2 * slash > end else end)
    dots = [found.start() for found in _DOT.finditer(rest, 0, end + 1)]
    if not dots or dots[-1] + 2 == end:
        return dots[-1] if dots else end
    part = _DOT.split(rest[dots[-1] + 1 :], maxsplit=1)[0]
    return dots[-1] if 2 * dots[-1] > cells and width(part) <= cells else end


def joined(parts: Sequence[str], cells: int, gap: str) -> list[str]:
    """Return short texts in as few lines as they fit in, none of them broken."""
    out: list[str] = []
    for part in parts:
        if out and width(out[-1] + gap + part) <= cells:
            out[-1] += gap + part
        else:
            out.append(part)
    return out


def is_carets(text: str) -> bool:
    """Return whether a line of a traceback points into the one above: where that is broken, at nothing."""
    return _CARETS.issuperset(text)


def indented(text: str, cells: int, ellipsis: str = "…") -> list[str]:
    """Return a line of a traceback in lines of at most `cells` cells, all with its indentation."""
    indent = min(len(text) - len(text.lstrip(" ")), max(0, cells // 2))
    pieces = wrapped(text, max(1, cells - indent), _LINES, ellipsis)
    return [" " * indent + piece for piece in pieces] or [""]


def traceback(text: str, cells: int, ellipsis: str = "…") -> list[str]:
    """Return a traceback in lines of at most `cells` cells, all with their indentation."""
    out: list[str] = []
    broken = False
    for line in text.splitlines():
        if broken and is_carets(line):
            continue
        pieces = indented(line, cells, ellipsis)
        broken = len(pieces) > 1
        out += pieces
    return out


def row_width(row: Iterable[Segment]) -> int:
    """Return how many cells a row of settled text takes."""
    return sum(width(text) for text, _ in row)


def row_text(row: Iterable[Segment]) -> str:
    """Return the row without its roles."""
    return "".join(text for text, _ in row)


def fit(row: Sequence[Segment], cells: int, ascii_only: bool = False) -> Row:
    """Return a row of exactly `cells` cells: cut at the right, or filled with blanks."""
    whole = "".join(text for text, _ in row)
    if len(whole) == cells and (whole.isprintable() if whole.isascii() else _is_single(whole, ascii_only)):
        return [segment for segment in row if segment[0]]  # nothing to settle, nothing to cut: most rows
    out: Row = []
    left = max(0, cells)
    for text, role in row:
        piece = settled(text, ascii_only)
        taken = width(piece)
        if taken > left:
            piece = take(piece, left)
            taken = width(piece)
        if piece:
            out.append((piece, role))
            left -= taken
    if left > 0:
        out.append((" " * left, ""))
    return out


_FULL = "\u2588"


_SELECTED = {"warn": "select-warn", "crit": "select-crit", "bad": "select-crit"}
"""Roles in the row that keys act on, where they are not those of the row."""


def bar(row: Sequence[Segment], cells: int, ascii_only: bool = False) -> Row:
    """Return the row that keys act on: a bar of exactly `cells` cells.

    A full block keeps its color: reversed it would be a hole. What is wrong keeps its own, too.
    """
    roles = (
        (text, _SELECTED.get(role, "select") if text.strip(_FULL) else role)
        for text, role in fit(row, cells, ascii_only)
    )
    return [("".join(text for text, _ in same), role) for role, same in groupby(roles, key=itemgetter(1))]


def spread(left: Sequence[Segment], right: Sequence[Segment], cells: int, ascii_only: bool = False) -> Row:
    """Return one row with `left` and `right` at its ends; the right part wins if both do not fit."""
    tail = fit(right, min(cells, row_width(right)), ascii_only)
    return [*fit(left, cells - row_width(tail), ascii_only), *tail]


ON = " on "
"""Separates the role of text and that of its background: `smooth on band`."""


def two_columns(rows: Sequence[Row], down: int, cells: int, gap: int) -> list[Row]:
    """Return rows in two columns of `cells`, the first `down` of them in the left one."""
    left, right = rows[:down], rows[down:]
    between: Segment = (" " * gap, "")
    return [
        [*fit(row, cells), *([between, *right[y]] if y < len(right) else [])] for y, row in enumerate(left)
    ]


def ground(role: str) -> str:
    """Return the role of the background, "" if it has none."""
    return role.partition(ON)[2]


def runs(chars: Sequence[str], roles: Sequence[str]) -> Row:
    """Return single-cell characters with a role each as the fewest segments.

    Each change of role costs a terminal some forty bytes; a blank takes that of
    what is next to it on the same background, as nobody sees it.
    """
    out: Row = []
    text = "".join(chars)
    start, end, role = 0, 0, roles[0] if roles else ""
    behind, blank = ground(role), True
    for mine, alike in groupby(roles):
        begin, end = end, end + len(list(alike))
        if mine != role:
            under = ground(mine)
            same = under == behind
            if same:
                begin = end - len(text[begin:end].lstrip(" "))
            if begin == end:
                continue
            if begin > start and not (blank and same):
                out.append((text[start:begin], role))
                start = begin
            role, behind, blank = mine, under, True
        blank = blank and not text[begin:end].strip(" ")
    return [*out, (text[start:], role)] if chars else out
