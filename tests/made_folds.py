"""Made-up logs as their parsers would give them, one kind for each way in which programs print steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from runwatch.core.batch import (
    BAR,
    BY_EPOCH,
    EPOCH_STEPS,
    EVAL,
    NODE,
    PLAN,
    RANK,
    SYSTEM,
    TRAIN,
    Batch,
    Event,
    Table,
)  # fmt: skip
from runwatch.core.metrics import EPOCH, GRAD_NORM, LEARNING_RATE, LOSS, MFU, REMAINING, STEP_TIME

Record = tuple[str, str, dict[str, Any]]
"""Kind, pattern and columns of a record; or kind, "" and the data of an event."""
T0 = 1_700_000_000.0


def _rows(rng: np.random.Generator, count: int) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield step and values of usual records, some of which are NaN."""
    peak = float(rng.choice([1e-3, 3e-4]))
    for step in range(1, count + 1):
        rate = peak * min(1.0, step / 20) * 0.5 * (1 + np.cos(np.pi * min(1.0, step / count)))
        loss = (2 + 5 / step) * float(np.exp(0.02 * rng.normal()))
        yield step, {LOSS: float("nan") if rng.random() < 0.01 else loss, LEARNING_RATE: rate}


def _said(rng: np.random.Generator, step: int) -> Iterator[Record]:
    """Yield what programs print between their records, now and then."""
    luck = rng.random()
    if luck < 0.02:
        yield str(rng.choice(["traceback", "nccl", "killed", "retry", "error"])), "", {}
    elif luck < 0.03:
        yield from (("launch", "", {}), ("resume", "", {}))
    elif luck < 0.035:
        yield str(rng.choice(["finished", "over", "early_stop", "budget"])), "", {}
    elif luck < 0.04:
        yield "stage", "", {"name": str(rng.choice(["SFT", "evaluate all", "merge", "Pretraining 2"]))}
    elif luck < 0.05:
        yield str(rng.choice(["eval_begin", "eval_end"])), "", {}
    if step % 25 == 0:
        path = str(rng.choice(["", f"out/step_{step}", f"out/model-{step}.pt", "out/last.pt"]))
        state = str(rng.choice(["begun", "saved"]))
        yield "checkpoint", "", {"step": step if rng.random() < 0.6 else None, "path": path, "state": state,
                                 "after": str(step), "until": str(step + 1)}  # fmt: skip
        if rng.random() < 0.3:
            yield "error", "", {"path": path, "state": "failed", "after": str(step)}
    if step % 40 == 0:
        yield EVAL, "eval", {"step": step, "val/loss": 2 + 1 / step, "val/accuracy": 0.5}


def plain(rng: np.random.Generator) -> Iterator[Record]:
    """Lines with a step, a total and the time, that go back now and then."""
    now, total, back = T0 + rng.integers(0, 9) * 1000, float(rng.choice([np.nan, 300, 310])), 0
    dated = rng.random() < 0.7
    for step, values in _rows(rng, 300):
        back += int(rng.choice([0, 30])) if rng.random() < 0.01 and step > 60 else 0
        now += (
            2.0 * float(np.exp(0.05 * rng.normal())) + 60.0 * (step % 40 == 1) + 500.0 * (rng.random() < 0.01)
        )
        time = now if dated else now % 86_400
        yield TRAIN, "line", {"step": step - back, "total": total, "time": time, **values}
        yield from _said(rng, step - back)
    yield str(rng.choice(["finished", "train", "over"])), "", {}


def timed(rng: np.random.Generator) -> Iterator[Record]:
    """Lines with a step time and the remaining time, whose total is in the configuration."""
    name = str(rng.choice(["max_steps", "trainer/total-steps", "checkpoint/max_steps", "epochs", "other"]))
    yield "facts", "", {name: str(rng.choice(["250", "1,000", "-1", "12.5"]))}
    for step, values in _rows(rng, 240):
        seconds = 0.5 * float(np.exp(0.05 * rng.normal())) + 20 * (step < 4)
        more = {STEP_TIME: seconds, REMAINING: (250 - step) * 0.5, MFU: -100.0 if step < 5 else 0.4}
        yield TRAIN, "line", {"step": step - 1, **values, **more}
        yield from _said(rng, step)
        if step % 30 == 0:
            yield SYSTEM, "system", {"time": T0 + step, "host/cpu": 0.01 * step}
        if step == 100 and rng.random() < 0.5:
            yield PLAN, "plan", {"total": 260.0}


def epochs(rng: np.random.Generator) -> Iterator[Record]:
    """A record for each epoch, with or without an evaluation behind it."""
    begin, count = int(rng.integers(0, 2)), int(rng.choice([9, 10, 12, 30, 33, 110]))
    yield "facts", "", {"n_epochs": str(rng.choice([10, 30, 200]))}
    for step, values in _rows(rng, count):
        yield TRAIN, "line" + BY_EPOCH, {"step": step - 1 + begin, **values}
        if step < count or rng.random() < 0.5:
            yield EVAL, "eval", {"val/loss": 2 + 1 / step, "train_runtime": 3.0}


def inner(rng: np.random.Generator) -> Iterator[Record]:
    """Lines whose total is where their epoch ends, and which print a share of the epoch."""
    size = int(rng.choice([20, 50]))
    yield "facts", "", {"epochs": str(rng.choice([3, 4, 5]))}
    for step, values in _rows(rng, size * 4 - int(rng.choice([0, 1, 7]))):
        total = float(-(-step // size) * size)
        shown = {EPOCH: (step / size) if size == 20 else float(step // size)}
        yield TRAIN, "line", {"step": step, "total": total, EPOCH_STEPS: float(size), **values, **shown}
        if step % size == 0:
            yield EVAL, "eval", {"val/loss": 2 + 1 / step}


def bars(rng: np.random.Generator) -> Iterator[Record]:
    """Records without a step below bars that show it, as the Hugging Face Trainer prints them."""
    total, every, pace = 120, int(rng.choice([1, 5, 10])), float(rng.choice([0.05, 0.15, 1.5]))
    lag = int(rng.integers(0, 3))
    for step, values in _rows(rng, total):
        shown = max(0, step - lag) if pace < 0.2 else step
        if step % every == 0 or rng.random() < 0.3:
            yield BAR, "bar", {"step": shown, "total": total, STEP_TIME: pace}
        if step % every == 0:
            yield TRAIN, "dict", {**values, GRAD_NORM: 0.1 * step, EPOCH: round(step / 40, 2)}
            yield BAR, "bar", {"step": step, "total": total, STEP_TIME: pace}
        if step % 40 == 0:
            for n in range(1, 5):
                yield BAR, "bar", {"step": n, "total": 4, STEP_TIME: 0.3}
            yield EVAL, "eval", {"val/loss": 2 + 1 / step, EPOCH: step / 40}
            yield "checkpoint", "", {"step": step, "path": f"out/checkpoint-{step}", "state": "saved"}
    yield EVAL, "end", {"train_runtime": 99.0, "train/loss": 2.5, EPOCH: 3.0}


def held(rng: np.random.Generator) -> Iterator[Record]:
    """The same whose output was held back: its records come behind a bar that is full, some of them twice."""
    total = int(rng.choice([60, 64]))
    yield BAR, "bar", {"step": total, "total": total, STEP_TIME: float(rng.choice([0.1, 1.0, np.nan]))}
    for step, values in _rows(rng, 12):
        row = {**values, GRAD_NORM: 0.25 * step, EPOCH: step / 4}
        if rng.random() < 0.5:
            yield TRAIN, "dict", {"time": T0 + step, **row}
        yield TRAIN, "dict", row
    yield EVAL, "end", {"train_runtime": 99.0, EPOCH: 3.0}


def ranked(rng: np.random.Generator) -> Iterator[Record]:
    """Lines of several ranks, on one node or two; the lowest may come late."""
    ranks = [(rank, node) for node in range(int(rng.integers(1, 3))) for rank in range(3)]
    for step, values in _rows(rng, 90):
        for place in rng.permutation(len(ranks)).tolist():
            rank, node = ranks[place]
            if (rank, node) == (0, 0) and step < 3:
                continue
            own = {LOSS: values[LOSS] + 0.01 * rank, STEP_TIME: 1.0 + 0.5 * rank}
            yield TRAIN, str(rng.choice(["line", "other"])), {"step": step, "rank": rank, "node": node, **own}
            if step % 20 == 0:
                yield EVAL, "eval", {"step": step, "rank": rank, "node": node, "val/loss": 2.0 + rank}
        yield from _said(rng, step)
        if step > 80:
            passed = {"passed": step - 81.0} if rng.random() < 0.9 else {}
            yield (
                RANK,
                "rank",
                {"rank": step % 4 + NODE * (step % 2), "done": step - 80, **passed, "total": 12},
            )


def echoed(rng: np.random.Generator) -> Iterator[Record]:
    """Lines that several processes print, and that do not say whose they are."""
    processes, spread = int(rng.integers(2, 5)), float(rng.choice([0.0, 1e-4, 0.05]))
    for step, values in _rows(rng, 120):
        for _ in range(processes if step > 10 else 1):
            own = {LOSS: values[LOSS] * (1 + spread * rng.normal()), LEARNING_RATE: values[LEARNING_RATE]}
            yield TRAIN, "line", {"step": step, **own}
        yield from _said(rng, step)


def handled(rng: np.random.Generator) -> Iterator[Record]:
    """Lines that two handlers of a logger print, one of them with the time."""
    for step, values in _rows(rng, 80):
        row = {"step": step, **values}
        yield TRAIN, "line", {"time": T0 + step, **row}
        if rng.random() < 0.9:
            yield TRAIN, "line", row
        yield from _said(rng, step)


def staged(rng: np.random.Generator) -> Iterator[Record]:
    """One training after another, with lines of the same kind or of another."""
    for number in range(3):
        if rng.random() < 0.7:
            name = str(rng.choice(["SFT", "evaluate", "Pretraining", "RL"]))
            yield "stage", "", {"name": name, "number": str(number + 1), "of": "3"}
        if rng.random() < 0.5:
            yield "tracker", "", {"id": f"wandb{number}"}
        pattern = str(rng.choice(["a", "b"]))
        count = int(rng.choice([30, 40]))
        for step, values in _rows(rng, count):
            yield TRAIN, pattern, {"step": step, "total": float(count), **values}
        if rng.random() < 0.8:
            yield "finished", "", {}
        yield EVAL, "eval", {"val/loss": 1.5, "val/accuracy": 0.25 * number, "train_runtime": 9.0}
        yield "result", "", {"name": "mmlu", "value": f"0.{number}"}
        yield "checkpoint", "", {"path": f"sft_checkpoints/{number}", "state": "saved"}


def long(rng: np.random.Generator) -> Iterator[Record]:
    """More records than are kept as they are."""
    values = np.exp(rng.normal(size=3000))
    values[rng.random(3000) < 0.02] = np.nan
    values[1500:1600] = np.inf
    for step, value in enumerate(values.tolist()):
        yield TRAIN, "line", {"step": 10 * step - 5000 * (step > 2000), LOSS: value}


KINDS: tuple[Callable[[np.random.Generator], Iterator[Record]], ...] = (
    plain, timed, epochs, inner, bars, held, ranked, echoed, handled, staged, long,
)  # fmt: skip


def batch(records: list[Record], first: int, *, redrawn: bool = False) -> Batch:
    """Return what is read of records, each 100 bytes and a line of its own; `redrawn`: but for bars."""
    tables: dict[tuple[str, str, tuple[str, ...]], list[list[float]]] = defaultdict(list)
    events, above = [], 0
    for at, (kind, pattern, columns) in enumerate(records, first):
        if pattern:
            tables[kind, pattern, tuple(columns)].append([100.0 * at, at + 1.0 - above, *columns.values()])
            above += redrawn and kind == BAR
            continue
        data = {name: value for name, value in columns.items() if isinstance(value, str)}
        events.append(Event(kind, 100 * at, at + 1, kind, None, columns.get("step"), data))
    return Batch(
        100 * first,
        100 * (first + len(records)),
        tuple(
            Table(kind, pattern, ("offset", "line", *names), len(rows), np.array(rows).T.tobytes())
            for (kind, pattern, names), rows in tables.items()
        ),
        tuple(events),
    )
