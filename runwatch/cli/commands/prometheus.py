"""`runwatch prometheus`: files for Prometheus and Grafana."""

from __future__ import annotations

import re

import click

from runwatch.cli.options import job_option
from runwatch.core.errors import UsageError

_LABEL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")


@click.group("prometheus")
def command() -> None:
    """Print files for Prometheus and Grafana: rules, targets, dashboards.

    They are about the metrics that daemons serve: [metrics] in runwatch.toml.

    Examples:
      runwatch prometheus rules > runwatch.rules.yml
      runwatch prometheus targets 'gpu[001-500]' > runwatch.json
      runwatch prometheus dashboard fleet > fleet.json
    """


@command.command("rules")
@job_option
def rules(job: str) -> None:
    """Print alerting and recording rules.

    Set [alerts] mode = "prometheus" on the daemons, so that nobody is paged twice.

    Examples:
      runwatch prometheus rules > runwatch.rules.yml
    """
    from runwatch.prometheus.rules import render

    click.echo(render(job), nl=False)


@command.command("targets")
@click.argument("hosts", nargs=-1, required=True)
@click.option(
    "--port", default=9464, show_default=True, type=click.IntRange(1, 65535), help="Port of the daemons."
)
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label of all of them.")
def targets(hosts: tuple[str, ...], port: int, labels: tuple[str, ...]) -> None:
    """Print the daemons of HOSTS as a file for file_sd_configs.

    A HOST is a name, an address, or a list as SLURM writes it. A port after it replaces --port.

    Examples:
      runwatch prometheus targets node1 node2:9500
      runwatch prometheus targets 'gpu[001-500]' --label cluster=a
    """
    from runwatch.prometheus.targets import listed, render

    found = [name for host in hosts for name in ([host] if host.startswith("[") else listed(host))]
    for name in found:
        if not _HOST.fullmatch(name):
            raise UsageError("not a host", name)
    pairs = {}
    for label in labels:
        match = _LABEL.fullmatch(label)
        if match is None:
            raise UsageError("not a label", label, "write NAME=VALUE")
        pairs[match[1]] = match[2]
    click.echo(render(found, port, pairs), nl=False)


@command.command("dashboard")
@click.argument("name", type=click.Choice(["fleet", "run", "node"]))
def dashboard(name: str) -> None:
    """Print a dashboard for Grafana: of the fleet, of one run, or of one node.

    Examples:
      runwatch prometheus dashboard run > run.json
    """
    from runwatch.prometheus.dashboards import render

    click.echo(render(name), nl=False)
