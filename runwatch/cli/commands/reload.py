"""`runwatch reload`: apply a changed configuration."""

from __future__ import annotations

import click

from runwatch.core.errors import ExitCode


@click.command("reload")
def command() -> int:
    """Apply a changed runwatch.toml to the running daemon.

    An invalid file changes nothing, and the error is shown here.

    Examples:
      runwatch reload
    """
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import LONG, order

    print(order(protocol.Reload(), LONG))
    return ExitCode.OK
