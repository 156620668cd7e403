"""Made-up trainings with a known truth: their logs and configurations, in several formats."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..parsers.trackers import VERSION, blocks, event, field, history, item, simple, wandb

STEPS = 600
CONFIG = {"learning_rate": 3e-4, "batch_size": 32, "optimizer": "adamw", "dataset": "books"}


def losses(seed: int, lift: float = 0.0, steps: int = STEPS, rough: float = 0.04) -> np.ndarray:
    """Return a loss that falls like a power of the step, with related noise; `lift` raises all that follows."""
    rng = np.random.default_rng(seed)
    step = np.arange(1, steps + 1)
    noise = rng.normal(0, rough, steps)
    related = np.convolve(rng.normal(0, rough, steps + 9), np.ones(10) / 10, "valid")
    return 2.0 + 3.0 * (step + rng.uniform(0, 2)) ** -0.3 + noise + related + lift


def run(
    folder: Path,
    seed: int = 0,
    lift: float = 0.0,
    form: str = "text",
    config: dict[str, Any] | None = None,
    **curve: Any,
) -> Path:
    """Write a run that ended yesterday; return its directory. `config` are changes of the usual one."""
    folder.mkdir()
    if config is not None:
        (folder / "config.json").write_text(json.dumps({**CONFIG, "seed": seed, **config}))
    loss = losses(seed, lift, **curve)
    lines = {"text": text, "records": records}[form](loss)
    path = folder / ("train.log" if form == "text" else "metrics.jsonl")
    path.write_text("".join(lines))
    os.utime(path, (time.time() - 86_400.0,) * 2)
    return folder


def event_file(folder: Path, seed: int, lift: float = 0.0) -> Path:
    """Write a run as TensorBoard does."""
    folder.mkdir()
    path = folder / "events.out.tfevents.1700000000.host.1"
    values = enumerate(losses(seed, lift), 1)
    events = (event(step, simple("train/loss", value), time=1.7e9 + 0.1 * step) for step, value in values)
    path.write_bytes(VERSION + b"".join(events))
    return path


def tracked(folder: Path, seed: int, lift: float = 0.0, **config: Any) -> Path:
    """Write a run as W&B does, with its configuration."""
    folder.mkdir()
    known = b"".join(
        field(1, item(name, json.dumps(value), nested=False))
        for name, value in {**CONFIG, "seed": seed, **config}.items()
    )
    records = [
        field(1, 1) + field(21, b""),
        wandb(17, field(1, "abc") + field(4, known) + field(8, "tracked"), 2),
    ]
    for step, value in enumerate(losses(seed, lift), 1):
        row = {
            "train/loss": float(value),
            "_step": step,
            "_timestamp": 1.7e9 + step / 10,
            "_runtime": step / 10,
        }
        records.append(history(row, step + 2))
    path = folder / "run-abc.wandb"
    path.write_bytes(blocks(records))
    return path


def text(loss: np.ndarray) -> Iterator[str]:
    """Yield the lines of a log in the manner of nanoGPT."""
    for step, value in enumerate(loss, 1):
        yield f"iter {step}: loss {value:.4f}, time {100 + step % 3:.2f}ms, mfu 30.00%\n"
        if step % 50 == 0:
            yield f"step {step}: train loss {value:.4f}, val loss {loss[step - 50 : step].mean() + 0.1:.4f}\n"


def records(loss: np.ndarray) -> Iterator[str]:
    """Yield the same as JSON lines."""
    for step, value in enumerate(loss, 1):
        yield json.dumps({"step": step, "loss": round(float(value), 6), "step_time": 0.1}) + "\n"
        if step % 50 == 0:
            yield (
                json.dumps({"step": step, "val_loss": round(float(loss[step - 50 : step].mean()) + 0.1, 6)})
                + "\n"
            )
