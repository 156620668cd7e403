"""A report as markdown. Text is escaped: a log line can neither format nor link nor break a table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runwatch.core.text import plain
from runwatch.render.charts.sparkline import sparkline
from runwatch.reports.document import (
    Block,
    Document,
    FactList,
    Figure,
    Items,
    Paragraph,
    Sentence,
    Table,
    Timeline,
)
from runwatch.reports.renderers.figures import phases, summary

_SPECIAL = re.compile(r"([\\`*\[\]<|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?\w+;))")
"""What formats text anywhere. An underscore within a word does not."""
_START = re.compile(r"^(\s*)([-+](?=\s|$)|[-=](?=[-=\s]*$)|>|#(?=#*(?:\s|$)))|^(\s*\d+)(?=[.)](?:\s|$))")
"""What begins a list, a rule, a quotation or a heading."""
_LINK = re.compile(r":(?=//)|(?<=www)\.|@(?=\w)")
"""What makes an address a link."""
_SPARK = 60
_SIGNS = {"critical": "**critical:** ", "warning": "**warning:** "}


def markdown(documents: tuple[Document, ...]) -> str:
    """Return reports as one markdown text."""
    return "\n\n".join("\n\n".join(_document(each)) for each in documents) + "\n"


def escape(text: str) -> str:
    """Return plain text that markdown shows as it is."""
    safe = _SPECIAL.sub(r"\\\1", plain(text))
    return _LINK.sub(r"\\\g<0>", _START.sub(r"\1\3\\\2", safe))


def _document(document: Document) -> Iterator[str]:
    yield f"# {escape(document.title)}"
    for part in document.sections:
        yield f"## {escape(part.title)}"
        for block in part.blocks:
            yield from _block(block)
    yield f"*{escape(document.made)}*"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield " ".join(escape(each.text) for each in block.sentences)
    elif isinstance(block, Items):
        if block.title:
            yield f"**{escape(block.title)}**"
        yield "\n".join(f"- {_sentence(each)}" for each in block.sentences)
    elif isinstance(block, FactList):
        yield "\n".join(f"- {escape(name)}: {escape(cell.text)}" for name, cell in block.facts)
    elif isinstance(block, Table):
        yield _table(block)
    elif isinstance(block, Timeline):
        yield "\n".join(f"- {escape(text)}" for text in phases(block))
    elif isinstance(block, Figure):
        yield "\n".join(_figure(block))


def _sentence(sentence: Sentence) -> str:
    return _SIGNS.get(sentence.tone, "") + escape(sentence.text)


def _table(table: Table) -> str:
    rules = ("---:" if at in table.right else "---" for at in range(len(table.columns)))
    lines = [" | ".join(map(escape, table.columns)), " | ".join(rules)]
    lines += [" | ".join(escape(cell.text) for cell in row) for row in table.rows]
    text = "\n".join(f"| {line} |" for line in lines)
    return text + (f"\n\n{table.left_out:,} more are not shown." if table.left_out else "")


def _figure(figure: Figure) -> Iterator[str]:
    for line in figure.lines:
        drawn = sparkline(line.mean.tolist(), _SPARK).strip()
        yield f"- {escape(line.label)}: `{drawn}` {escape(summary(figure, line))}"
