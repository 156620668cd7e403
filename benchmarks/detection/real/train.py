"""One small real training run: a perceptron of two layers learns to sort points.

usage: python train.py --dir DIR [--framework numpy|torch] [--fault NAME] [--steps N] [--seed N]

Nothing about a fault is only printed: the learning rate is too high, the reads block,
the limit on memory or on the size of files is met. It begins at two thirds of the run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, CLASSES, BATCH = 32, 10, 256
RATE, PAUSE, RANKS, EVERY = 0.1, 0.02, 4, 50
"""Learning rate, seconds between steps, ranks where there are several, steps between checkpoints."""


class NumpyModel:
    """The gradients by hand."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.weights = [rng.normal(size=(WIDTH, 64)) / 6, rng.normal(size=(64, CLASSES)) / 8]

    def gradients(self, x: Any, y: Any) -> tuple[float, list[Any]]:
        """Return the mean cross-entropy and its gradients."""
        first, second = self.weights
        hidden = np.maximum(x @ first, 0)
        logits = hidden @ second
        logits = logits - logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        odds /= odds.sum(axis=1, keepdims=True)
        row = np.arange(len(y))
        loss = float(-np.log(odds[row, y]).mean())
        odds[row, y] -= 1
        odds /= len(y)
        return loss, [x.T @ ((odds @ second.T) * (hidden > 0)), hidden.T @ odds]

    def half(self, gradients: list[Any], scale: float) -> list[Any]:
        """Return what is left of gradients that are kept in half precision, `scale` times as large."""
        return [(g * scale).astype(np.float16).astype(np.float64) / scale for g in gradients]


class TorchModel:
    """The same in torch, on the CPU."""

    def __init__(self, seed: int) -> None:
        self.torch = importlib.import_module("torch")
        self.torch.manual_seed(seed)
        self.torch.set_num_threads(1)
        first, second = (
            self.torch.nn.Linear(WIDTH, 64, bias=False),
            self.torch.nn.Linear(64, CLASSES, bias=False),
        )
        self.net = self.torch.nn.Sequential(first, self.torch.nn.ReLU(), second)
        self.weights = [p.data for p in self.net.parameters()]

    def gradients(self, x: Any, y: Any) -> tuple[float, list[Any]]:
        """Return the mean cross-entropy and its gradients."""
        self.net.zero_grad()
        logits = self.net(self.torch.from_numpy(x).float())
        loss = self.torch.nn.functional.cross_entropy(logits, self.torch.from_numpy(y))
        loss.backward()
        return float(loss), [p.grad for p in self.net.parameters()]

    def half(self, gradients: list[Any], scale: float) -> list[Any]:
        """Return what is left of gradients that are kept in half precision, `scale` times as large."""
        return [(g * scale).half().float() / scale for g in gradients]


MODELS = {"numpy": NumpyModel, "torch": TorchModel}


class Data:
    """Points around ten centres; the faults of reading are here."""

    def __init__(self, seed: int, place: Path, fault: str, at: int) -> None:
        self.rng, self.fault, self.at = np.random.default_rng(seed), fault, at
        self.centres = np.random.default_rng(0).normal(size=(CLASSES, WIDTH)) * 0.55
        self.pipe = -1
        if fault == "blocked_read":
            path = place / f"data-{os.getpid()}.fifo"
            os.mkfifo(path)
            threading.Thread(target=self._feed, args=(path,), daemon=True).start()
            self.pipe = os.open(path, os.O_RDONLY)

    def _feed(self, path: Path) -> None:
        """Write what the reads wait for, until the fault."""
        with path.open("wb", buffering=0) as pipe:
            for _ in range(self.at):
                pipe.write(b"x" * 64)
            threading.Event().wait()  # the writer lives, and writes nothing any more

    def batch(self, step: int) -> tuple[Any, Any]:
        """Return points (BATCH, WIDTH) and their classes."""
        if self.pipe >= 0:
            os.read(self.pipe, 64)
        if self.fault == "slow_loader" and step >= self.at:
            time.sleep(3 * PAUSE)
        y = self.rng.integers(CLASSES, size=BATCH)
        x = self.centres[y] + self.rng.normal(size=(BATCH, WIDTH))
        if self.fault == "bad_batch" and self.at <= step < self.at + 2:
            x *= 40.0
        return x, y


def save(place: Path, step: int, weights: list[Any], *, cut: bool) -> None:
    """Write a checkpoint in the format of safetensors: header, then the weights."""
    arrays = [np.asarray(w, dtype="<f4") for w in weights]
    arrays.append(np.zeros(50_000, "<f4"))  # what an optimiser would keep
    header, begin = {}, 0
    for number, array in enumerate(arrays):
        header[f"w{number}"] = {
            "dtype": "F32", "shape": list(array.shape), "data_offsets": [begin, begin + array.nbytes]
        }  # fmt: skip
        begin += array.nbytes
    text = json.dumps(header).encode()
    path = place / "checkpoints" / f"checkpoint-{step}" / "model.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(a.tobytes() for a in arrays))
    if cut:
        os.truncate(path, path.stat().st_size // 2)
    print(f"Saved checkpoint to {path}", flush=True)


def limit(kind: int, most: int) -> None:
    """Let the kernel refuse more than `most`."""
    resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def train(options: argparse.Namespace, rank: int = 0, barrier: Any = None) -> None:
    """Run it to its end, or to its fault's."""
    fault, steps = options.fault, options.steps
    at = 2 * steps // 3
    model = MODELS[options.framework](options.seed)
    data = Data(options.seed + rank, options.dir, fault, at)
    kept: list[Any] = []
    speed = [0 * w for w in model.weights]
    rate = 300 * RATE if fault == "rate_too_high_at_start" else RATE
    scale, before = 2.0**10, time.perf_counter()
    first = options.start
    if first:
        print(f"Resuming from checkpoint step {first}", flush=True)
    for step in range(first, steps):
        if step == at:
            now = {"stop": signal.SIGSTOP, "kill": signal.SIGKILL}.get(fault)
            if now is not None:
                os.kill(os.getpid(), now)
            if fault == "memory_leak":
                size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                limit(resource.RLIMIT_AS, size + (256 << 20))
            if fault == "disk_full":
                limit(resource.RLIMIT_FSIZE, max(4096, Path("/proc/self/fd/1").stat().st_size + 2048))
            if fault == "crash_again":
                raise RuntimeError("the loss is no scalar")
            if fault == "rate_too_high":
                rate = 300 * RATE
        if fault == "memory_leak" and step >= at:
            kept.append(np.ones((8 << 20) // 8))
        x, y = data.batch(step)
        loss, gradients = model.gradients(x, y)
        if fault == "fp16_overflow":
            scale *= 2.0 if step >= at else 1.0
            gradients = model.half(gradients, scale)
        norm = float(sum(float((g**2).sum()) for g in gradients)) ** 0.5
        for number, gradient in enumerate(gradients):
            speed[number] = 0.9 * speed[number] + gradient
            model.weights[number] -= rate * (1 - step / steps) * 0.1 * speed[number]
        slow = fault == "slow_rank" and rank == RANKS - 1 and step >= at
        time.sleep(2 * PAUSE if slow else PAUSE)
        spent, before = time.perf_counter() - before, time.perf_counter()
        if step:
            print(
                f"step: {step}/{steps}  loss: {loss:.4f}  grad_norm: {norm:.4f}  "
                f"lr: {rate * (1 - step / steps):.4e}  step_time: {spent:.4f}",
                flush=True,
            )
        if barrier is not None:
            barrier.wait()
            before = time.perf_counter()
        if step and step % EVERY == 0 and not rank:
            save(options.dir, step, model.weights, cut=fault == "truncated_checkpoint" and step >= at)
            before = time.perf_counter()
    print("Training completed", flush=True)


def _rank(options: argparse.Namespace, rank: int, barrier: Any) -> None:
    log = os.open(options.dir / f"rank_{rank}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    train(options, rank, barrier)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--framework", choices=sorted(MODELS), default="numpy")
    parser.add_argument("--fault", default="")
    parser.add_argument("--steps", type=int, default=360)
    parser.add_argument("--start", type=int, default=0, help="step to go on from")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.fault != "slow_rank":
        train(options)
        return
    forked = multiprocessing.get_context("fork")
    barrier = forked.Barrier(RANKS)
    ranks = [forked.Process(target=_rank, args=(options, rank, barrier)) for rank in range(RANKS)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join()
    sys.stdout.flush()


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
