"""`runwatch fleet`: the screen on everything that a Prometheus server knows of runwatch."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runwatch.cli.options import job_option
from runwatch.cli.watching import look_options, on_screen, show
from runwatch.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from runwatch.watcher.fleet.launch import Source

_TOKEN = "RUNWATCH_PROMETHEUS_TOKEN"  # noqa: S105
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)(?:"([^"\\\n]*)"|([^"\\\n]*))')


@click.command("fleet")
@click.option(
    "--prometheus", "url", required=True, metavar="URL", help="Address of Prometheus, with its path."
)
@click.option("--token-file", type=click.Path(), help=f"File with a bearer token. [default: ${_TOKEN}]")
@click.option("--tenant", default="", help="Tenant of Mimir or Cortex, sent as X-Scope-OrgID.")
@click.option("--match", "matchers", multiple=True, metavar="NAME=VALUE", help="Only series with this label.")
@job_option
@click.option(
    "--interval",
    type=click.FloatRange(1, 3600),
    default=5.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the runs once, as JSON.")
@click.option("--once", is_flag=True, help="Print the table once (the default without a terminal).")
@look_options
def command(
    url: str,
    token_file: str | None,
    tenant: str,
    matchers: tuple[str, ...],
    job: str,
    interval: float,
    as_json: bool,
    once: bool,
    ascii_only: bool,
    theme: str | None,
) -> int:
    """Open the screen on all runs that Prometheus knows: of hundreds of nodes, the most urgent first.

    It needs [metrics] on the daemons, and a server that scrapes them. VictoriaMetrics,
    Thanos and Mimir work too. The screen only reads.

    Examples:
      runwatch fleet --prometheus http://prometheus:9090
      runwatch fleet --prometheus https://mimir/prometheus --tenant ml --token-file ~/.token
      runwatch fleet --prometheus http://vm:8428 --match cluster=a --once
    """
    from runwatch.watcher.fleet.launch import FleetEngine, Source

    source = Source(url, _token(token_file), tenant, _matchers(matchers), job, interval)
    if as_json or once or not on_screen(lines=False):
        return _print(source, as_json, ascii_only)
    from runwatch.config.loader import load
    from runwatch.prometheus.api import Api
    from runwatch.watcher.service.launch import greet

    Api(url)  # raises what is wrong with it
    engine = FleetEngine(source)
    try:
        greet(engine.socket, 60.0)
        chosen = load()
        return show(engine.socket, chosen, title="fleet", theme=theme, ascii_only=ascii_only, list_first=True)
    finally:
        engine.close()


def _token(file: str | None) -> str:
    if file is None:
        return os.environ.get(_TOKEN, "").strip()
    try:
        return Path(file).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "cannot read the token", file, getattr(error, "strerror", None) or "not text"
        ) from None


def _matchers(given: tuple[str, ...]) -> str:
    found = []
    for text in given:
        match = _MATCHER.fullmatch(text)
        if match is None:
            raise UsageError("not a label", text, "write NAME=VALUE or NAME=~VALUE")
        found.append(f'{match[1]}{match[2]}"{match[3] or match[4] or ""}"')
    return ",".join(found)


def _print(source: Source, as_json: bool, ascii_only: bool) -> int:
    import msgspec

    from runwatch.core.text import escaped, plain
    from runwatch.render.glyphs import glyphs
    from runwatch.render.table import status
    from runwatch.watcher.fleet.questions import Questions

    picture = Questions(source).picture()
    if as_json:
        body = {"runs": picture.rows, "notices": picture.notices}
        click.echo(escaped(msgspec.json.format(msgspec.json.encode(body)).decode()))
        return ExitCode.OK
    width = shutil.get_terminal_size((100, 40)).columns if sys.stdout.isatty() else 160
    for line in status(list(picture.rows), glyphs(ascii_only, sys.stdout.encoding), width):
        click.echo(line)
    if not picture.rows:
        click.echo("no run is known there: are the daemons scraped?")
    for text in picture.notices:
        click.echo(f"! {plain(text)}")
    return ExitCode.OK
