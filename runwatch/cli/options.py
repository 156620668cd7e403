"""Options that several commands have."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from runwatch.cli import complete
from runwatch.core.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return a decorator that adds several options to a command, in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def format_option(name: str, logs: str = "logs") -> Callable[[F], F]:
    """Return the option of the format to read `logs` as; the command gets it as `name`."""
    return click.option(
        "--format",
        name,
        shell_complete=complete.offer("format"),
        help=f"Read {logs} as this format; `runwatch formats` lists them.",
    )


def _scrape_job(_context: click.Context, _option: click.Parameter, name: str) -> str:
    if not re.fullmatch(r"[\w.:/-]+", name):
        raise UsageError("not the name of a scrape job", name)
    return name


job_option = click.option(
    "--job", default="runwatch", show_default=True, callback=_scrape_job,
    help="Name of the scrape job of the daemons.",
)  # fmt: skip
config_option = click.option("--config", type=click.Path(), help="Use this runwatch.toml.")
record_option = click.option(
    "--record", type=click.Path(), help="Record the watch in this new file, for runwatch replay."
)
form_options = together(
    click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to this file."),
    click.option("--markdown", "form", flag_value="markdown", help="Write markdown."),
    click.option("--html", "form", flag_value="html", help="Write one HTML file that needs nothing else."),
    click.option("--json", "form", flag_value="json", help="Write JSON."),
)
"""Where a report goes, and as what."""
cost_options = together(
    click.option(
        "--price-per-gpu-hour", "price", type=click.FloatRange(min=0), help="Price of a GPU for an hour."
    ),
    click.option("--gpus", type=click.IntRange(min=1), help="Number of GPUs, if nothing else says it."),
)
