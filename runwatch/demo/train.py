"""The demo run itself: `python -m runwatch.demo.train --dir DIR [--fault NAME]`.

It trains for real and prints what nanochat prints, so that whatever watches it
meets a true log: a slow first step, noise, evaluation pauses, checkpoints.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import signal
import statistics
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runwatch.demo import checkpoints, corpus
from runwatch.demo.faults import FAULTS, Fault
from runwatch.demo.model import AdamW, Model, ModelShape, Tokens, norm
from runwatch.demo.ranks import Rank, World, average

PEAK_FLOPS = 100e9
"""Floating-point operations per second that count as full use: about one CPU core."""
UNTIMED_STEPS = 10
"""First steps, which `total time` leaves out because they warm up caches."""
SHARD, ROW_GROUP = 1 << 16, 1 << 12
"""Bytes of text that count as one file (`pq`) and as one row group (`rg`) of it."""
QUESTIONS = 3
"""Questions per rank in the final evaluation."""


@dataclass(frozen=True)
class Options:
    """What the command line decides."""

    directory: Path
    steps: int = 340
    step_seconds: float = 0.1
    """Least time per step, in seconds; 0 runs as fast as the machine can."""
    seed: int = 1
    ranks: int = 8
    rows: int = 128
    """Bytes each rank predicts per step."""
    fault: str | None = None
    fault_at: float = 0.58
    """When the fault begins, as a fraction of the run."""
    leashed: bool = False
    """Whether the run ends when its standard input does, so that it is not orphaned."""

    @property
    def tokens_per_step(self) -> int:
        """Bytes that all ranks predict together in one step."""
        return self.ranks * self.rows


def say(line: str = "", end: str = "\n") -> None:
    """Print to the log immediately: a watcher must not see the rhythm of a buffer."""
    sys.stdout.write(line + end)
    sys.stdout.flush()


def schedule(step: int, steps: int) -> float:
    """Return the learning-rate multiplier: up over 5 % of the run, down to 0.05 over the last 40 %."""
    up, down = max(1, round(0.05 * steps)), max(1, round(0.4 * steps))
    if step < up:
        return (step + 1) / up
    return max(0.05, min(1.0, (steps - step) / down))


class Training:
    """One run: the model, the ranks, and the numbers in the log."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.rng = np.random.default_rng(options.seed)
        training, self.held_out = corpus.split()
        self.model = Model(ModelShape(), self.rng)
        self.optimizer = AdamW(self.model.parameters)
        begins = round(options.fault_at * options.steps)
        fault = FAULTS.get(options.fault or "", Fault)(begins, options.ranks)
        parts = np.array_split(training, options.ranks)
        self.ranks = [
            Rank(
                index,
                tokens=part,
                rows=options.rows,
                model=self.model,
                fault=fault,
                log=options.directory / f"rank{index}.log",
            )
            for index, part in enumerate(parts)
        ]
        self.part_size = len(parts[0])
        self.smooth = 0.0
        self.best_bpb = self.bpb = math.inf
        self.total_seconds = 0.0
        self.recent: deque[float] = deque(maxlen=50)

    def run(self) -> None:
        """Train to the end. Raises what the injected fault raises."""
        steps = self.options.steps
        evaluate_every, save_every = max(1, steps // 8), max(1, steps // 4)
        self.preamble()
        with World(self.ranks) as world:
            for step in range(steps + 1):
                if step % evaluate_every == 0 or step == steps:
                    self.validate(step)
                if step and (step % save_every == 0 or step == steps):
                    self.save(step)
                if step < steps:
                    self.step(step, world)
            self.examine(world)
        self.summary()

    def preamble(self) -> None:
        """Print what is about to be trained."""
        options, shape = self.options, self.model.shape
        say(f"Vocab size: {shape.vocabulary:,}")
        for name, size in shape.as_dict().items():
            say(f"{name}: {size}")
        tokens = options.tokens_per_step
        say(f"Tokens / micro-batch / rank: {options.rows} x 1 = {options.rows:,}")
        say(f"Tokens / micro-batch: {tokens:,}")
        say(f"Total batch size {tokens:,} => gradient accumulation steps: 1")
        say(f"Number of parameters: {self.model.size:,}")
        say(f"Estimated FLOPs per token: {self.model.flops_per_token:e}")
        say(f"Using user-provided number of iterations: {options.steps:,}")
        say(f"Total number of training tokens: {tokens * options.steps:,}")

    def step(self, step: int, world: World) -> None:
        """Take one training step and print its line."""
        steps, began = self.options.steps, time.perf_counter()
        usual = statistics.median(self.recent) if self.recent else self.options.step_seconds
        shares = world.work(step, self.options.step_seconds, usual)
        loss, gradient = average(shares)
        multiplier = schedule(step, steps)
        self.optimizer.step(gradient, multiplier)
        seconds = time.perf_counter() - began

        self.recent.append(seconds)
        if step > UNTIMED_STEPS:
            self.total_seconds += seconds
        self.smooth = 0.9 * self.smooth + 0.1 * loss
        self.report(step, self.smooth / (1 - 0.9 ** (step + 1)), norm(gradient), multiplier, seconds)
        if step % max(1, steps // 340) == 0:
            for rank, share in zip(self.ranks, shares, strict=True):
                rank.note(step, steps, multiplier, share)

    def report(self, step: int, loss: float, grad_norm: float, multiplier: float, seconds: float) -> None:
        """Print the line of one step; `loss` is the smoothed one."""
        steps = self.options.steps
        speed = self.options.tokens_per_step / seconds
        mfu = 100 * self.model.flops_per_token * speed / PEAK_FLOPS
        counted = step - UNTIMED_STEPS
        eta = f" | eta: {self.total_seconds / counted * (steps - step) / 60:.1f}m" if counted > 0 else ""
        say(
            f"step {step:05d}/{steps:05d} ({100 * step / steps:.2f}%) | loss: {loss:.6f}"
            f" | grad norm: {grad_norm:.4f} | lrm: {multiplier:.2f} | dt: {seconds * 1000:.2f}ms"
            f" | tok/sec: {int(speed):,} | bf16_mfu: {mfu:.2f}"
            f" | epoch: {self.epoch(step)} pq: {self.position(step) // SHARD}"
            f" rg: {self.position(step) % SHARD // ROW_GROUP}"
            f" | total time: {self.total_seconds / 60:.2f}m{eta}"
        )

    def position(self, step: int) -> int:
        """Return the position of all ranks in the text, in bytes of this epoch."""
        return step * self.options.rows % self.part_size * self.options.ranks

    def epoch(self, step: int) -> int:
        """Return the number of the epoch, from 1."""
        return 1 + step * self.options.rows // self.part_size

    def validate(self, step: int) -> None:
        """Print how many bits the model needs per byte of text that it never saw."""
        windows = np.lib.stride_tricks.sliding_window_view(self.held_out, self.model.shape.context + 1)
        self.bpb = self.model.loss(windows[::5]) / math.log(2)
        self.best_bpb = min(self.best_bpb, self.bpb)
        say(f"Step {step:05d} | Validation bpb: {self.bpb:.6f}")

    def save(self, step: int) -> None:
        """Write a checkpoint and say where."""
        position = self.position(step)
        facts = {
            "val_bpb": self.bpb,
            "model_config": self.model.shape.as_dict(),
            "dataloader_state_dict": {
                "pq_idx": position // SHARD,
                "rg_idx": position % SHARD // ROW_GROUP,
                "epoch": self.epoch(step),
            },
        }
        weights, meta = checkpoints.save(self.options.directory / "checkpoints", step, self.model, facts)
        say(f"Saved model file to: {weights}")
        say(f"Saved metadata file to: {meta}")

    def examine(self, world: World) -> None:
        """Let every rank guess the next byte of a few held-out places; print progress, then the score."""
        context = self.model.shape.context
        starts = self.rng.integers(0, len(self.held_out) - context, (len(self.ranks), QUESTIONS))
        turn = threading.Lock()

        def answer(rank: int) -> int:
            passed = 0
            for seen, start in enumerate(starts[rank], 1):
                question: Tokens = self.held_out[start : start + context]
                passed += int(self.model.predict(question[None])[0] == self.held_out[start + context])
                time.sleep(self.options.step_seconds)
                with turn:
                    say(f"\r\x1b[KRank {rank} | {passed}/{seen} ({100 * passed / seen:.2f}%)", end="")
            return passed

        passed = sum(world.pool.map(answer, range(len(self.ranks))))
        say()
        say("=" * 50)
        say(f"Final: {passed}/{starts.size} ({100 * passed / starts.size:.2f}%)")

    def summary(self) -> None:
        """Print the last lines of a run that reached its end."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
        say(f"Peak memory usage: {peak:.2f}MiB")
        say(f"Total training time: {self.total_seconds / 60:.2f}m")
        say(f"Minimum validation bpb: {self.best_bpb:.6f}")


def parse(arguments: list[str] | None = None) -> Options:
    """Return the options of a command line; exits with 2 if they are invalid."""
    parser = argparse.ArgumentParser(prog="python -m runwatch.demo.train", description=__doc__)
    add = parser.add_argument
    add("--dir", dest="directory", type=Path, required=True, help="where rank logs and checkpoints go")
    add("--steps", type=int, default=Options.steps)
    add("--step-seconds", type=float, default=Options.step_seconds, help="least time per step")
    add("--seed", type=int, default=Options.seed)
    add("--ranks", type=int, default=Options.ranks)
    add("--rows", type=int, default=Options.rows, help="bytes each rank predicts per step")
    choices = "; ".join(f"{name}: {fault.summary}" for name, fault in FAULTS.items())
    add("--fault", choices=sorted(FAULTS), help=choices.replace("%", "%%"))
    add("--fault-at", type=float, default=Options.fault_at, help="fraction of the run at which it begins")
    add("--leashed", action="store_true", help="end when standard input does")
    options = Options(**vars(parser.parse_args(arguments)))
    if options.steps < 1 or options.ranks < 1 or options.rows < 1:
        parser.error("--steps, --ranks and --rows must be at least 1")
    if not 0 <= options.fault_at < 1 or not options.step_seconds >= 0:
        parser.error("--fault-at must lie in [0, 1), --step-seconds must not be negative")
    return options


def main() -> None:
    """Run from the command line."""
    options = parse()
    options.directory.mkdir(parents=True, exist_ok=True)
    if options.leashed:
        threading.Thread(target=_end_with_input, daemon=True).start()
    Training(options).run()


def _end_with_input() -> None:
    """Wait until our parent is gone, for any reason; then exit."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
