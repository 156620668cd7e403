"""Structured logs made for the tests, and a way to read them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

from runwatch.parsers.stream import StreamParser

from .logs import Parsed


def read(data: bytes, cuts: Sequence[int] = (), *, bulk: bool = True) -> Parsed:
    """Parse bytes fed in pieces that end at `cuts`, as a source would."""
    parser, parsed, start = StreamParser(bulk=bulk), Parsed(), 0
    for cut in [*sorted(cuts), len(data)]:
        parsed.add(parser.feed(data[start:cut]))
        start = cut
    parsed.add(parser.flush())
    return parsed


def lines(*records: object) -> bytes:
    """One JSON object a line."""
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def trainer_log(rows: int, *, seed: int = 0) -> bytes:
    """A trainer_log.jsonl: nulls, texts, numbers in texts, evaluations, NaN, a line cut short."""
    rng = random.Random(seed)
    out = []
    for row in range(1, rows + 1):
        loss: object = rng.choice([rng.random() * 4, round(rng.random(), 4), 0, 3])
        if rng.random() < 0.02:
            loss = rng.choice([float("nan"), float("inf"), "2.5", "nan"])
        record = {
            "current_steps": row * 10,
            "total_steps": rows * 10,
            "loss": loss,
            "reward": None,
            "lr": rng.random() * 1e-4,
            "epoch": row / rows,
            "elapsed_time": "0:00:28" if rng.random() < 0.98 else "28",
        }
        out.append(json.dumps(record))
        if row % 50 == 0:
            keys = {"current_steps": row * 10, "total_steps": rows * 10}
            out += [json.dumps({**keys, "eval_loss": rng.random(), "epoch": row / rows}), json.dumps(keys)]
        if rng.random() < 0.01:
            out.append(out[-1][: rng.randrange(len(out[-1]))])
    return ("\n".join(out) + "\n").encode()


def metrics_csv(rows: int, *, seed: int = 0) -> bytes:
    """A sparse table: steps, and now and then a row of an epoch's end or a validation."""
    rng = random.Random(seed)
    out = ["epoch,step,train_loss_step,train_loss_epoch,val_loss"]
    for row in range(1, rows + 1):
        loss = rng.choice([f"{rng.random()}", "nan", "inf", "1e-05", "7"])
        out.append(f"{row // 50},{row * 50 - 1},{loss},,")
        if row % 50 == 0:
            out.append(f"{row // 50},{row * 50 - 1},,,{rng.random()}")
            out.append(f"{row // 50},{row * 50 - 1},,{rng.random()},")
    return ("\n".join(out) + "\n").encode()


def trainer_state(steps: int, *, indent: int | None = 2, finished: bool = False) -> bytes:
    """A trainer_state.json after `steps` logged steps of 100."""
    history: list[dict[str, float]] = []
    for step in range(1, steps + 1):
        history.append(
            {"epoch": step / 100, "grad_norm": 1.5, "learning_rate": 1e-5 * step, "loss": 4 / step}
        )
        history[-1]["step"] = step
        if step % 5 == 0:
            history.append({"epoch": step / 100, "eval_loss": 5 / step, "eval_accuracy": 0.5, "step": step})
    if finished:
        history.append({"epoch": 1.0, "step": steps, "train_loss": 0.5, "train_runtime": 12.5})
    state = {"best_metric": None, "global_step": steps, "log_history": history, "max_steps": 100}
    return (json.dumps(state, indent=indent) + ("\n" if indent else "")).encode()
