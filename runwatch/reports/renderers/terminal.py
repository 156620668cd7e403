"""A report as lines of a terminal, its figures drawn as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import zip_longest

from runwatch.core.snapshot import Columns
from runwatch.core.text import plain
from runwatch.render import cells
from runwatch.render.charts.chart import plot
from runwatch.render.charts.options import Options
from runwatch.render.glyphs import Glyphs
from runwatch.render.table import table as aligned
from runwatch.reports.document import (
    Block,
    Document,
    FactList,
    Figure,
    Items,
    Line,
    Paragraph,
    Table,
    Timeline,
)
from runwatch.reports.renderers.figures import phases, summary

_HEIGHT = 10
_WIDEST = 110


def terminal(documents: tuple[Document, ...], width: int, glyphs: Glyphs) -> list[str]:
    """Return reports as lines of at most `width` cells."""
    width = max(40, min(width, _WIDEST))
    return [line for each in documents for line in _document(each, width, glyphs)]


def _document(document: Document, width: int, glyphs: Glyphs) -> Iterator[str]:
    yield from _wrapped(document.title, width)
    for part in document.sections:
        yield ""
        title = plain(part.title)
        yield title
        yield glyphs.horizontal * min(width, cells.width(title))
        for block in part.blocks:
            yield from _block(block, width, glyphs)
    yield ""
    yield from _wrapped(document.made, width)


def _block(block: Block, width: int, glyphs: Glyphs) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield from _wrapped(" ".join(each.text for each in block.sentences), width)
    elif isinstance(block, Items):
        if block.title:
            yield plain(block.title)
        for each in block.sentences:
            sign = glyphs.severities.get(each.tone, glyphs.dot)
            yield from _wrapped(each.text, width, f"{sign} ")
    elif isinstance(block, FactList):
        for name, cell in block.facts:
            yield from _wrapped(f"{name}: {cell.text}", width)
    elif isinstance(block, Table):
        yield from _table(block, width)
    elif isinstance(block, Timeline):
        for text in phases(block):
            yield from _wrapped(text, width, f"{glyphs.dot} ")
    elif isinstance(block, Figure):
        yield from _figure(block, width, glyphs)


def _figure(figure: Figure, width: int, glyphs: Glyphs) -> Iterator[str]:
    columns = [_columns(figure.metric, line) for line in figure.lines if len(line.x)]
    if not columns:
        return
    drawn = plot(columns, width, _HEIGHT, options=Options(glyphs, log=figure.log))
    yield from ("".join(text for text, _ in row).rstrip() for row in drawn.rows)
    for line, sign in zip_longest(figure.lines, (glyphs.dot, *glyphs.points)[: len(figure.lines)]):
        yield from _wrapped(f"{line.label}: {summary(figure, line)}", width, f"{sign or glyphs.dot} ")


def _columns(metric: str, line: Line) -> Columns:
    mean = tuple(line.mean.tolist())
    return Columns(
        metric, tuple(line.x.tolist()), tuple(line.low.tolist()), tuple(line.high.tolist()), mean, mean,
        (0,) * len(mean),
    )  # fmt: skip


def _table(table: Table, width: int) -> Iterator[str]:
    rows = [[plain(cell.text) for cell in row] for row in table.rows]
    heads = list(table.columns)
    widest = [max(map(cells.width, column)) for column in zip(heads, *rows, strict=True)]
    if sum(widest) + 2 * len(widest) <= width:
        yield from aligned([heads, *rows], width, stretch=0, right=table.right)
    else:
        for row in rows:
            said = ", ".join(f"{head} {text}".strip() for head, text in zip(heads, row, strict=True) if text)
            yield from _wrapped(said, width, "- ")
    if table.left_out:
        yield f"{table.left_out:,} more are not shown."


def _wrapped(text: str, width: int, sign: str = "") -> list[str]:
    return textwrap.wrap(plain(text, 20_000), width, initial_indent=sign, subsequent_indent=" " * len(sign))
