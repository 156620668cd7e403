"""What text costs in which no training is recognized. A case is the name of a kind of text.

A daemon watches whatever is written into a directory: source code, servers' logs, pip's
output, hours of a program's preamble. Such text must cost little. For each
kind, lines with varied numbers are read as a worker reads them. The baseline reads the same
file line by line, searches each line for `step N ... loss X` with one compiled regex, and
keeps both as floats where it finds them.

Each kind is read twice: with no format known (`none`), and behind the steps of a format that
is known by then (`known`; these are the records).

CPU seconds, least of 2 runs. A ratio of 1 means: as much as the loop.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks import rows
from benchmarks.formats import cpu
from benchmarks.rows import Row
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.check import BLOCK

LINES = 20_000
_LOOP = re.compile(r"(?:[Ss]tep|[Ii]ter(?:ation)?|[Ee]poch)\W+(\d+).*?loss\W+([-+\d.eE]+|nan|inf)")
_STEPS = "".join(
    f"step {i:05d}/01000 ({i / 10:.2f}%) | loss: {9 - i / 100:.6f} | lrm: 1.00 | dt: 99{i % 9}.10ms | "
    f"tok/sec: 524,288 | bf16_mfu: 63.30 | epoch: 1 | total time: {i / 60:.2f}m\n"
    for i in range(200)
)
"""Steps of nanochat."""
_STAMP = "2030-01-02 03:{minute:02d}:{second:02d},{ms:03d}"

KINDS: dict[str, tuple[str, ...]] = {
    "prose": (
        "The quick brown fox number {n} jumps over the lazy dog, again and again, until the sun is down.",
        "",
        "It was the best of times, it was the worst of times, in the year {n} as in any other.",
        "- a list of things, of which this is one of {small}",
    ),
    "source code": (
        "def method_{n}(self, value: int = {small}) -> None:",
        "    for index, (name, column) in enumerate(zip(names, columns)):",
        "        self.total += value * {small} if name in self._known else {n}",
        "    return [column for column in self._columns if column.width > {small}]",
        "    # the loss of step {small} is kept for the next epoch",
        "",
        "        loss = criterion(model(batch), target)  # {n}",
    ),
    "syslog": (
        "Jan  2 03:{minute:02d}:{second:02d} node{small} systemd[1]: Started Session {n} of user root.",
        "Jan  2 03:{minute:02d}:{second:02d} node{small} kernel: [{n}.{ms:06d}] eth0: link up, 10000 Mbps",
        "Jan  2 03:{minute:02d}:{second:02d} node{small} sshd[{n}]: Accepted publickey from 10.0.0.{small}",
    ),
    "web server": (
        '10.1.{small}.7 - - [02/Jan/2030:03:{minute:02d}:{second:02d} +0000] "GET /a/{n} HTTP/1.1" 200 {n}',
        '10.1.{small}.8 - - [02/Jan/2030:03:{minute:02d}:{second:02d} +0000] "POST /b?x={n} HTTP/1.1" 404 17',
    ),
    "pip": (
        "Collecting package-{n}>=1.{small}",
        "  Downloading package_{n}-1.{small}.0-py3-none-any.whl ({small} kB)",
        "Requirement already satisfied: numpy<3,>=1.{small} in /usr/lib/python3/dist-packages (1.{small}.4)",
        "     |████████████████████████████████| {small} kB 1.2 MB/s eta 0:00:01",
    ),
    "NCCL": (
        "node{small}:{n}:{n} [{small}] NCCL INFO Channel {small}/32 : 0[0] -> 1[1] via P2P/CUMEM/read",
        "node{small}:{n}:{n} [{small}] NCCL INFO comm 0x{n} rank {small} nranks 8 cudaDev 3 busId {n}",
        "node{small}:{n}:{n} [{small}] NCCL INFO Trees [0] 1/-1/-1->{small}->-1 [1] 1/-1/-1->0->-1",
    ),
    "warnings": (
        "/usr/lib/python3/site-packages/torch/nn/modules/conv.py:{n}: UserWarning: Plan failed (cudnn)",
        "  return F.conv2d(input, weight, bias, self.stride, {small})",
        "[W{n} 00:18:52.772725090 AllocatorConfig.cpp:28] Warning: PYTORCH_CUDA_ALLOC_CONF is deprecated",
    ),
    "logging": (
        _STAMP + " - myapp.loader - INFO - opened shard {n} of 99999 in {ms} ms",
        _STAMP + " - myapp.trainer - INFO - worker {small} is ready, {n} samples queued",
        _STAMP + " - myapp.trainer - DEBUG - batch {n} was moved to device {small}",
    ),
    "settings": (
        "  learning_rate ................................... 0.000{n}",
        "  train_iters ..................................... {n}",
        "  loss_scale_window ............................... {small}",
        "[INFO] config.model.layer_{n}.dropout: 0.{small}",
    ),
    "numbers": ("{n},{ms},{small}.5,{minute}", "{small} {n} {ms}"),
    "shell tables": (
        "| node{small} | {n} MiB / 81559 MiB | {small}% |    Default |",
        "+-----------------------------------------+----------------+",
        "|  {small}   N/A  N/A   {n}  C   /usr/bin/python          {ms}MiB |",
    ),
    "downloads": (
        "Downloading shards: {small}%|███▌      | {small}/100 [00:0{digit}<01:00,  1.5{digit}it/s]",
        "model-{n}.safetensors: {small}%|███▌ | {n}k/4.98G [00:0{digit}<01:00, 11.5{digit}MB/s]",
    ),
    "samples": (
        "<|bos|>The capital of France is Paris. It is the largest city in France, with {n} people.",
        "prompt {small}: write a story about a train that stops at {n} stations",
        "step by step, the model learns to count: 1, 2, {n}",
    ),
    "evaluations": (
        "eval task {small}: acc {ms} of {n}",
        "Evaluating: hellaswag (0-shot, type: multiple_choice)... accuracy: 0.{n} | time: 1.{small}s",
        "val loss at rank {small}: 0.{n}",
    ),
}


def text(kind: str, count: int) -> str:
    """Return so many lines of a kind."""
    rng, lines = random.Random(0), KINDS[kind]
    out = []
    for _ in range(count):
        n = rng.randrange(10**5)
        fields = {
            "n": n,
            "small": n % 97,
            "digit": n % 10,
            "minute": n % 60,
            "second": n % 59,
            "ms": n % 1000,
        }
        out.append(rng.choice(lines).format(**fields))
    return "\n".join(out) + "\n"


def by_loop(path: Path, _: str) -> int:
    """Read with one regex; return the steps found."""
    rows: list[tuple[float, float]] = []
    with path.open(errors="replace") as log:
        for line in log:
            found = _LOOP.search(line)
            if found:
                rows.append((float(found[1]), float(found[2])))
    return len(rows)


def by_runwatch(path: Path, _: str) -> int:
    """Read with runwatch: what a worker does; return the records."""
    parser, rows = StreamParser(), 0
    with path.open("rb", buffering=0) as log:
        while data := log.read(BLOCK):
            rows += sum(table.rows for table in parser.feed(data).tables)
    return rows + sum(table.rows for table in parser.flush().tables)


def measure(names: list[str], quick: bool) -> Iterator[Row]:
    """Measure every kind of text, with and without steps above it."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "unknown.log"
        for kind in names or KINDS:
            body = text(kind, 1_000 if quick else LINES)
            for label, head in (("alone", ""), ("below steps", _STEPS)):
                path.write_text(head + body)
                spent, base = cpu(by_runwatch, path, kind)[0], cpu(by_loop, path, kind)[0]
                found.append(Row(f"{kind}, {label}", spent, "one regex per line", base))
                yield found[-1]
    yield rows.median("text without training, CPU, median", found)
    yield rows.slowest("text without training, CPU, slowest", found)


if __name__ == "__main__":
    rows.main(measure)
