"""Loops of our own in the lines of nanoGPT and nanochat. argv: directory, which of them."""

import sys
import time
from pathlib import Path

import tiny
import torch
from truth import Truth

top, which = Path(sys.argv[1]), sys.argv[2]
STEPS = 80
truth = Truth(STEPS)


def nanogpt():
    """Print a configuration, evaluations, steps without a total, and save to one file."""
    print("Overriding: max_iters = 80\ntokens per iteration will be: 1,024")
    for step in range(STEPS + 1):
        if step % 20 == 0:
            print(f"step {step}: train loss {tiny.step():.4f}, val loss {tiny.step():.4f}")
            if step:
                print("saving checkpoint to out")
                (top / "out").mkdir(exist_ok=True)
                torch.save({"model": tiny.model.state_dict(), "iter_num": step}, top / "out" / "ckpt.pt")
        print(f"iter {step}: loss {truth.loss(f'{tiny.step():.4f}')}, time {30.0:.2f}ms, mfu 1.20%")
        truth.reach(step)


def nanochat():
    """Print steps with a total, evaluations in bits per byte, and save three files twice."""
    begin = time.time()
    print(f"Number of iterations: {STEPS:,}")
    for step in range(STEPS + 1):
        if step % 20 == 0:
            print(f"Step {step:05d} | Validation bpb: {tiny.step() / 4:.4f}")
        if step in (40, 80):
            save(step)
        if step == STEPS:
            break
        minutes = (time.time() - begin) / 60
        print(
            f"step {step:05d}/{STEPS:05d} ({100 * step / STEPS:.2f}%) | loss: "
            f"{truth.loss(f'{tiny.step():.6f}')} | lrm: 1.00 | dt: 30.00ms | tok/sec: 1,000 | mfu: 0.50 | "
            f"epoch: 1 | total time: {minutes:.2f}m"
        )
        truth.reach(step)
    print(
        f"Peak memory usage: 100.00MiB\nTotal training time: {minutes:.2f}m\nMinimum validation bpb: 0.2000"
    )


def save(step):
    """Save as nanochat does."""
    folder = top / "base_checkpoints" / "d4"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(tiny.model.state_dict(), folder / f"model_{step:06d}.pt")
    torch.save(tiny.optimizer.state_dict(), folder / f"optim_{step:06d}_rank0.pt")
    (folder / f"meta_{step:06d}.json").write_text(f'{{"step": {step}}}')
    truth.save(step)


{"nanogpt": nanogpt, "nanochat": nanochat}[which]()
