"""Starts the process between a screen and a Prometheus server."""

from __future__ import annotations

import msgspec

from runwatch.watcher.service.launch import Engine


class Source(msgspec.Struct, frozen=True):
    """Where the fleet is read from."""

    url: str
    token: str = ""
    tenant: str = ""
    """Sent as X-Scope-OrgID."""
    match: str = ""
    """Label matchers that all series must meet, such as cluster="a"."""
    job: str = "runwatch"
    """Name of the scrape job of the daemons."""
    interval: float = 5.0
    """Seconds between two rounds of questions."""
    socket: int = -1
    """File descriptor of a connected socket to the screen."""


class FleetEngine(Engine):
    """An engine that shows what a Prometheus server knows."""

    def __init__(self, source: Source) -> None:
        super().__init__("runwatch.watcher.fleet.serving", source)
