"""A loop in torch, with data loaders in processes of their own. Counts epochs and batches."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.detection.real.programs.faults import Injector
from benchmarks.detection.real.programs.plan import Plan
from benchmarks.detection.real.programs.task import CLASSES, HIDDEN, WIDTH, Points

EPOCH, RATE = 60, 3e-3


class Batches(Dataset[Any]):
    """The batches of all steps, as a worker reads them."""

    def __init__(self, plan: Plan, injector: Injector, first: int) -> None:
        self.points, self.injector, self.first = Points(plan.seed), injector, first
        self.length = plan.steps + 1 - first

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= self.length:
            raise IndexError(index)
        step = self.first + index
        x, y = self.injector.batch(step, *self.points.batch(step))
        return torch.from_numpy(x), torch.from_numpy(y)


def network(seed: int) -> nn.Sequential:
    """Return the perceptron of two layers; its head begins near chance."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    head = nn.Linear(HIDDEN, CLASSES)
    nn.init.normal_(head.weight, std=0.02)
    return nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.ReLU(), head)


def newest(folder: Path) -> Path | None:
    """Return the checkpoint of the highest step."""
    return max(folder.glob("step_*.*"), key=lambda path: int(path.stem[5:]), default=None)


def loss_of(net: nn.Module, x: Any, y: Any, *, detached: bool) -> Any:
    """Return the loss: the cross-entropy, which may have lost its graph, and a penalty."""
    entropy = nn.functional.cross_entropy(net(x), y)
    penalty = sum((w**2).sum() for w in net.parameters())
    return (entropy.detach() if detached else entropy) + 1e-5 * penalty


def main() -> None:
    """Train as the command line says."""
    plan = Plan.read()
    injector = Injector(plan)
    net = network(plan.seed)
    learner = network(plan.seed + 1) if plan.what == "wrong_parameters_from_start" else net
    optimizer = torch.optim.AdamW(learner.parameters(), lr=RATE)
    folder = plan.dir / "checkpoints"
    folder.mkdir(exist_ok=True)
    first = 1
    if plan.attempt and (saved := newest(folder)):
        if plan.what != "lost_state":
            state = torch.load(saved)
            net.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        first = int(saved.stem[5:]) + 1
        print(f"Resumed from {saved} (step {first - 1})", flush=True)
    batches = Batches(plan, injector, first)
    loader = DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=2)
    end = time.perf_counter()
    for step, (x, y) in enumerate(loader, first):
        waited = time.perf_counter() - end
        injector.before(step)
        for group in optimizer.param_groups:
            group["lr"] = injector.rate(RATE)
        loss = loss_of(net, x, y, detached=injector.on("detached"))
        net.zero_grad()
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(net.parameters(), 1e9))
        optimizer.step()
        injector.work()
        spent, end = time.perf_counter() - end, time.perf_counter()
        epoch, batch = divmod(step - 1, EPOCH)
        print(
            f"Epoch [{epoch + 1}/{plan.steps // EPOCH}] Batch [{batch + 1}/{EPOCH}] loss {loss.item():.4f} "
            f"grad_norm {norm:.4f} data {waited:.3f}s time {spent:.3f}s",
            flush=True,
        )
        if step % EPOCH == 0:
            path = folder / f"step_{step}.pt"
            torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, path)
            injector.saved(path)
            print(f"saved {path}", flush=True)
            with torch.no_grad():
                found = loss_of(net, *map(torch.from_numpy, Points(1, 512).batch(0)), detached=True)
            print(f"Epoch {epoch + 1} validation: val_loss {found.item():.4f}", flush=True)
    print("Training finished.", flush=True)


if __name__ == "__main__":
    main()
