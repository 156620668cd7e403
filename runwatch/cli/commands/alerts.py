"""`runwatch alerts`: the daemon's incidents."""

from __future__ import annotations

import shutil
import sys
import time

import click

from runwatch.cli import complete, document
from runwatch.core.errors import ExitCode


@click.command("alerts")
@click.argument("run", required=False, shell_complete=complete.offer("run"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--all", "resolved", is_flag=True, help="Also list resolved incidents.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Mark severities with ASCII characters only.")
def command(run: str | None, as_json: bool, resolved: bool, ascii_only: bool) -> int:
    """List the open incidents of all runs, or of RUN, the most urgent first.

    Examples:
      runwatch alerts
      runwatch alerts exp7 --all --json
    """
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import ask

    parts = ask(protocol.Incidents(run, resolved), protocol.IncidentList)
    rows = [row for part in parts for row in part.incidents]
    if as_json:
        document.show(incidents=rows)
        return ExitCode.OK
    from runwatch.render.glyphs import glyphs
    from runwatch.render.table import incidents

    wide = shutil.get_terminal_size((100, 40)).columns if sys.stdout.isatty() else 200
    for line in incidents(rows, time.time(), glyphs(ascii_only, sys.stdout.encoding), wide):
        print(line)
    if not rows:
        print("no incident" if resolved else "no open incident")
    return ExitCode.OK
