"""The runs that pictures are taken of: each is written into a folder by a function of its own.

What it returns is the command that watches the run, and what the run keeps printing while it is watched.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import checkpoints, make_log

RUNWATCH = (sys.executable, "-m", "runwatch")
PACE = 0.97
"""Seconds of a step of most runs here."""


@dataclass(frozen=True)
class Source:
    """A log that grows: a file, the lines to come, and the seconds between them."""

    path: Path
    lines: Iterator[str]
    seconds: float


@dataclass(frozen=True)
class Watched:
    """A run, and what watches it."""

    command: Sequence[str]
    sources: Sequence[Source] = ()


class Feed:
    """Writes what sources keep printing, until it is closed."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(each,), daemon=True) for each in sources]
        for thread in self._threads:
            thread.start()

    def _write(self, source: Source) -> None:
        with source.path.open("a", buffering=1) as log:
            for line in source.lines:
                if self._closed.wait(source.seconds):
                    return
                log.write(line + "\n")

    def close(self) -> None:
        """Write no more."""
        self._closed.set()
        for thread in self._threads:
            thread.join()


def tail(*paths: Path) -> tuple[str, ...]:
    """Return the command that watches `paths`."""
    return (*RUNWATCH, "tail", *map(str, paths))


def _written(path: Path, lines: Iterator[str], count: int) -> None:
    with path.open("w") as log:
        log.writelines(line + "\n" for line in itertools.islice(lines, count))


def step_line(step: int, total: int, loss: float, seconds: float, rate: float, more: str = "") -> str:
    """Return a line as nanochat prints it."""
    return (
        f"step {step:05d}/{total:05d} ({100 * step / total:.2f}%) | loss: {loss:.6f} | lrm: 1.00 | "
        f"dt: {1000 * seconds:.2f}ms | tok/sec: {int(rate / seconds):,}{more}"
    )


def falling(step: float, noise: random.Random, floor: float = 2.3, spread: float = 0.02) -> float:
    """Return a loss that falls as losses do."""
    return floor + 8.0 / (1 + step / 300) ** 0.7 + spread * noise.gauss(0, 1)


def nanochat(folder: Path) -> Watched:
    """Write a healthy run with evaluations and checkpoints, two thirds done."""
    lines = (line for line in make_log.lines(30_000) if not line.startswith("Evaluating"))
    log = folder / "train.log"
    _written(log, lines, 20_000)
    (saves := folder / "checkpoints").mkdir()
    now = time.time()
    for step in range(2_000, 18_001, 2_000):
        _save(saves, step, now - (18_100 - step) * PACE)
    return Watched(tail(folder), (Source(log, lines, PACE),))


def _save(folder: Path, step: int, when: float) -> None:
    meta = json.dumps({"step": step, "val_bpb": round(0.7 + 2.5 / math.sqrt(step), 4)})
    for name, body in (
        (f"model_{step:06d}.pt", checkpoints.archive()),
        (f"optim_{step:06d}_rank0.pt", checkpoints.archive()),
        (f"meta_{step:06d}.json", meta.encode()),
    ):
        (folder / name).write_bytes(body)
        os.utime(folder / name, (when, when))


def demo(fault: str = "") -> Callable[[Path], Watched]:
    """`runwatch demo`: a small real training run, in which the fault really happens."""

    def made(folder: Path) -> Watched:
        return Watched((*RUNWATCH, "demo", "--dir", str(folder), *(("--fault", fault) if fault else ())))

    return made


def straggler(folder: Path, ranks: int = 8, slow: int = 5) -> Watched:
    """Ranks with a log each; one takes 41 % more time, from step 400 on."""
    sources = []

    def lines(rank: int) -> Iterator[str]:
        noise = random.Random(rank)
        yield f"rank {rank} of {ranks}: cuda:{rank}"
        for step in range(5_000):
            seconds = 0.5 * (1 + 0.01 * noise.gauss(0, 1)) * (1.41 if rank == slow and step >= 400 else 1)
            yield step_line(step, 5_000, falling(step, noise, 1.9), seconds, 65_536)

    for rank in range(ranks):
        made = lines(rank)
        _written(folder / f"rank{rank}.log", made, 1_200)
        sources.append(Source(folder / f"rank{rank}.log", made, 0.7))
    return Watched(tail(folder), sources)


def fleet(folder: Path) -> Watched:
    """Twenty runs: some run, some have ended, one crashed, one hangs, one is NaN, one diverges."""
    sources = []
    now = time.time()
    for number in range(20):
        log = folder / f"{('base', 'lr', 'wd', 'clip', 'warmup')[number % 5]}-{100 + number}.log"
        total = 2_000 + 400 * (number % 4)
        lines = _one_of_many(number, total)
        if number % 3 == 1 or number in {0, 6, 12, 18}:
            _written(log, lines, total * 2 // 3 if number == 4 else total // 4 + 61 * number)
            if number != 7:  # that one hangs
                sources.append(Source(log, lines, 0.8))
            else:
                os.utime(log, (now - 3_000, now - 3_000))
        else:
            _written(log, lines, 10_000)
            os.utime(log, (now - 900 * number - 300, now - 900 * number - 300))
    return Watched(tail(folder), sources)


def divergence(folder: Path) -> Watched:
    """Write a run whose loss rises since a fifth of its steps."""
    lines, log = _one_of_many(13, 2_400), folder / "clip-113.log"
    _written(log, lines, 1_400)
    return Watched(tail(log), (Source(log, lines, 0.8),))


def _one_of_many(number: int, total: int) -> Iterator[str]:
    noise = random.Random(number)
    floor = 1.8 + 0.05 * (number % 7)
    for step in range(total):
        loss = falling(step, noise, floor)
        if number == 4 and step > total // 2:
            loss = math.nan
        elif number == 13 and step > total // 5:
            loss += (step - total / 5) / 200
        yield step_line(step, total, loss, 0.4 * (1 + 0.01 * noise.gauss(0, 1)), 65_536 * (1 + number % 3))
        if number == 8 and step == 1_500:
            yield "Traceback (most recent call last):"
            yield '  File "train.py", line 212, in <module>'
            yield "    loss.backward()"
            yield "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
            return
    yield f"Total training time: {0.4 * total / 60:.2f}m"


def trackers(folder: Path) -> Watched:
    """Write a run that logs to W&B and TensorBoard too, and saves checkpoints."""
    from tests.parsers.trackers import VERSION, blocks, event, field, history, item, simple, wandb

    noise, total, done = random.Random(3), 6_000, 3_600
    now = time.time()
    begun = now - done * 0.5
    config = b"".join(
        field(1, item(name, value, nested=False))
        for name, value in (("lr", 3e-4), ("max_steps", total), ("batch_size", 512), ("optimizer", '"adamw"'))
    )
    run = field(1, "x7k2") + field(3, "llm") + field(4, config) + field(8, "rosy-river-17")
    records = [field(1, 1) + field(21, b""), wandb(17, run, 2)]
    events = [VERSION]
    log = (folder / "train.log").open("w")
    for step in range(done):
        loss, seconds = falling(step, noise, 2.0), 0.5 * (1 + 0.01 * noise.gauss(0, 1))
        rate = 3e-4 * min(1.0, step / 300) * (0.55 + 0.45 * math.cos(math.pi * step / total))
        row: dict[str, object] = {
            "train/loss": loss, "train/grad_norm": abs(0.6 + 0.05 * noise.gauss(0, 1)), "train/lr": rate,
            "perf/tok_per_sec": 262_144 / seconds, "_step": step, "_timestamp": begun + step * 0.5,
            "_runtime": step * 0.5,
        }  # fmt: skip
        if step % 200 == 199:
            row["val/loss"] = falling(step, noise, 2.08, 0.005)
            events.append(event(step, simple("val/accuracy", 0.6 - 8 / (step + 25)), time=begun + step * 0.5))
        records.append(history(row, step + 3))
        if step % 10 == 0:
            events.append(event(step, simple("train/entropy", loss / 3), time=begun + step * 0.5))
        log.write(step_line(step, total, loss, seconds, 262_144) + "\n")
    log.close()
    (offline := folder / "wandb" / "offline-run-20261123_090000-x7k2").mkdir(parents=True)
    (offline / "run-x7k2.wandb").write_bytes(blocks(records))
    (board := folder / "runs").mkdir()
    (board / f"events.out.tfevents.{int(begun)}.node01.1.0").write_bytes(b"".join(events))
    (saves := folder / "checkpoints").mkdir()
    for step in range(500, done, 500):
        _save(saves, step, begun + step * 0.5)

    def more() -> Iterator[str]:
        for step in range(done, total):
            yield step_line(step, total, falling(step, noise, 2.0), 0.5, 262_144)

    return Watched(tail(folder), (Source(folder / "train.log", more(), 0.5),))


def leet(folder: Path) -> Watched:
    """Show the run of `trackers` with `wandb leet`, for comparison."""
    trackers(folder)
    return Watched((sys.executable, "-m", "wandb", "leet", str(next(folder.glob("wandb/*/*.wandb")))))


def btop(_: Path) -> Watched:
    """Show a monitor of machines whose looks people know, for comparison."""
    return Watched(("btop",))


def cluster(_: Path) -> Watched:
    """64 ranks with GPUs, as no machine at hand has them: the screen alone is real (benchmarks/screen.py)."""
    top = str(Path(__file__).parents[2])
    start = f"import sys; sys.path.insert(0, {top!r}); from benchmarks.pictures.cluster import main; main()"
    return Watched((sys.executable, "-c", start))


def long(folder: Path) -> Watched:
    """10,000,000 steps, of which every hundredth is printed."""

    def lines() -> Iterator[str]:
        noise, total = random.Random(5), 12_000_000
        for step in range(0, total, 100):
            loss = 1.7 + 8.0 / (1 + step / 30_000) ** 0.5 + 0.03 * noise.gauss(0, 1)
            yield step_line(step, total, loss, 0.0116 * (1 + 0.02 * noise.gauss(0, 1)), 8_192)

    made = lines()
    _written(folder / "train.log", made, 100_000)
    return Watched(tail(folder / "train.log"), (Source(folder / "train.log", made, 1.16),))
