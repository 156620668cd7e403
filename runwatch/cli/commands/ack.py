"""`runwatch ack`: a person has seen an incident."""

from __future__ import annotations

import click

from runwatch.core.errors import ExitCode


@click.command("ack")
@click.argument("incidents", nargs=-1, required=True, metavar="INCIDENT...")
def command(incidents: tuple[str, ...]) -> int:
    """Note that you have seen each INCIDENT; `runwatch alerts` lists their ids.

    The beginning of an id is enough. It is not told again unless it escalates.
    """
    from runwatch.watcher import protocol
    from runwatch.watcher.daemon.ask import order

    for incident in incidents:
        print(order(protocol.Acknowledge(incident)))
    return ExitCode.OK
