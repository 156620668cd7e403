"""What reading trackers' files costs, next to other readers: CPU and peak memory.

W&B: a plain loop over W&B's own protobuf messages. TensorBoard: its EventFileLoader and its
EventAccumulator. Every reader runs in a process of its own that only reads.
"""

from __future__ import annotations

import json
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import rows
from benchmarks.rows import Row

METRICS = (
    "train/loss",
    "train/lr",
    "train/grad_norm",
    "perf/tok",
    "perf/mfu",
    "perf/dt",
    "acc",
    "mem",
    "peak",
)
RUNS = 3


def make_wandb(path: Path, steps: int) -> None:
    """Write a run as W&B 0.31 does: a history row and two summaries a step, items in random order."""
    from tests.parsers.trackers import blocks, field, history, item, wandb

    rng = random.Random(0)
    records = [field(1, 1) + field(21, b""), wandb(17, field(1, "bench") + field(8, "bench"), 2)]
    for step in range(steps):
        row: dict[str, object] = {name: rng.random() for name in METRICS}
        row |= {"_step": step, "_timestamp": 1.7e9 + step / 10, "_runtime": step / 10}
        shuffled = dict(rng.sample(sorted(row.items()), len(row)))
        records.append(history(shuffled, 3 * step + 3))
        summary = b"".join(field(1, item(key, value)) for key, value in list(row.items())[-6:])
        records += [wandb(3, summary, 3 * step + 4), wandb(3, summary, 3 * step + 5)]
    path.write_bytes(blocks([*records, wandb(18, field(2, 9))]))


def make_events(path: Path, steps: int) -> None:
    """Write five scalars a step as torch's and tensorboardX's SummaryWriter do."""
    from tests.parsers.trackers import VERSION, event, simple

    rng = random.Random(0)
    with path.open("wb") as file:
        file.write(VERSION)
        for step in range(steps):
            for tag in METRICS[:5]:
                file.write(event(step, simple(tag, rng.random()), time=1.7e9 + step))


# -- readers: each returns how many values it found ------------------------------------------------


def ours(path: str) -> int:
    """Read with runwatch's parser, in blocks, as a worker does."""
    from runwatch.parsers.stream import StreamParser

    parser, values = StreamParser(), 0
    with Path(path).open("rb", buffering=0) as file:
        while data := file.read(1 << 20):
            for table in parser.feed(data).tables:
                values += table.rows * len(table.metrics)
    return values


def wandb_messages(path: str) -> int:
    """Loop over the records with W&B's own protobuf messages, in plain Python."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts, values = Path(path).read_bytes(), 7, b"", 0
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        crc, size, kind = struct.unpack_from("<IHB", data, at)
        assert zlib.crc32(data[at + 6 : at + 7 + size]) == crc
        parts += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            record, parts = Record.FromString(parts), b""
            for entry in record.history.item:
                key = entry.key or ".".join(entry.nested_key)
                values += not key.startswith("_") and isinstance(json.loads(entry.value_json), float)
    return values


def event_loader(path: str) -> int:
    """Loop over tensorboard's EventFileLoader."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    return sum(len(event.summary.value) for event in EventFileLoader(path).Load())


def event_accumulator(path: str) -> int:
    """Load with tensorboard's EventAccumulator, keeping every scalar."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    loaded = EventAccumulator(path, size_guidance={"scalars": 0})
    loaded.Reload()
    return sum(len(loaded.Scalars(tag)) for tag in loaded.Tags()["scalars"])


READERS: dict[str, Callable[[str], int]] = {
    reader.__name__: reader for reader in (ours, wandb_messages, event_loader, event_accumulator)
}


def measured(reader: str, path: Path, runs: int) -> tuple[float, float]:
    """Return (least CPU seconds of a process that only reads, its peak memory in MB)."""
    found = []
    for _ in range(runs):
        command = [sys.executable, "-m", "benchmarks.trackers", "--reader", reader, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(tuple(json.loads(done.stdout.splitlines()[-1])))
    return min(found)


def measure(_: list[str], quick: bool) -> Iterator[Row]:
    """Measure both kinds of files."""
    steps, runs = (500, 1) if quick else (50_000, RUNS)
    with tempfile.TemporaryDirectory() as directory:
        log, events = (Path(directory) / name for name in ("run-1.wandb", "events.out.tfevents.1.bench.1.0"))
        make_wandb(log, steps)
        make_events(events, steps)
        for kind, path, readers in (
            ("W&B log", log, {"wandb_messages": "W&B's protobuf messages"}),
            (
                "event file",
                events,
                {"event_loader": "EventFileLoader", "event_accumulator": "EventAccumulator"},
            ),
        ):
            cpu, peak = measured("ours", path, runs)
            for reader, name in readers.items():
                its_cpu, its_peak = measured(reader, path, runs)
                yield Row(f"{kind}, CPU, next to {name}", cpu, name, its_cpu, bar=0.5)
                if reader != "event_loader":  # it keeps nothing
                    yield Row(f"{kind}, memory, next to {name}", peak, name, its_peak, "MB", 0.75)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--reader"]:
        READERS[sys.argv[2]](sys.argv[3])
        status = Path("/proc/self/status").read_text()  # getrusage would count what the parent had
        peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
        print(json.dumps([time.process_time(), peak]))
    else:
        rows.main(measure)
