"""What reading trackers' files costs, beside the readers there are.

usage: python benchmarks/trackers.py [STEPS]

W&B: `wandb leet` in a terminal of 200x50, and a plain loop over W&B's own protobuf
messages. TensorBoard: its EventFileLoader and EventAccumulator, and tbparse. Those that
are not installed are left out. Every reader runs in a process of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import zlib
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

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
NEWEST = 1 << 18
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


def newest(path: str) -> int:
    """Read the newest 256 KiB alone: what the first chart is drawn from."""
    from runwatch.parsers.stream import StreamParser

    with Path(path).open("rb", buffering=0) as file:
        head = file.read(4096)
        start = max(0, file.seek(0, os.SEEK_END) - NEWEST)
        file.seek(start)
        data = file.read()
    parser = StreamParser(bulk=False, start=start, first_line=0)
    parser.prime(head)
    return sum(table.rows * len(table.metrics) for table in parser.feed(data).tables)


def whole_check(path: str) -> int:
    """Run `runwatch check`: parsing, series, every rule."""
    from runwatch.watcher.engine.check import check

    engine = check([path])
    return sum(s.summary.count for _, watched in engine.runs() for s in watched.run.series.values())


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


def tbparse(path: str) -> int:
    """Load with tbparse, into a pandas table."""
    from tbparse import SummaryReader

    return len(SummaryReader(path).scalars)


READERS: dict[str, Callable[[str], int]] = {
    reader.__name__: reader
    for reader in (ours, newest, whole_check, wandb_messages, event_loader, event_accumulator, tbparse)
}


def measured(reader: str, path: Path) -> tuple[float, float, int]:
    """Return (least CPU seconds of a process that only reads, its peak memory in MB, values)."""
    found = []
    for _ in range(RUNS):
        command = [sys.executable, __file__, "--reader", reader, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(tuple(json.loads(done.stdout.splitlines()[-1])))
    seconds, peak, values = min(found)
    return seconds, peak, values


def leet(path: Path, last: int) -> tuple[float, float, float]:
    """Return the seconds until `wandb leet` draws a chart and shows the last step, and its CPU seconds."""
    import psutil
    import pyte

    begin, first = time.monotonic(), 0.0
    screen = pyte.Screen(200, 50)
    stream = pyte.ByteStream(screen)
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "WANDB_MODE": "offline"}
        os.execv(sys.executable, [sys.executable, "-m", "wandb", "leet", str(path)])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    try:
        while time.monotonic() - begin < 180:
            if not select.select([terminal], [], [], 0.02)[0]:
                continue
            stream.feed(os.read(terminal, 1 << 16))
            shown = "\n".join(screen.display)
            if not first and re.search("[\u2801-\u28ff]{3}", shown):
                first = time.monotonic() - begin
            if re.search(rf"_step +{last}\b", shown):
                wall = time.monotonic() - begin
                process = psutil.Process(pid)
                tree = (process, *process.children(recursive=True))
                return first, wall, sum(sum(p.cpu_times()[:2]) for p in tree)
        raise TimeoutError("wandb leet never showed the last step")
    finally:
        os.write(terminal, b"q")
        time.sleep(0.5)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def report(name: str, path: Path, readers: dict[str, str]) -> float:
    """Print a line for each reader; return the seconds of the first."""
    print(f"{name}: {path.stat().st_size / 1e6:.0f} MB; least of {RUNS} runs, CPU seconds of the process")
    best = 0.0
    for reader, needs in readers.items():
        if needs and importlib.util.find_spec(needs) is None:
            print(f"  {reader:20} {needs} is not installed")
            continue
        seconds, peak, values = measured(reader, path)
        best = best or seconds
        ratio = f"{seconds / best:.1f} times ours"
        print(f"  {reader:20} {seconds:6.2f} s  {peak:5.0f} MB  {values:,} values   {ratio}")
    return best


def main(steps: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "run-bench.wandb"
        make_wandb(path, steps)
        report("W&B log", path, {"ours": "", "newest": "", "whole_check": "", "wandb_messages": "wandb"})
        if importlib.util.find_spec("wandb") and importlib.util.find_spec("pyte"):
            walls = []
            for _ in range(RUNS):
                begin = time.monotonic()
                command = [sys.executable, __file__, "--reader", "whole_check", str(path)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                walls.append(time.monotonic() - begin)
            first, wall, cpu = leet(path, steps - 1)
            ours_cpu = measured("whole_check", path)[0]
            print(f"  wandb leet: first chart {first:.2f} s, all data in {wall:.1f} s, {cpu:.1f} s of CPU")
            print(f"  whole_check: {min(walls):.2f} s, {ours_cpu:.2f} s of CPU")
            print(
                f"  times faster: {wall / min(walls):.1f} by the clock, {cpu / ours_cpu:.1f} by CPU (bar: 5)"
            )
        path = Path(directory) / "events.out.tfevents.1.bench.1.0"
        make_events(path, steps)
        others = ("event_loader", "event_accumulator", "tbparse")
        needed = ("tensorboard", "tensorboard", "tbparse")
        report("event file", path, {"ours": "", "newest": "", **dict(zip(others, needed, strict=True))})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--reader"]:
        values = READERS[sys.argv[2]](sys.argv[3])
        status = Path("/proc/self/status").read_text()  # getrusage would count what the parent had
        peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
        print(json.dumps([time.process_time(), peak, values]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
