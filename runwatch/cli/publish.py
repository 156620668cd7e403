"""Where a report goes: the terminal, standard output or a file; as text, markdown, HTML or JSON."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from runwatch.core.errors import UsageError
from runwatch.export.output_file import output_file

if TYPE_CHECKING:
    from runwatch.reports.document import Document
    from runwatch.reports.evidence import RunEvidence

_ENDINGS = {".html": "html", ".htm": "html", ".json": "json"}


def publish(
    documents: tuple[Document, ...],
    form: str | None,
    output: str | None,
    sources: set[str],
    *,
    ascii_only: bool,
    as_json: Callable[[], str] | None = None,
) -> None:
    """Print reports, or write them to `output`; without a `form` the place and its name decide.

    `sources` are the real paths that were read. `as_json` gives another JSON than that of the documents.
    """
    if form is None and output is not None:
        form = _ENDINGS.get(os.path.splitext(output)[1].lower(), "markdown")
    if form is None and sys.stdout.isatty():
        _show(documents, ascii_only)
        return
    text = as_json() if form == "json" and as_json is not None else _text(documents, form or "markdown")
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text, sources)


def sources_of(runs: Iterable[RunEvidence]) -> set[str]:
    """Return the real paths of what runs were read from."""
    return {os.path.realpath(path) for run in runs for path in run.sources}


def _show(documents: tuple[Document, ...], ascii_only: bool) -> None:
    from runwatch.render.glyphs import glyphs
    from runwatch.reports.renderers.terminal import terminal

    width = shutil.get_terminal_size().columns
    for line in terminal(documents, width, glyphs(ascii_only, sys.stdout.encoding)):
        print(line)


def _text(documents: tuple[Document, ...], form: str) -> str:
    """Return reports in one of the forms; each is imported when it is needed."""
    if form == "html":
        from runwatch.reports.renderers.html import html

        return html(documents)
    if form == "json":
        from runwatch.reports.renderers.as_json import as_json

        return as_json(documents)
    from runwatch.reports.renderers.markdown import markdown

    return markdown(documents)


def _write(path: str, content: str, sources: set[str]) -> None:
    """Write a file as a whole, never over what was read. Raises UsageError."""
    if os.path.realpath(path) in sources:
        raise UsageError("the report would replace what was read", path, "choose another file for -o")
    with output_file(path) as file:
        file.write(content.encode())
