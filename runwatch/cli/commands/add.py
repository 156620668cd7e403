"""`runwatch add`: what the daemon watches from now on, until it ends."""

from __future__ import annotations

import click

from runwatch.core.errors import ExitCode


@click.command("add")
@click.argument("paths", nargs=-1, required=True)
def command(paths: tuple[str, ...]) -> int:
    """Have the running daemon watch PATHS too (log files, directories, quoted globs), until it ends.

    What it is to watch for good belongs into runwatch.toml, under [watch].
    """
    from runwatch.cli import absent
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import LONG, order
    from runwatch.watcher.sources.patterns import absolute

    request = protocol.Add(tuple(map(absolute, paths)))
    print(order(request, LONG))
    absent.tell(paths)
    return ExitCode.OK
