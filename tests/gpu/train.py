"""Trains a small model on the card: SECONDS [--slow-after S] [--grow MIB_A_STEP] [--times FILE]."""

from __future__ import annotations

import argparse
import time

import torch
from torch import nn

options = argparse.ArgumentParser()
options.add_argument("seconds", type=float)
options.add_argument("--slow-after", type=float, default=1e9, help="seconds until the loader gets slow")
options.add_argument("--grow", type=int, default=0, help="MiB kept of each step")
options.add_argument("--times", default="", help="where the times of the steps are written")
given = options.parse_args()

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
    shown = loss.item()  # waits for the card
    took.append(time.monotonic() - at)
    print(f"step {step:05d}/99999 (0.10%) | loss: {shown:.6f} | dt: {1e3 * took[-1]:.2f}ms", flush=True)
    step += 1
if given.times:
    with open(given.times, "w") as file:
        file.writelines(f"{seconds}\n" for seconds in took)
