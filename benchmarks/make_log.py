"""Write a long nanochat-style log: varied widths, noise, evaluations, a few non-finite values.

usage: python benchmarks/make_log.py PATH [LINES]
"""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

NOISE = (
    "[W1202 00:18:52.772725090 AllocatorConfig.cpp:28] Warning: PYTORCH_CUDA_ALLOC_CONF is deprecated",
    "step by step, the model learns to count: 1, 2, 3",
    "<|bos|>The capital of France is Paris. It is the capital of France, and the largest city in France.",
    "2026-11-21 09:00:00,123 - nanochat.data - INFO - shard 00123 of 01822 opened, 53,248 rows",
    "",
    "  Überlänge geprüft — alles in Ordnung",
    "Evaluating: hellaswag_zeroshot (0-shot, type: multiple_choice)... accuracy: 0.2540 | time: 1.84s",
)


def lines(count: int, seed: int = 0):
    """Yield `count` log lines of one healthy run (a handful of dt outliers, ten nan throughputs)."""
    rng = random.Random(seed)
    steps = int(count * 0.905)
    elapsed, step = 0.0, 0
    yield "Total batch size 524,288 => gradient accumulation steps: 1"
    for number in range(1, count):
        if rng.random() < 0.09:
            yield rng.choice(NOISE)
            continue
        if step % 250 == 0 and step and rng.random() < 0.5:
            yield f"Step {step:05d} | Validation bpb: {0.7 + 2.5 / math.sqrt(step):.4f}"
        dt = 997.0 * (1 + 0.004 * rng.gauss(0, 1)) * (6 if rng.random() < 1e-4 else 1)
        loss = 2.3 + 8.8 / (1 + step / 300) ** 0.7 + 0.02 * rng.gauss(0, 1)
        tokens = "nan" if number % 90_001 == 90_000 else f"{int(524288e3 / dt):,}"
        elapsed += dt / 6e4
        eta = f" | eta: {(steps - step) * 997 / 6e4:.1f}m" if step > 10 else ""
        yield (
            f"step {step:05d}/{steps:05d} ({100 * step / steps:.2f}%) | loss: {loss:.6f} | lrm: 1.00 | "
            f"dt: {dt:.2f}ms | tok/sec: {tokens} | bf16_mfu: {63.3 + rng.gauss(0, 0.3):.2f} | "
            f"epoch: 1 pq: {step // 800} rg: {step % 97} | total time: {elapsed:.2f}m{eta}"
        )
        step += 1


def main() -> None:
    path, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with path.open("w") as log:
        for line in lines(count):
            log.write(line + "\n")


if __name__ == "__main__":
    main()
