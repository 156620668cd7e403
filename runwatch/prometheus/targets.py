"""Where Prometheus finds the daemons: a file for file_sd_configs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def render(hosts: Sequence[str], port: int, labels: Mapping[str, str]) -> str:
    """Return the file; a host may have a port of its own. IPv6 addresses are in brackets."""
    targets = [host if _has_port(host) else f"{host}:{port}" for host in dict.fromkeys(hosts)]
    return json.dumps([{"targets": targets, "labels": dict(labels)}], indent=2) + "\n"


def _has_port(host: str) -> bool:
    _, colon, port = host.rpartition(":")
    return bool(colon) and port.isdigit()
