"""`runwatch export`: write every value that was read of runs as a file for other programs."""

from __future__ import annotations

import contextlib
import os
import sys
import time

import click

from runwatch.cli.at_rest import reported, unreadable
from runwatch.cli.busy import busy
from runwatch.cli.main import error_line
from runwatch.cli.options import config_option, format_option
from runwatch.core.errors import ExitCode, UsageError


@click.command("export")
@click.argument("paths", nargs=-1, required=True, type=click.Path(readable=False))
@click.option(
    "-o", "--output", default="-", help="File or directory to write; - is standard output. [default: -]"
)
@click.option(
    "--as",
    "fmt",
    type=click.Choice(["csv", "jsonl", "parquet", "tensorboard"]),
    help="Format to write. [default: by the name of the output]",
)
@click.option(
    "--figures", is_flag=True, help="Write training_curve.png, loss_by_epoch.png, training_metrics.json."
)
@click.option(
    "--metrics", multiple=True, help="Write only these metrics: names or patterns, comma-separated."
)
@click.option("--runs", multiple=True, help="Write only these runs: names or patterns, comma-separated.")
@format_option("wanted")
@config_option
def command(
    paths: tuple[str, ...],
    output: str,
    fmt: str | None,
    figures: bool,
    metrics: tuple[str, ...],
    runs: tuple[str, ...],
    wanted: str | None,
    config: str | None,
) -> int:
    """Write every value that is read from PATHS as CSV, JSON lines, Parquet or TensorBoard event files.

    Each value is a row: run, stage, source, rank, node, kind, metric, step, epoch, time, line, value.
    Numbers keep all their bits, NaN and infinities included.

    Examples:
      runwatch export train.log > values.csv
      runwatch export runs/ --metrics 'train/*,val/loss' -o values.parquet
      runwatch export train.log --as tensorboard -o tb/
      runwatch export train.log --figures -o report/
    """
    from runwatch.config.loader import load_to_read
    from runwatch.export.export import STDOUT, Selection, export, format_of, opened

    if figures and fmt:
        raise UsageError("--figures and --as exclude each other")
    settings, only = load_to_read(config, wanted)
    selection = Selection(_split(metrics), _split(runs))
    try:
        with (
            reported() as missing,
            opened(output, "figures" if figures else format_of(output, fmt)) as writer,
            busy() as say,
        ):
            engine = export(
                paths,
                writer,
                selection,
                time.time(),
                unreadable=missing.append,
                own=[own.build() for own in settings.formats],
                only=only,
                prefer=settings.sources.order,
                output=output,
                busy=say,
            )
            if unmet := selection.unmet():
                raise UsageError(unmet)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        if output == STDOUT:
            _drop_rest()
        raise UsageError(
            "cannot write", str(error.filename or output), error.strerror or str(error)
        ) from error
    for note in (*engine.troubles, *getattr(writer, "notes", ())):
        error_line(note)
    return ExitCode.UNREADABLE if unreadable(missing) else ExitCode.OK


def _drop_rest() -> None:
    """Drop what standard output did not take, so that it is not tried again at the end."""
    with contextlib.suppress(OSError), open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())


def _split(given: tuple[str, ...]) -> list[str]:
    return [part.strip() for words in given for part in words.split(",") if part.strip()]
