"""`runwatch drop`: remove paths from the running daemon."""

from __future__ import annotations

import click

from runwatch.core.errors import ExitCode


@click.command("drop")
@click.argument("paths", nargs=-1, required=True, type=click.Path())
def command(paths: tuple[str, ...]) -> int:
    """Stop watching PATHS, and forget their runs.

    Examples:
      runwatch drop ~/runs/exp7
    """
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import LONG, order
    from runwatch.watcher.sources.patterns import absolute

    request = protocol.Drop(tuple(map(absolute, paths)))
    print(order(request, LONG))
    return ExitCode.OK
