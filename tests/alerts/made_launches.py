"""Made-up runs of several ranks and launches, whose logs are several files, and whose processes are seen.

Each block is what one file says next: rows, the words of a program that begins, fails or ends, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import exp
from random import Random

import numpy as np

from runwatch.core.batch import Event
from runwatch.core.block import Block, Samples, Status
from runwatch.core.machine import Machine
from runwatch.core.sample import MachineEvent, Process, Processes, Stack, Stacks

from .columns import LOSS, TIME

RULES = (
    *("crash", "hang", "ended", "finished", "restart_loop", "retries", "lost_work"),
    *("checkpoint_failed", "checkpoint_overdue", "checkpoint_slow", "skipped_steps"),
)
T0 = 1_000_000.0
FAILED = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:"
FRAMES = {"frames": 'File "train.py", line 7, in step'}
WORDS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("traceback", "KeyError: 'x'", FRAMES),
    ("traceback", "KeyError: 'y'", {**FRAMES, "chained": "1"}),
    ("traceback", "ValueError: it was handled", {"caught": "1"}),
    ("traceback", "ValueError: it may be handled", {"inner": "1"}),
    ("traceback", "RuntimeError: during another", {**FRAMES, "handling": "1", "caught": "1"}),
    ("traceback", "RuntimeError: " + "very long " * 20, {**FRAMES, "main": "1"}),
    ("traceback", "ImportError: it cannot start", {**FRAMES, "main": "9999"}),
    ("traceback", "BrokenPipeError: [Errno 32] Broken pipe", FRAMES),
    ("traceback", "OSError: [Errno 28] No space left on device", {"frames": "in save", "state": "failed"}),
    ("error", "OSError in save_checkpoint", {"state": "failed"}),
    ("error", "in save: disk", {}),
    ("oom", "CUDA out of memory", {}),
    ("oom", "CUDA out of memory", FRAMES),
    ("signal", "Received SIGTERM", {"source": "handler"}),
    ("killed", "Killed", {}),
    ("killed", "rank 1 was killed", {"pid": "101"}),
    ("nccl", "Watchdog caught collective operation timeout: WorkNCCL", {}),
    ("elastic", FAILED, {}),
    ("elastic", "rank {rank} failed first (exitcode: 1)", {"exitcode": "1", "host": "node2"}),
    ("elastic", "rank {rank} failed first (exitcode: -15)", {"exitcode": "-15"}),
    ("traceback", "rank {rank} failed first: KeyError", {"host": "node3"}),
    ("scheduler", "JOB 1 CANCELLED DUE TO TIME LIMIT", {}),
    ("host_oom", "Out of memory: Killed process 101", {"pid": "101", "source": "kernel"}),
    ("skip", "a batch was skipped", {}),
    ("skip", "a batch was skipped", {"count": "20"}),
    ("checkpoint_failed", "could not save: permission denied", {}),
    ("checkpoint_failed", "the save was skipped", {}),
    ("error", "could not save", {"state": "failed"}),
)
"""Kind, title and data of what ends a program, or seems to."""
HARMLESS = (
    "start",
    "resume",
    "load",
    "compile",
    "launch",
    "tracker",
    "finished",
    "over",
    "checkpoint",
    "retry",
)
"""Kinds of what else it says."""
DETAILS: tuple[dict[str, str], ...] = (
    *({}, {}, {"count": "6"}, {"count": "30"}),
    *({"state": "saving"}, {"state": "saved"}),
)


def launched(seed: int) -> Iterator[Block | Status]:
    """Yield what rules are shown of one of these runs, in order."""
    rng = Random(1900 + seed)
    live, watched = rng.random() < 0.7, rng.random() < 0.6
    failing, loops = (0.7, 0.7, 0.1)[seed % 3], seed % 4 == 1
    saves, pace = rng.choice([5, 10, 40, 1000]), rng.choice([1.0, 30.0])
    files = [(rank, f"rank{rank}.log" if seed % 5 < 2 else "") for rank in (None, *range(seed % 4))]
    at, lines = dict.fromkeys(files, 0), dict.fromkeys(files, 0)
    step, attempt, now, machine = 0, 0, T0, Machine()
    for _ in range(rng.randrange(12, 40)):
        file = rng.choice(files) if rng.random() < 0.4 else files[0]
        count, restarts, events = rng.choice([0, 0, 1, 2, 3, 12, 70]), [], []
        begin, line = at[file], lines[file]
        if rng.random() < (0.4 if loops else 0.15):
            step = max(0, step - rng.choice([1, 10, 30, step + 1]))
            restarts = [begin + 100 * rng.randrange(2)] if count > 1 else []
            attempt += rng.random() < 0.2
            events += [Event(rng.choice(("resume", "launch")), begin, line + 1, "again", step=step)] * loops
        for row in range(-step % saves, count if rng.random() < 0.9 else 0, saves):
            place, known = begin + 100 * row + 50, step + row
            events.append(Event("checkpoint", place, line + row + 1, "saved", step=known))
        for _ in range(rng.choice([0, 0, 1, 1, 2, 5])):
            behind = rng.randrange(count + 1)
            kind, title, data = rng.choice(WORDS)
            if rng.random() > failing:
                kind, title, data = rng.choice(HARMLESS), "it says so", rng.choice(DETAILS)
            who = rng.randrange(4) if rng.random() < 0.4 else file[0]
            known = step + behind if rng.random() < 0.5 else None
            place, number = begin + 100 * behind + rng.randrange(1, 99), line + behind + rng.randrange(1, 30)
            events.append(Event(kind, place, number, title.format(rank=who), who, known, data))
        rows = np.arange(count)
        places, numbers = begin + 100.0 * rows, line + 1.0 + rows
        steps = step + rows.astype(float) if rng.random() < 0.9 else np.full(count, np.nan)
        now += rng.choice([1.0, 30.0, 400.0])
        values = {TIME: pace * (1 + (file[0] or 0)), LOSS: 2.0} if count else {}
        yield Block(
            {name: Samples(places, numbers, steps, np.full(count, value)) for name, value in values.items()},
            Samples(places, numbers, steps, steps) if count else None,
            sorted(events, key=lambda event: event.offset),
            restarts,
            rank=file[0],
            source=file[1],
            attempt=attempt,
            written=now,
            live=live,
            arrival=now if live else 0.0,
        )
        step, at[file], lines[file] = step + count, begin + 100 * count + 100, line + count + 1
        known_lines = {path: lines[rank, path] for rank, path in files}
        if live and rng.random() < 0.6:
            for silent in sorted(exp(rng.uniform(0, 9)) for _ in range(rng.choice([1, 1, 3]))):
                if watched:
                    _see(rng, now + silent, machine)
                yield _status(rng, now + silent, step, known_lines, machine if watched else None)
    yield replace(_status(rng, now + 1e5, step, known_lines, machine), live=False)


def _see(rng: Random, now: float, machine: Machine) -> None:
    """Show the machine what became of the processes."""
    states = rng.choices(["running", "sleeping", "blocked", "stopped"], [6, 2, 1, 1], k=2)
    pids = [
        Process(100 + i, T0, "rank", "python train.py", states[i], 1, rank=i, waits="nfs" * (i % 2))
        for i in range(rng.choice([0, 1, 2, 2]))
    ]
    machine.fold(Processes(now - 30, tuple(pids)))
    if rng.random() < 0.3:
        code, signal = rng.choice([(0, None), (1, None), (None, 9), (None, None)])
        for pid in (100, 101):
            machine.fold(
                MachineEvent(
                    "process_died", now - rng.choice([1, 9, 20]), "died", pid, exit_code=code, signal=signal
                )
            )
    if rng.random() < 0.2:
        frames = (("wait", "step"), ("wait", "loop"), ("step",), ("wait", "step"))
        machine.fold(
            Stacks(
                now - 1,
                tuple(
                    Stack(process.pid, rng.choice(frames), rng.choice(["", "", "denied"])) for process in pids
                ),
            )
        )


def _status(rng: Random, now: float, step: int, lines: dict[str, int], machine: Machine | None) -> Status:
    fraction = rng.choice((None, None, min(1.0, step / 200), 0.979, 0.98))
    silent = rng.choice([1.0, 30.0, 700.0, 5000.0])
    return Status(
        now,
        rng.choice(["training", "training", "evaluating", "checkpointing", "starting", "finished"]),
        silent,
        silent if rng.random() < 0.6 else 1.0,
        finished=rng.random() < 0.1,
        fraction=fraction,
        epoch=rng.choice((None, None, 0.5, 0.98)),
        last_row=rng.random() < 0.2,
        last_step=step or None,
        last_line=sum(lines.values()),
        lines=lines,
        total=200 if fraction else None,
        machine=machine,
        lived=rng.random() < 0.7,
    )
