"""`runwatch add`: add paths to the running daemon."""

from __future__ import annotations

import click

from runwatch.core.errors import ExitCode


@click.command("add")
@click.argument("paths", nargs=-1, required=True, type=click.Path())
def command(paths: tuple[str, ...]) -> int:
    """Add PATHS (log files, directories, quoted globs) to the running daemon, until it stops.

    Put permanent paths into runwatch.toml, under [watch].

    Examples:
      runwatch add ~/runs/exp8
      runwatch add '/scratch/me/*/train.log'
    """
    from runwatch.cli import absent
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import LONG, order
    from runwatch.watcher.sources.patterns import absolute

    request = protocol.Add(tuple(map(absolute, paths)))
    print(order(request, LONG))
    absent.report(paths)
    return ExitCode.OK
