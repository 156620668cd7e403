"""Made-up runs that print errors, retries and checkpoints between their steps, fall silent, and start again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples, Status

from .columns import LOSS, TIME

LIVES = range(24)
RULES = [
    "crash",
    "hang",
    "ended",
    "finished",
    "restart_loop",
    "retries",
    "checkpoint_failed",
    "checkpoint_overdue",
    "checkpoint_slow",
    "stalls",
    "deadline",
    "lost_work",
    "skipped_steps",
]
"""Rules about what is printed between steps, and about silence."""
T0 = 1_000_000.0
WORDS = (
    ("traceback", "KeyError: 'x'", {"frames": 'File "train.py", line 7, in step'}),
    ("traceback", "torch.OutOfMemoryError: CUDA out of memory.", {"frames": "File x", "pid": "7"}),
    (
        "traceback",
        "OSError: [Errno 28] No space left on device",
        {"frames": "in save_checkpoint", "state": "failed"},
    ),
    ("traceback", "ValueError: it was handled", {"caught": "1"}),
    ("traceback", "RuntimeError: during another", {"handling": "1", "frames": "File y"}),
    ("traceback", "BrokenPipeError: [Errno 32] Broken pipe", {"frames": "File z"}),
    ("error", "Loss is NAN: Mini-Batch Index: 74", {}),
    ("error", "could not save", {"state": "failed"}),
    ("checkpoint_failed", "could not save the checkpoint", {}),
    ("nccl", "Watchdog caught collective operation timeout: WorkNCCL", {}),
    ("elastic", "ChildFailedError: rank 1 exited", {"exitcode": "-9", "pid": "9", "host": "node2"}),
    ("elastic", "the command exited with code 3", {"main": "300"}),
    ("signal", "Received SIGTERM", {}),
    ("scheduler", "JOB 1 CANCELLED DUE TO TIME LIMIT", {}),
    ("killed", "Killed", {}),
    ("xid", "NVRM: Xid (PCI:0000:81:00): 79, GPU has fallen off the bus.", {}),
    ("worker", "DataLoader worker (pid 7) is killed by signal: Killed.", {}),
)
"""Kind, title and data of events."""


def lived(seed: int) -> Iterator[Block | Status]:
    """Yield what rules are shown of one of these runs, in order."""
    rng = np.random.default_rng([seed, 13])
    live, row, step, at, now = bool(rng.random() < 0.7), 0, 0, 0, T0
    pace, saves = float(rng.choice([0.5, 3.0, 40.0])), int(rng.choice([0, 30, 60]))
    seconds = float(rng.choice([1.0, 30.0]))
    for _ in range(int(rng.integers(20, 60))):
        count, begin, events, restarts = int(rng.choice([0, 1, 5, 20])), at, [], []
        if step > 40 and rng.random() < 0.05:
            step, restarts = step - int(rng.choice([10, 35, step])), [at]
            events.append(
                Event(str(rng.choice(["resume", "launch", "load"])), at, row + 1, "again", step=step)
            )
        for number in range(count):
            if saves and (step + number) % saves == 0:
                data = {"state": str(rng.choice(["saving", "saved"]))} if rng.random() < 0.5 else {}
                events.append(
                    Event("checkpoint", at + 100 * number + 20, row + 1, "saved", step=step, data=data)
                )
                now += seconds * live
            now += pace * live
        places = at + 100.0 * np.arange(count)
        for _ in range(int(rng.choice([0, 0, 0, 1, 3]))):
            place = begin + int(rng.integers(0, 100 * count + 100))
            kind, title, data = WORDS[int(rng.integers(len(WORDS)))]
            if rng.random() < 0.7:
                kind, title, data = (
                    "retry",
                    "Retrying",
                    {"count": str(rng.integers(1, 40))} if seed % 2 else {},
                )
            elif rng.random() < 0.2:
                kind, title, data = "skip", "a batch was skipped", {"count": str(rng.integers(1, 9))}
            rank = int(rng.integers(3)) if rng.random() < 0.2 else None
            events.append(Event(kind, place, row + 1, title, rank, step, data))
        events.sort(key=lambda event: event.offset)
        steps = np.arange(step, step + count, dtype=float)
        lines = row + 1.0 + np.arange(count)
        samples = {TIME: np.full(count, pace), LOSS: 2.0 + 0.01 * np.sin(steps)}
        yield Block(
            {name: Samples(places, lines, steps, values) for name, values in samples.items()}
            if count
            else {},
            Samples(places, lines, steps, steps) if count else None,
            events,
            restarts,
            live=live,
            arrival=now if live else 0.0,
        )
        row, step, at = row + count, step + count, at + 100 * count + 100
        if live:
            yield from _looks(rng, now, step, row, int(rng.choice([0, 0, 1, 4])))
    yield Status(
        now + 1, live=False, finished=seed % 3 == 0, fraction=(None, 0.4, 0.99)[seed % 3], last_step=step
    )


def _looks(rng: np.random.Generator, now: float, step: int, row: int, count: int) -> Iterator[Status]:
    """Yield looks at a run that is silent, for longer and longer."""
    phase = str(rng.choice(["training", "training", "evaluating", "checkpointing", "starting"]))
    for silent in sorted(np.exp(rng.uniform(0, 9, count)).tolist()):
        yield Status(
            now + silent,
            phase,
            silent,
            silent if rng.random() < 0.7 else 1.0,
            fraction=None if rng.random() < 0.3 else min(1.0, step / 900),
            last_step=step,
            last_line=row,
            total=900,
            lines={"": row + int(rng.choice([0, 2, 400]))},
            eta=10.0 * (900 - step),
            deadline=T0 + 5000 if step % 2 else None,
        )
