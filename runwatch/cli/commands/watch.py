"""`runwatch watch`: the daemon, in the foreground or detached."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from runwatch.cli.options import config_option, record_option


@click.command("watch")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("-d", "--detach", is_flag=True, help="Run in the background; return when the daemon answers.")
@config_option
@click.option(
    "--poll", is_flag=True, help="Check files at intervals, for file systems without change events."
)
@record_option
def command(paths: tuple[str, ...], detach: bool, poll: bool, config: str | None, record: str | None) -> int:
    """Watch PATHS (log files, directories, quoted globs) and those in runwatch.toml until stopped.

    See it with `runwatch status` and `runwatch attach`. One daemon runs per
    state directory. SIGTERM stops it, SIGHUP reloads its configuration.

    Examples:
      runwatch watch -d ~/runs
      runwatch watch -d '/scratch/me/*/train.log'
      runwatch watch --config team.toml
    """
    from runwatch.cli import absent
    from runwatch.config import loader as configuration
    from runwatch.watcher.daemon import daemon, logs
    from runwatch.watcher.daemon import detach as detaching
    from runwatch.watcher.service.launch import Assignment
    from runwatch.watcher.service.sockets import state_directory
    from runwatch.watcher.sources.patterns import absolute

    state = state_directory().absolute()
    named = None if config is None else Path(config)
    found = configuration.find(named, report=configuration.to_stderr if detach else lambda line: None)
    assignment = Assignment(
        tuple(os.fsencode(absolute(path)) for path in paths),
        config=os.fsencode(found.absolute()) if found else None,
        config_found=found is not None and configuration.is_judged(found, named),
        poll=poll,
        state=os.fsencode(state),
        record=os.fsencode(absolute(record)) if record else b"",
    )

    def start(ready: Callable[[str], object]) -> int:
        from runwatch.watcher.service import sockets

        sockets.secure(state)
        if detach:
            try:
                logs.to_file(state / logs.NAME)
            except OSError as error:
                raise sockets.unusable(state, error) from None
        else:
            logs.to_stderr()
        return daemon.run(assignment, ready)

    absent.report(paths)
    if not detach:
        return start(lambda words: None)
    words, pid = detaching.detach(start)
    print(f"runwatch: process {pid} is {words}", file=sys.stderr)
    print(
        f"runwatch: see it with: runwatch status, runwatch attach; its log: {state / logs.NAME}",
        file=sys.stderr,
    )
    return 0
