"""`runwatch stop`: stop the daemon cleanly."""

from __future__ import annotations

import click

from runwatch.core.errors import ExitCode


@click.command("stop")
def command() -> int:
    """Stop the daemon, and return when it has stopped.

    Due messages are delivered or kept. The runs are not touched.

    Examples:
      runwatch stop
    """
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import LONG, order
    from runwatch.watcher.daemon.lock import wait_until_free
    from runwatch.watcher.service.sockets import state_directory

    print(order(protocol.Stop()))
    return ExitCode.OK if wait_until_free(state_directory(), LONG) else ExitCode.UNREADABLE
