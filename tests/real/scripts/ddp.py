"""Ranks of a gloo group that train together, each printing its own steps.

argv: "plain", "raise" (rank 2 raises at step 25) or "retry" (it does so on the first attempt only).
"""

import os
import sys
import time

import torch
import torch.distributed as dist
from gate import gate

what, attempt = sys.argv[1], int(os.environ["TORCHELASTIC_RESTART_COUNT"])
rank = int(os.environ["RANK"])
if attempt:  # the launcher's own store still holds the addresses of the attempt before
    place = f"file://{os.environ['GATE']}.{attempt}"
    dist.init_process_group("gloo", place, rank=rank, world_size=int(os.environ["WORLD_SIZE"]))
else:
    dist.init_process_group("gloo")
torch.manual_seed(rank)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(20 if attempt else 0, 40):
    began = time.perf_counter()
    loss = model(torch.randn(4, 8)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if what != "plain" and rank == 2 and step == 25 and not attempt:
        raise ValueError("a bad sample on this rank")
    took = 1000 * (time.perf_counter() - began)
    print(f"step {step:05d}/00040 ({100 * step / 40:.2f}%) | loss: {rank + 1}.{step:06d} | dt: {took:.2f}ms")
    if step == 20 and not attempt:
        if rank == 0:
            gate()
        dist.barrier()
if rank == 0:
    print("Total training time: 0.10m")
try:
    dist.barrier()
finally:  # torch's threads now and then abort a process that tears them down while its peers leave
    sys.stdout.flush()
    os._exit(0)
