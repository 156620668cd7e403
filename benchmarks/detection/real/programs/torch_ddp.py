"""Ranks of a gloo group under torchrun that train together; each prints its steps."""

from __future__ import annotations

import os
import sys
import time

import torch
import torch.distributed as dist
from torch import nn

from benchmarks.detection.real.programs.faults import Injector
from benchmarks.detection.real.programs.plan import Plan
from benchmarks.detection.real.programs.task import Points
from benchmarks.detection.real.programs.torch_loop import network, newest

RATE, EVERY = 3e-3, 50


def main() -> None:
    """Train as the command line says."""
    plan = Plan.read()
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    attempt = plan.attempt or int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    plan = Plan(**{**vars(plan), "attempt": attempt})
    injector = Injector(plan, rank, plan.seed % world)
    # the launcher's own store still holds the addresses of the attempt before
    store = f"file://{plan.beside(f'store-{attempt}')}" if attempt else None
    dist.init_process_group("gloo", store, rank=rank, world_size=world)
    net = network(plan.seed)
    ranks = nn.parallel.DistributedDataParallel(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE)
    folder = plan.dir / "checkpoints"
    folder.mkdir(exist_ok=True)
    first = 1
    if attempt and (saved := newest(folder)):
        net.load_state_dict(torch.load(saved)["model"])
        first = int(saved.stem[5:]) + 1
        if rank == 0:
            print(f"Resuming from {saved} at step {first - 1}", flush=True)
    points = Points(1000 * plan.seed + rank)
    for step in range(first, plan.steps + 1):
        began = time.perf_counter()
        injector.before(step)
        x, y = injector.batch(step, *points.batch(step))
        for group in optimizer.param_groups:
            group["lr"] = injector.rate(RATE)
        injector.work()  # before the ranks meet, so that its time is this rank's own
        computed = 1000 * (time.perf_counter() - began)
        loss = nn.functional.cross_entropy(ranks(torch.from_numpy(x)), torch.from_numpy(y))
        optimizer.zero_grad()
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(net.parameters(), 1e9))
        optimizer.step()
        spent = 1000 * (time.perf_counter() - began)
        print(
            f"[rank {rank}] step {step}/{plan.steps} | loss {loss.item():.5f} | grad_norm {norm:.4f} | "
            f"forward_ms {computed:.1f} | step_ms {spent:.1f}",
            flush=True,
        )
        if step % EVERY == 0:
            if rank == 0:
                path = folder / f"step_{step}.pt"
                torch.save({"model": net.state_dict(), "step": step}, path)
                injector.saved(path)
                print(f"[rank 0] Saved checkpoint {path}", flush=True)
            dist.barrier()
    if rank == 0:
        print("Training completed", flush=True)
    try:
        dist.barrier()
    finally:  # threads of torch may abort a process that tears them down while its peers leave
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
