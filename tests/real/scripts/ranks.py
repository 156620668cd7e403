"""Saves as nanochat does and with torch DCP, on every rank of a gloo group. argv: directory, steps, absent rank.

The absent rank leaves its optimizer state out at the last step, as one that died would.
"""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp

top, steps, absent = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(rank)
model = torch.nn.Linear(64, 64)
optimizer = torch.optim.AdamW(model.parameters())
(top / "d4").mkdir(exist_ok=True)
for step in range(100, 100 * steps + 1, 100):
    model(torch.ones(2, 64)).sum().backward()
    optimizer.step()
    if rank == 0:
        torch.save(model.state_dict(), top / "d4" / f"model_{step:06d}.pt")
        meta = {"step": step, "val_bpb": 100 / step, "model_config": {"n_layer": 4}}
        (top / "d4" / f"meta_{step:06d}.json").write_text(json.dumps(meta, indent=2))
    if rank != absent or step < 100 * steps:
        torch.save(optimizer.state_dict(), top / "d4" / f"optim_{step:06d}_rank{rank}.pt")
    own = {f"of_rank_{rank}": torch.full((1000,), float(rank)), "weights": model.weight.detach()}
    dcp.save(own, checkpoint_id=top / "dcp" / f"step-{step}")
    dist.barrier()
dist.destroy_process_group()
