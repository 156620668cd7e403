"""Two or more ranks of torchrun over gloo, each of which prints its steps. argv: directory."""

import time

import tiny
import torch
import torch.distributed as dist
from truth import Truth

dist.init_process_group("gloo")
rank = dist.get_rank()
STEPS = 60
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
truth = Truth(STEPS) if rank == 0 else None
for step in range(1, STEPS + 1):
    loss = tiny.loss_of(model, torch.randn(8, 8))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    text = f"{loss.item():.4f}"
    print(
        f"[rank {rank}] step {step}/{STEPS} loss {truth.loss(text) if truth else text}\n", end="", flush=True
    )
    if truth:
        truth.reach(step)
    time.sleep(0.01)
dist.destroy_process_group()
