"""Where Prometheus finds the daemons: a file for file_sd_configs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from runwatch.core.errors import UsageError

MOST = 1 << 16
"""Most hosts of one list."""
_APART = re.compile(r",(?![^\[]*\])")
_NUMBERS = re.compile(r"\[([^\[\]]*)\]")


def render(hosts: Sequence[str], port: int, labels: Mapping[str, str]) -> str:
    """Return the file; a host may have a port of its own. IPv6 addresses are in brackets."""
    targets = [host if _has_port(host) else f"{host}:{port}" for host in dict.fromkeys(hosts)]
    return json.dumps([{"targets": targets, "labels": dict(labels)}], indent=2) + "\n"


def listed(hosts: str) -> list[str]:
    """Return the hosts of a list as SLURM writes it: `gpu[01-03,7],x` -> gpu01, gpu02, gpu03, gpu7, x.

    What is no such list is left as it is. Raises UsageError for too many.
    """
    found: list[str] = []
    for part in _APART.split(hosts):
        names = [""]
        for at, piece in enumerate(_NUMBERS.split(part)):
            ends = list(_numbers(piece)) if at % 2 else [piece]
            if len(found) + len(names) * len(ends) > MOST:
                raise UsageError("too many hosts", hosts, f"at most {MOST:,} in one list")
            names = [name + end for name in names for end in ends]
        found += names
    return found


def _numbers(inside: str) -> Iterator[str]:
    """Yield the numbers of `01-03,7`, at most one more than there may be hosts."""
    for item in inside.split(","):
        first, dash, last = item.partition("-")
        if not dash:
            yield item
        elif first.isdecimal() and last.isdecimal() and int(first) <= int(last):
            for number in range(int(first), min(int(last), int(first) + MOST) + 1):
                yield str(number).zfill(len(first))
        else:
            yield f"[{item}]"


def _has_port(host: str) -> bool:
    _, colon, port = host.rpartition(":")
    return bool(colon) and port.isdigit()
