"""`runwatch report`: what a run was, in a document."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runwatch.cli.at_rest import read
from runwatch.core import text
from runwatch.core.errors import ExitCode, RunwatchError, SourceError, UsageError

if TYPE_CHECKING:
    from runwatch.reports.document import Document

_ENDINGS = {".html": "html", ".htm": "html", ".json": "json"}


@click.command("report")
@click.argument("paths", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to this file.")
@click.option("--markdown", "form", flag_value="markdown", help="Write markdown.")
@click.option("--html", "form", flag_value="html", help="Write one HTML file that needs nothing else.")
@click.option("--json", "form", flag_value="json", help="Write JSON.")
@click.option("--run", "name", help="Report only the run of this name.")
@click.option(
    "--price-per-gpu-hour", "price", type=click.FloatRange(min=0), help="Price of a GPU for an hour."
)
@click.option("--gpus", type=click.IntRange(min=1), help="Number of GPUs, if nothing else says it.")
@click.option("--format", "wanted", help="Read logs as this format; `runwatch formats` lists them.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--config", type=click.Path(), help="Use this runwatch.toml.")
def command(
    paths: tuple[str, ...],
    output: str | None,
    form: str | None,
    name: str | None,
    price: float | None,
    gpus: int | None,
    wanted: str | None,
    ascii_only: bool,
    config: str | None,
) -> int:
    """Write a report of the runs in PATHS: what ran, how it went, what to look into.

    Reads like `runwatch check`. Without options a terminal gets text with
    charts, a file or a pipe gets markdown. The ending of FILE decides too:
    .html, .json, else markdown.

    Exit code 0: written; 2: invalid usage or configuration; 3: something
    cannot be read or is not understood.

    Examples:
      runwatch report train.log
      runwatch report runs/exp1 -o exp1.html --price-per-gpu-hour 2.5
    """
    from runwatch.reports.analysis import Options
    from runwatch.reports.beside import facts_beside
    from runwatch.reports.evidence import gather
    from runwatch.reports.report import report

    rest = read(paths, config, wanted)
    runs = gather(rest.engine, rest.now, facts_beside(paths))
    if name is not None:
        known = [run.name for run in runs]
        runs = tuple(run for run in runs if run.name == name)
        if not runs:
            raise UsageError("no such run", text.plain(name), f"there is {', '.join(known[:8])}")
    documents = tuple(report(run, rest.now, Options(price, gpus)) for run in runs)
    if form is None and output is not None:
        form = _ENDINGS.get(os.path.splitext(output)[1].lower(), "markdown")
    if form is None and sys.stdout.isatty():
        _show(documents, ascii_only)
    elif output is None:
        click.echo(_text(documents, form or "markdown"), nl=False)
    else:
        sources = {os.path.realpath(path) for run in runs for path in run.sources}
        _write(Path(output), _text(documents, form or "markdown"), sources)
    return ExitCode.UNREADABLE if any(isinstance(error.__cause__, OSError) for error in rest.missing) else 0


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


def _write(path: Path, content: str, sources: set[str]) -> None:
    """Write a file as a whole, never over what was read."""
    if os.path.realpath(path) in sources:
        raise UsageError("the report would replace what was read", str(path), "choose another file for -o")
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(content, encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> RunwatchError:
    return SourceError("cannot write the report", str(path), error.strerror or str(error))
