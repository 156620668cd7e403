"""A home-made loop: a perceptron of two layers, with gradients by hand."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection.real.programs.faults import Injector
from benchmarks.detection.real.programs.plan import Plan
from benchmarks.detection.real.programs.task import CLASSES, HIDDEN, WIDTH, Points

RATE, EVERY = 0.05, 25
"""Learning rate, steps between checkpoints."""


class Perceptron:
    """Weights of two layers, their momentum, and what they make of points."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.weights = [rng.normal(size=(WIDTH, HIDDEN)) / 6, rng.normal(size=(HIDDEN, CLASSES)) / 8]
        self.speed = [0 * w for w in self.weights]

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

    def update(self, gradients: list[Any], rate: float) -> None:
        """Go a step down, with momentum."""
        for number, gradient in enumerate(gradients):
            self.speed[number] = 0.9 * self.speed[number] + gradient
            self.weights[number] -= rate * self.speed[number]


class Scaler:
    """Keeps gradients in half precision, at a scale that falls when they overflow."""

    def __init__(self) -> None:
        self.scale, self.good = 2.0**12, 0

    def through_half(self, gradients: list[Any]) -> tuple[list[Any], bool]:
        """Return what is left of gradients, and whether all are finite."""
        half = [(g * self.scale).astype("f2").astype("f8") / self.scale for g in gradients]
        finite = all(np.isfinite(g).all() for g in half)
        self.good = self.good + 1 if finite else 0
        if not finite:
            self.scale /= 2
        elif self.good % 200 == 199:
            self.scale *= 2
        return half, finite


def save(folder: Path, step: int, model: Perceptron, injector: Injector) -> None:
    """Write a checkpoint in the format of safetensors: header, then the arrays."""
    arrays = [np.asarray(a, dtype="<f4") for a in (*model.weights, *model.speed, np.zeros(40_000))]
    header, begin = {}, 0
    for number, array in enumerate(arrays):
        end = begin + array.nbytes
        header[f"w{number}"] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    path = folder / f"checkpoint-{step}" / "model.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(a.tobytes() for a in arrays))
    injector.saved(path)
    print(f"Saved checkpoint to {path}", flush=True)


def load(path: Path, model: Perceptron) -> None:
    """Take weights and momentum from a checkpoint."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    for array in (*model.weights, *model.speed):
        array[:] = np.frombuffer(data, "<f4", array.size, begin).reshape(array.shape)
        begin += 4 * array.size


class Run:
    """One attempt of a run."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.injector = plan, Injector(plan)
        self.style = plan.draw("plain", "logger", "json")
        noisy = plan.what == "noisy"
        self.points = Points(plan.seed, 12 if noisy else 128)
        self.model, self.scaler = Perceptron(plan.seed), Scaler()
        self.folder = plan.dir / "checkpoints"
        self.evaluated = {"evaluation": 60, "early_stopping": 20}.get(plan.what, 1 << 60)
        self.best, self.worse = math.inf, 0

    def rate(self, step: int) -> float:
        """Return the learning rate: a cosine, once or again and again, with a warm-up or without."""
        length = self.plan.steps // 4 if self.plan.what == "warm_restarts" else self.plan.steps
        rate = RATE * (0.02 + 0.98 * (1 + math.cos(math.pi * ((step - 1) % length) / length)) / 2)
        if self.plan.what == "warmup":
            rate *= min(1.0, (step + 1) / 100)
        return self.injector.rate(rate)

    def begin(self) -> int:
        """Load the newest checkpoint of an earlier attempt; return the step to go on from."""
        saved = sorted(self.folder.glob("*/model.safetensors"), key=lambda p: int(p.parent.name[11:]))
        if not saved or not self.plan.attempt:
            return 0
        path = saved[0 if self.plan.what == "old_checkpoint" else -1]
        if self.plan.what != "lost_state":
            load(path, self.model)
        print(f"Resuming from checkpoint {path.parent}", flush=True)
        return int(path.parent.name[11:])

    def train(self) -> None:
        """Train to the end, or to that of the fault."""
        if self.plan.what == "long_start":
            print("Tokenizing the dataset", flush=True)
            time.sleep(9)
        for step in range(self.begin() + 1, self.plan.steps + 1):
            before = time.perf_counter()
            self.injector.before(step)
            x, y = self.injector.batch(step, *self.points.batch(step))
            loss, gradients = self.model.gradients(x, y)
            finite, rate = True, self.rate(step)
            if self.plan.what == "large_values":
                gradients, finite = self.scaler.through_half(gradients)
            norm = math.sqrt(sum(float((g**2).sum()) for g in gradients))
            if finite:
                self.model.update(gradients, rate)
            self.injector.work()
            if step % (20 if self.plan.what == "sparse" else 1) == 0:
                self.tell(step, loss, norm, rate, time.perf_counter() - before)
            if step % self.evaluated == 0 and self.evaluate(step):
                print(f"Early stopping at step {step}: no better for 3 evaluations", flush=True)
                return
            if step % EVERY == 0:
                self.save(step)
        print("Training completed", flush=True)

    def tell(self, step: int, loss: float, norm: float, rate: float, spent: float) -> None:
        """Print what the step gave, in the run's style."""
        row = {"loss": round(loss, 5), "grad_norm": round(norm, 5), "lr": float(f"{rate:.5g}")}
        if self.plan.what == "large_values":
            row["loss_scale"] = self.scaler.scale
        row["step_time"] = round(spent, 4)
        if self.style == "json":
            print(json.dumps({"step": step, "total_steps": self.plan.steps, **row}), flush=True)
            return
        now = time.strftime("%Y-%m-%d %H:%M:%S") + " INFO trainer - " if self.style == "logger" else ""
        fields = "  ".join(f"{name}: {value:.5g}" for name, value in row.items())
        print(f"{now}step: {step}/{self.plan.steps}  {fields}", flush=True)

    def evaluate(self, step: int) -> bool:
        """Take some time to evaluate; return whether to stop early."""
        time.sleep(2.0 if self.plan.what == "evaluation" else 0.5)
        stuck = self.plan.what == "early_stopping" and step >= self.plan.at
        loss, _ = self.model.gradients(*Points(self.plan.seed + 1, 512).batch(0))
        print(f"eval step: {step}  val_loss: {loss:.5f}", flush=True)
        self.worse = 0 if loss < 0.97 * self.best and not stuck else self.worse + 1
        self.best = min(loss, self.best)
        return self.plan.what == "early_stopping" and self.worse >= 3

    def save(self, step: int) -> None:
        """Save a checkpoint; where that fails by plan, go on."""
        try:
            save(self.folder, step, self.model, self.injector)
        except OSError as error:
            self.injector.begins()
            if self.plan.what != "save_fails":
                raise
            print(f"WARNING: failed to save checkpoint-{step}: {error}", flush=True)


def _leave(*_: object) -> None:
    raise SystemExit(0)


def main() -> None:
    """Train as the command line says; leave in good order where that is the plan."""
    np.seterr(all="ignore")
    plan = Plan.read()
    if plan.what in ("disk_full", "save_fails") and not os.path.ismount(plan.dir / "checkpoints"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    run = Run(plan)
    if plan.what == "preempted":
        signal.signal(signal.SIGTERM, _leave)
    try:
        run.train()
    except SystemExit:
        print("Received SIGTERM: saving a checkpoint before the job is preempted", flush=True)
        save(run.folder, run.injector.step, run.model, run.injector)
        sys.exit(0)


if __name__ == "__main__":
    main()
