"""Cross tables, whose rows and columns have names: `loss | 0.5 | 0.6` below `metric | train | val`.

Either the columns are parts of the data and each row is a metric, or the other way round.
"""

from __future__ import annotations

import re

from runwatch.parsers.body.matchers import VALUE
from runwatch.parsers.inference.shapes import Reading
from runwatch.parsers.inference.tokens import Field
from runwatch.parsers.lexicon.counters import ANY, place_of
from runwatch.parsers.lexicon.words import is_quality, is_split, split_of

_GAP = re.compile(rb"\s*\|\s*|\t+| {2,}")
_LONGEST = 160
_ROW = re.compile(
    rb"[|\s]*(?P<name>[A-Za-z][\w @./()-]{0,30}?)(?P<cells>(?:(?:\s*[|:]\s*|\s+)" + VALUE + rb"%?)+)[|\s]*"
)
_CELL = re.compile(rb"(" + VALUE + rb")(%?)")


def columns_of(line: bytes) -> tuple[bytes, ...]:
    """Return the columns of the cross table that a line without a number heads; none if it heads none."""
    bare = line.strip(b" |\t\r")
    if len(bare) > _LONGEST or not bare[:1].isalpha() or b"," in bare:
        return ()
    cells = _GAP.split(bare)
    if len(cells) == 1 or len(set(cells)) < len(cells):
        return ()
    columns = cells if is_split(cells[0]) else cells[1:]
    if len(columns) < 2 or not all(map(is_split, columns)):
        columns = cells if is_quality(cells[0]) else cells[1:]
        if not any(map(is_quality, columns)) or any(map(split_of, cells)):
            return ()
    counts = place_of([cell.decode("utf-8", "replace") for cell in cells], ANY) is not None
    return () if counts else tuple(columns)  # else each row has a place of its own


def may_be_row(line: bytes) -> bool:
    """Return whether a line is nothing but a name and numbers in columns: `loss | 0.5 | 0.6`."""
    return _ROW.fullmatch(line) is not None


def row_of(line: bytes, columns: tuple[bytes, ...]) -> Reading | None:
    """Return what a line says if it is a row below these columns: each number by its row and its column."""
    row = _ROW.fullmatch(line)
    if row is None or is_split(row["name"]) is is_split(columns[0]):
        return None
    cells = list(_CELL.finditer(line, row.start("cells")))
    if len(cells) != len(columns):
        return None
    by_part = is_split(row["name"])
    names = (b"%b %b" % ((row["name"], column) if by_part else (column, row["name"])) for column in columns)
    found = [Field(name, *cell.span(1), cell[2]) for name, cell in zip(names, cells, strict=True)]
    return Reading(row["name"] + b" |#", found, [])
