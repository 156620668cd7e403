"""`runwatch ack`: acknowledge incidents."""

from __future__ import annotations

import click

from runwatch.cli import complete
from runwatch.core.errors import ExitCode


@click.command("ack")
@click.argument(
    "incidents",
    nargs=-1,
    required=True,
    metavar="INCIDENT...",
    shell_complete=complete.offer("incident"),
)
def command(incidents: tuple[str, ...]) -> int:
    """Acknowledge each INCIDENT; `runwatch alerts` lists the ids.

    The first characters of an id are enough. No further message is sent unless the
    incident escalates.

    Examples:
      runwatch ack 3f9a12cd
    """
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import order

    for incident in incidents:
        print(order(protocol.Acknowledge(incident)))
    return ExitCode.OK
