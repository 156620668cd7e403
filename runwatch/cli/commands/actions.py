"""`runwatch actions`: the daemon's planned actions on runs."""

from __future__ import annotations

import time

import click

from runwatch.cli import complete, document
from runwatch.cli.author import author
from runwatch.core.errors import ExitCode


@click.group("actions", invoke_without_command=True, subcommand_metavar="[COMMAND] [ARGS]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List planned actions; `runwatch actions cancel ACTION` cancels one.

    Examples:
      runwatch actions
      runwatch actions cancel 3f9a12cd
    """
    if context.invoked_subcommand is not None:
        return ExitCode.OK
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import ask

    (found,) = ask(protocol.Actions(), protocol.ActionList)
    if as_json:
        document.show(actions=found.actions)
        return ExitCode.OK
    from runwatch.core.text import plain
    from runwatch.render import numbers

    for row in found.actions:
        left = numbers.duration(max(0.0, row.due - time.time()))
        dry = " (dry run)" if row.dry_run else ""
        print(plain(f"{row.id}  in {left}  {row.what}{dry}: {row.title}"))
    if not found.actions:
        print("no planned actions")
    return ExitCode.OK


@command.command("cancel")
@click.argument(
    "actions", nargs=-1, required=True, metavar="ACTION...", shell_complete=complete.offer("action")
)
def _cancel(actions: tuple[str, ...]) -> int:
    """Cancel each ACTION; the first characters of its id are enough."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import order

    for action in actions:
        print(order(protocol.Cancel(action, author())))
    return ExitCode.OK
