"""Trains a small model on the card, and fails there in the way that is asked for: `python train.py --help`."""

from __future__ import annotations

import argparse
import time

import torch
from torch import nn

options = argparse.ArgumentParser()
options.add_argument("seconds", type=float)
options.add_argument("--slow-after", type=float, default=1e9, help="seconds until the loader gets slow")
options.add_argument("--grow", type=int, default=0, help="MiB kept of each step")
options.add_argument("--times", default="", help="where the Unix time and duration of each step are written")
options.add_argument(
    "--fail",
    choices=("memory", "index", "address"),
    help="after ten seconds: fill the card, look up row 99 of 9, or write where there is no memory",
)
given = options.parse_args()


def fail(how: str) -> None:
    """Fail on the card; an error is reported when it is next waited for."""
    if how == "memory":
        while True:
            kept.append(torch.zeros(1 << 30, device="cuda"))
    if how == "index":
        nn.Embedding(9, 8).cuda()(torch.full((4,), 99, device="cuda"))
    if how == "address":
        write_astray[(1,)](batch)


try:
    import triton
    import triton.language as tl
except ImportError:
    pass  # only --fail address needs it
else:

    @triton.jit
    def write_astray(begin):  # type: ignore[no-untyped-def]
        tl.store(begin + (1 << 40), 1.0)


model = nn.Sequential(*(layer for _ in range(6) for layer in (nn.Linear(4096, 4096), nn.ReLU()))).cuda()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
batch = torch.randn(4096, 4096, device="cuda")
kept, took, begun, step = [], [], time.monotonic(), 0
while time.monotonic() - begun < given.seconds:
    at = time.monotonic()
    if at - begun > given.slow_after:
        time.sleep(0.5)
    loss = model(batch).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if given.grow:
        kept.append(torch.zeros(given.grow << 18, device="cuda"))
    if given.fail and at - begun > 10:
        fail(given.fail)
    shown = loss.item()  # waits for the card
    took.append((time.time(), time.monotonic() - at))
    print(f"step {step:05d}/99999 (0.10%) | loss: {shown:.6f} | dt: {1e3 * took[-1][1]:.2f}ms", flush=True)
    step += 1
if given.times:
    with open(given.times, "w") as file:
        file.writelines(f"{ended} {seconds}\n" for ended, seconds in took)
