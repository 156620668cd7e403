"""`runwatch silence`: for a while nothing is sent about some alerts."""

from __future__ import annotations

import time

import click

from runwatch.cli import document
from runwatch.cli.author import author
from runwatch.core.errors import ExitCode, UsageError


@click.group("silence")
def command() -> None:
    """Send nothing about some alerts for a while; what still fires then is told when it ends."""


@command.command("add")
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER...")
@click.option("--for", "length", default="2h", show_default=True, help="How long: 30m, 2h, 1d12h.")
@click.option("--comment", default="", help="Why, for others.")
def _add(matchers: tuple[str, ...], length: str, comment: str) -> int:
    """Silence alerts that fit all MATCHERs, such as run=exp1, rule=~loss_.*, severity!=critical."""
    from runwatch.alerts.routing.silences import parse_duration
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import order

    try:
        ends = time.time() + parse_duration(length)
    except ValueError as error:
        raise UsageError(str(error), length) from None
    print(order(protocol.Silence(matchers, ends, comment, author())))
    return ExitCode.OK


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def _list(as_json: bool) -> int:
    """List the silences that are not over."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import ask

    (found,) = ask(protocol.Silences(), protocol.SilenceList)
    if as_json:
        document.show(silences=found.silences)
        return ExitCode.OK
    from runwatch.core.text import plain
    from runwatch.render import numbers

    for row in found.silences:
        left = numbers.duration(max(0.0, row.ends - time.time()))
        said = "  ".join(filter(None, (row.author, row.comment)))
        print(plain(f"{row.id}  {' '.join(row.matchers)}  {left} left  {said}"))
    if not found.silences:
        print("nothing is silenced")
    return ExitCode.OK


@command.command("expire")
@click.argument("silences", nargs=-1, required=True, metavar="SILENCE...")
def _expire(silences: tuple[str, ...]) -> int:
    """End each SILENCE now; `runwatch silence list` shows their ids."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import order

    for silence in silences:
        print(order(protocol.Unsilence(silence)))
    return ExitCode.OK
