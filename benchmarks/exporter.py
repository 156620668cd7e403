"""What a scrape of /metrics costs on a node with 1,000 runs of 64 ranks each: CPU, bytes, memory, delay.

The engine is folded from one log per run; ranks are set to what their logs would say. The request goes
through a real socket. The baseline renders as many samples with prometheus-client.
"""

from __future__ import annotations

import asyncio
import gzip
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import create_server
from types import SimpleNamespace
from typing import Any

from benchmarks import rows
from benchmarks.rows import Row, limit
from runwatch.config.sections import Config, MetricsConfig
from runwatch.core.metrics import STEP_TIME
from runwatch.core.series import LEAN
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.views import Shown
from runwatch.watcher.exporter.exporter import Exporter
from runwatch.watcher.service.clock import Clock
from runwatch.watcher.service.intake import Load
from runwatch.watcher.service.turns import Turns

RUNS, RANKS = 1000, 64
LINE = "step {:05d}/10000 (0.10%) | loss: 2.500000 | grad norm: 1.25 | dt: 10.00ms | tok/sec: 1,000,000\n"


class TimedTurns(Turns):
    """Turns that note the longest piece of work."""

    longest = 0.0

    async def do(  # noqa: D102
        self, share: Any, work: Callable[[], Any], *, patient: bool = False
    ) -> Any:
        def timed() -> Any:
            begun = time.thread_time()
            try:
                return work()
            finally:
                self.longest = max(self.longest, time.thread_time() - begun)

        return await super().do(share, timed, patient=patient)


def folded(runs: int, ranks: int) -> tuple[Engine, list[Shown]]:
    """Return an engine with so many runs."""
    engine, now = Engine(detail=LEAN), time.time()
    (batch,) = (StreamParser().feed("".join(map(LINE.format, range(20))).encode()),)
    shown = []
    for number in range(runs):
        path = f"/runs/run{number}.log"
        group = engine.add_source(path, f"run{number}.log", path)
        engine.fold(path, batch, live=True, arrival=now, written=now)
        for rank in range(ranks):
            state = group.runs[-1].run.rank(rank)
            state.step = state.done = 19
            state.training, state.seen = True, now - rank / 100
            state.latest[STEP_TIME] = 0.5 + rank / 1000
        shown.append(Shown(group))
    return engine, shown


def resident() -> float:
    """Return the memory of this process in MB."""
    status = Path("/proc/self/status").read_text()
    return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1000


async def scraped(runs: int, ranks: int, wanted: str) -> tuple[float, float, int, int, float, float]:
    """Return CPU and wall seconds of a scrape, its bytes, those compressed, longest piece, memory added."""
    engine, shown = folded(runs, ranks)
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    turns = TimedTurns()
    server: Any = SimpleNamespace(
        config=Config(metrics=MetricsConfig(listen=f"127.0.0.1:{port}", runs=runs, ranks=wanted)),
        engine=engine, shown=dict(enumerate(shown)), clients=SimpleNamespace(turns=turns), clock=Clock(),
        notifier=SimpleNamespace(queued=lambda: 0), notices=(), connected=0, load=Load(), since=time.time(),
        any_read=asyncio.Event(), notice=print,
    )  # fmt: skip
    exporter = Exporter(server)
    exporter.follow()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept-Encoding": "gzip"})

    def get() -> bytes:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    await asyncio.to_thread(get)  # what is imported at first
    turns.longest, before = 0.0, resident()
    best: tuple[float, float, bytes] = (1e9, 1e9, b"")
    for _ in range(3):
        await asyncio.sleep(1.1)  # the answer before is not good any more
        cpu, wall = time.process_time(), time.monotonic()
        body = await asyncio.to_thread(get)
        best = min(best, (time.process_time() - cpu, time.monotonic() - wall, body))
    exporter.close()
    added = max(0.0, resident() - before)
    cpu, wall, body = best
    return cpu, wall, len(gzip.decompress(body)), len(body), turns.longest, added


def rendered(samples: int) -> float:
    """Return the CPU seconds that prometheus-client takes for so many samples."""
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.openmetrics.exposition import generate_latest
    from prometheus_client.registry import CollectorRegistry

    class Collector:
        def collect(self) -> Iterator[GaugeMetricFamily]:
            family = GaugeMetricFamily("runwatch_rank_step", "newest step", labels=["host", "run", "rank"])
            for number in range(samples):
                family.add_metric(["node", f"run{number // RANKS}", str(number % RANKS)], 19.0)
            yield family

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    begun = time.process_time()
    generate_latest(registry)
    return time.process_time() - begun


def measure(_: list[str], quick: bool) -> Iterator[Row]:
    """Scrape once with all ranks, once with a summary of them."""
    runs = 20 if quick else RUNS
    cpu, wall, size, packed, piece, memory = asyncio.run(scraped(runs, RANKS, "all"))
    samples = 216 * runs
    yield Row(
        "scrape, 1,000 runs of 64 ranks, CPU",
        cpu,
        "prometheus-client, text alone",
        rendered(samples),
        "s",
        1.0,
    )
    yield limit("scrape, 1,000 runs of 64 ranks, until the answer is there", wall, 1.0)
    yield limit("scrape, 1,000 runs of 64 ranks, size", size / 1e6, 20.0, "MB")
    yield limit("scrape, 1,000 runs of 64 ranks, size in gzip", packed / 1e6, 4.0, "MB")
    yield limit("scrape, 1,000 runs of 64 ranks, longest piece of work", 1e3 * piece, 50.0, "ms")
    yield limit("scrape, 1,000 runs of 64 ranks, memory added", memory, 150.0, "MB")
    cpu, wall, size, packed, piece, memory = asyncio.run(scraped(runs, RANKS, "summary"))
    yield limit("scrape, 1,000 runs, ranks as a summary, CPU", cpu, 1.0)
    yield limit("scrape, 1,000 runs, ranks as a summary, size", size / 1e6, 5.0, "MB")


if __name__ == "__main__":
    rows.main(measure)
