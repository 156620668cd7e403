"""A daemon with metrics, and its scraper: the strict parser of prometheus-client."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_classic

OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    samples: dict[str, list[Any]] = field(default_factory=dict)


@dataclass
class Door:
    """Where a daemon's metrics are."""

    port: int = field(default_factory=free_port)
    context: ssl.SSLContext | None = None

    def configure(self, directory: Path, text: str = "") -> None:
        address = f"127.0.0.1:{self.port}"
        (directory / "runwatch.toml").write_text(f'[metrics]\nlisten = "{address}"\nhost = "node1"\n{text}\n')

    def get(self, path: str = "/metrics", accept: str = OPEN, method: str = "GET", **headers: str) -> Answer:
        """Return what a path answers; samples by their names."""
        if self.context is not None:
            asking = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self.context)
        else:
            asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            asking.request(method, path, headers={"Accept": accept, **headers})
            got = asking.getresponse()
            answer = Answer(got.status, dict(got.getheaders()), got.read())
        finally:
            asking.close()
        if (
            answer.status == 200
            and path == "/metrics"
            and "Content-Encoding" not in answer.headers
            and answer.body
        ):
            parse = parse_open if "openmetrics" in answer.headers["Content-Type"] else parse_classic
            for family in parse(answer.body.decode()):
                for sample in family.samples:
                    answer.samples.setdefault(sample.name, []).append(sample)
        return answer

    def value(self, name: str, **labels: str) -> float | None:
        """Return the one sample of a name with these labels; None without one."""
        try:
            samples = self.get().samples.get(name, [])
        except OSError:
            return None
        found = [each.value for each in samples if labels.items() <= each.labels.items()]
        assert len(found) <= 1, found
        return found[0] if found else None
