"""Logs made for the tests, in the shapes that real programs print, and ways to read them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from runwatch.core.batch import Batch, Event
from runwatch.parsers.api import Format
from runwatch.parsers.log import LogParser

NANOCHAT_NOISE = (
    b"Evaluating: hellaswag (0-shot, type: multiple_choice)... accuracy: 0.25 | time: 1.84s",
    b"<|bos|>The capital of France is Paris.",
    b"step by step we go",
    b"",
    b"2026-11-21 09:00:00,123 - nanochat.data - \x1b[32mINFO\x1b[0m - shard 12 opened",
    "Überlänge geprüft".encode(),
    b"broken \xff\xfe bytes",
    b'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\nValueError: bad shard',
)


def nanochat(
    steps: int, *, seed: int = 0, noise: float = 0.1, total: int | None = None, end: bytes = b"\n"
) -> bytes:
    """A pretraining log: varied widths, noise, evaluations, a few nan and inf."""
    rng = random.Random(seed)
    total = total or steps
    lines = [b"Total batch size 524,288 => gradient accumulation steps: 1"]
    for step in range(steps):
        while rng.random() < noise:
            lines.append(rng.choice(NANOCHAT_NOISE).replace(b"\n", end))
        if step % 250 == 0:
            lines.append(b"Step %05d | Validation bpb: %.4f" % (step, 3 / (1 + step) ** 0.1))
        loss = rng.choice(["nan", "inf", "-inf"]) if rng.random() < 0.002 else f"{11 / (1 + step) ** 0.2:.6f}"
        dt = rng.choice([997.4, 1002.37, 12.5, 39643.02]) + rng.random()
        mfu = f"bf16_mfu: {rng.uniform(0.5, 64):.2f}" if seed % 2 else f"mfu: {rng.uniform(0.5, 64):.2f}"
        eta = f" | eta: {(steps - step) / 60:.1f}m" if step > 10 else ""
        lines.append(
            (
                f"step {step:05d}/{total:05d} ({100 * step / total:.2f}%) | loss: {loss} | lrm: {rng.random():.2f} | "
                f"dt: {dt:.2f}ms | tok/sec: {int(524288e3 / dt):,} | {mfu} | epoch: 1 pq: {step // 40} "
                f"rg: {step % 97} | total time: {step / 60:.2f}m{eta}"
            ).encode()
        )
    lines += [
        b"Peak memory usage: 75533.21MiB",
        b"Total training time: 92.46m",
        b"Minimum validation bpb: 0.8123",
    ]
    return end.join(lines) + end


def hf(rows: int, *, strings: bool = False, bars: bool = True, prefix: bytes = b"") -> bytes:
    """A Hugging Face Trainer log: dicts among tqdm bars, evaluations, the final dict."""
    quote = "'" if strings else ""
    out = b"Loading checkpoint shards: 100%|#####| 2/2 [00:01<00:00,  1.5it/s]\n"
    for row in range(1, rows + 1):
        step = row * 10
        if bars:
            pace = "1.92it/s" if row % 3 else "10.99s/it"
            out += f"\r {100 * step // (rows * 10)}%|##   | {step}/{rows * 10} [00:31<03:48, {pace}]".encode()
            out += b"\n"
        loss, norm, lr = 4.0 / row, 1.0 + 1 / row, 5e-5 * row
        body = f"'loss': {quote}{loss!r}{quote}, 'grad_norm': {quote}{norm!r}{quote}, "
        body += f"'learning_rate': {quote}{lr!r}{quote}, 'epoch': {quote}{row / rows!r}{quote}"
        out += prefix + b"{" + body.encode() + b"}\n"
        if row % 5 == 0:
            out += b"\r  50%|##   | 5/10 [00:01<00:01,  4.2it/s]\n"
            out += b"{'eval_loss': %.4f, 'eval_runtime': 2.5, 'epoch': %.2f}\n" % (loss + 0.1, row / rows)
    out += b"{'train_runtime': 12.5, 'train_samples_per_second': 99.1, 'train_loss': 1.5, 'epoch': 1.0}\n"
    return out


@dataclass
class Parsed:
    """The concatenation of many batches."""

    tables: dict[tuple[str, str, tuple[str, ...]], np.ndarray] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    lines: int = 0
    unparsed: int = 0
    format: str | None = None

    def add(self, batch: Batch) -> None:
        for table in batch.tables:
            key = (table.kind, table.pattern, table.names)
            before = self.tables.get(key, np.empty((len(table.names), 0)))
            self.tables[key] = np.concatenate([before, table.matrix()], axis=1)
        self.events += batch.events
        self.lines += batch.lines
        self.unparsed += batch.unparsed
        self.format = batch.format or self.format

    def column(self, name: str, kind: str = "train") -> np.ndarray:
        """All values of one column, in stream order; of all kinds if `kind` is empty."""
        parts = [
            np.stack([matrix[names.index("offset")], matrix[names.index(name)]])
            for (of_kind, _, names), matrix in self.tables.items()
            if kind in ("", of_kind) and name in names
        ]
        joined = np.concatenate(parts, axis=1) if parts else np.empty((2, 0))
        return joined[1, np.argsort(joined[0], kind="stable")]

    def same_as(self, other: Parsed) -> None:
        """Assert bit-identical content."""
        assert self.tables.keys() == other.tables.keys()
        for key, matrix in self.tables.items():
            mine, theirs = (m[:, np.argsort(m[0], kind="stable")] for m in (matrix, other.tables[key]))
            assert np.array_equal(mine.view(np.uint64), theirs.view(np.uint64)), key
        assert self.events == other.events
        assert (self.lines, self.unparsed, self.format) == (other.lines, other.unparsed, other.format)


def parse(
    data: bytes, cuts: Sequence[int] = (), *, bulk: bool = True, formats: Sequence[Format] | None = None
) -> Parsed:
    """Parse bytes fed in pieces that end at `cuts`."""
    parser, parsed, start = LogParser(formats, bulk=bulk), Parsed(), 0
    for cut in [*sorted(cuts), len(data)]:
        parsed.add(parser.feed(data[start:cut]))
        start = cut
    parsed.add(parser.flush())
    return parsed
