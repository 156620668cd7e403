"""A report as one HTML file: no script, nothing from the network, light and dark, made to be printed too."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape as _escape

from runwatch.core.text import plain
from runwatch.reports.document import (
    Block,
    Cell,
    Document,
    FactList,
    Figure,
    Items,
    Paragraph,
    Section,
    Sentence,
    Table,
    Timeline,
)
from runwatch.reports.renderers import svg
from runwatch.reports.renderers.figures import summary
from runwatch.reports.renderers.style import STYLE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is loaded and nothing is run, whatever a log has in its lines."""


def html(documents: tuple[Document, ...]) -> str:
    """Return reports as one page."""
    title = documents[0].title if len(documents) == 1 else f"{len(documents)} runs"
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    )
    body = "\n".join(part for at, each in enumerate(documents) for part in _document(each, at))
    return f"{head}{body}\n</body>\n</html>\n"


def escape(text: str) -> str:
    """Return plain text that HTML shows as it is."""
    return _escape(plain(text))


def _document(document: Document, number: int) -> Iterator[str]:
    yield f"<main><h1>{escape(document.title)}</h1>"
    yield f'<p class="soft">{escape(document.subtitle)}</p>'
    places = {id(part): f"r{number}-{at}" for at, part in enumerate(document.sections)}
    links = (f'<a href="#{places[id(part)]}">{escape(part.title)}</a>' for part in document.sections)
    yield f"<nav>{' '.join(links)}</nav>"
    for part in document.sections:
        yield from _section(part, places[id(part)], document.tone)
    yield f'<p class="soft">{escape(document.made)}</p></main>'


def _section(part: Section, place: str, tone: str) -> Iterator[str]:
    yield f'<section id="{place}"><h2>{escape(part.title)}</h2>'
    for block in part.blocks:
        if part.id == "verdict":
            yield f'<div class="verdict tone-{escape(tone)}">{"".join(_block(block))}</div>'
        else:
            yield from _block(block)
    yield "</section>"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield f"<p>{' '.join(escape(each.text) for each in block.sentences)}</p>"
    elif isinstance(block, Items):
        yield f"<h3>{escape(block.title)}</h3>" if block.title else ""
        yield f'<ul class="items">{"".join(map(_item, block.sentences))}</ul>'
    elif isinstance(block, FactList):
        rows = (f"<dt>{escape(name)}</dt><dd>{escape(cell.text)}</dd>" for name, cell in block.facts)
        yield f"<dl>{''.join(rows)}</dl>"
    elif isinstance(block, Table):
        yield _table(block)
    elif isinstance(block, Timeline):
        yield _timeline(block)
    elif isinstance(block, Figure):
        yield _figure(block)


def _item(sentence: Sentence) -> str:
    tone = f' class="tone-{escape(sentence.tone)}"' if sentence.tone else ""
    return f"<li{tone}>{escape(sentence.text)}</li>"


def _table(table: Table) -> str:
    heads = "".join(f"<th{_side(table, at)}>{escape(name)}</th>" for at, name in enumerate(table.columns))
    rows = "".join(f"<tr>{''.join(_cells(table, row))}</tr>" for row in table.rows)
    more = f'<p class="soft">{table.left_out:,} more are not shown.</p>' if table.left_out else ""
    return (
        f'<div class="table"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{more}'
    )


def _cells(table: Table, row: tuple[Cell, ...]) -> Iterator[str]:
    for at, cell in enumerate(row):
        yield f"<td{_side(table, at)}>{escape(cell.text)}</td>"


def _side(table: Table, at: int) -> str:
    return ' class="right"' if at in table.right else ""


def _figure(figure: Figure) -> str:
    said = [(line.label, f"{line.label}: {summary(figure, line)}") for line in figure.lines]
    drawn = svg.figure(figure, plain(f"{figure.title}. {'; '.join(text for _, text in said)}"))
    keys = "<br>".join(
        f'<span class="key line-{at}"></span>{escape(text)}' for at, (_, text) in enumerate(said)
    )
    scale = ", logarithmic" if figure.log else ""
    return f"<figure>{drawn}<figcaption>{keys}{scale}</figcaption></figure>"


def _timeline(timeline: Timeline) -> str:
    names = dict.fromkeys(part.phase for part in timeline.parts)
    keys = " ".join(
        f'<span class="key phase-{svg.phase_class(name)}"></span>{escape(name)}&emsp;' for name in names
    )
    return f"<figure>{svg.timeline(timeline)}<figcaption>{keys}</figcaption></figure>"
