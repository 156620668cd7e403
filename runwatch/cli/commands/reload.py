"""`runwatch reload`: the daemon reads its configuration again."""

from __future__ import annotations

import click

from runwatch.core.errors import ExitCode


@click.command("reload")
def command() -> int:
    """Have the daemon read its configuration again; a bad file changes nothing, and is told here."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import LONG, order

    print(order(protocol.Reload(), LONG))
    return ExitCode.OK
