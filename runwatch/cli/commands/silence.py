"""`runwatch silence`: hold back some alerts for a while."""

from __future__ import annotations

import time

import click

from runwatch.cli import complete, document
from runwatch.cli.author import author
from runwatch.core.errors import ExitCode, UsageError


class _Silences(click.Group):
    """Says what is meant where a matcher or a run follows without `add`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            from difflib import get_close_matches

            matcher = name if "=" in name else f"run={name}"
            meant = " ".join(get_close_matches(name, self.commands, 1, 0.7)) or f"add {matcher}"
            raise UsageError("no such command", name, f"did you mean runwatch silence {meant}?")
        return super().resolve_command(ctx, args)


@click.group("silence", cls=_Silences)
def command() -> None:
    """Send nothing about some alerts for a while.

    Alerts that still fire when the silence ends are sent then.

    Examples:
      runwatch silence add run=exp7 --for 2h --comment "known, see #41"
      runwatch silence list
      runwatch silence expire 5b1e
    """


@command.command("add")
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER...", shell_complete=complete.matchers)
@click.option("--for", "length", default="2h", show_default=True, help="How long: 30m, 2h, 1d12h.")
@click.option("--comment", default="", help="Reason, for other people.")
def _add(matchers: tuple[str, ...], length: str, comment: str) -> int:
    """Silence alerts that match all MATCHERs.

    A MATCHER is LABEL=VALUE, !=, =~ (regular expression) or !~. Labels are run, rule,
    severity, host, metric, rank and incident.

    Examples:
      runwatch silence add run=exp1
      runwatch silence add 'rule=~loss_.*' 'severity!=critical' --for 1d
    """
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
    """List active and future silences."""
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
        print("no silences")
    return ExitCode.OK


@command.command("expire")
@click.argument(
    "silences",
    nargs=-1,
    required=True,
    metavar="SILENCE...",
    shell_complete=complete.offer("silence"),
)
def _expire(silences: tuple[str, ...]) -> int:
    """End each SILENCE now; `runwatch silence list` shows the ids."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import order

    for silence in silences:
        print(order(protocol.Unsilence(silence)))
    return ExitCode.OK
