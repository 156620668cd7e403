"""`runwatch stop`: the daemon ends in good order."""

from __future__ import annotations

import click

from runwatch.core.errors import ExitCode


@click.command("stop")
def command() -> int:
    """End the daemon: what is to be delivered is, or is kept; the runs go on. Returns once it has ended."""
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import LONG, order
    from runwatch.watcher.daemon.lock import wait_until_free
    from runwatch.watcher.service.sockets import state_directory

    print(order(protocol.Stop()))
    return ExitCode.OK if wait_until_free(state_directory(), LONG) else ExitCode.UNREADABLE
