"""DeepSpeed's engine on the CPU, with its own lines, ours with the loss, and checkpoints. argv: directory."""

import sys

import deepspeed
import tiny
import torch
from truth import Truth

deepspeed.init_distributed("gloo")
STEPS = 60
truth = Truth(STEPS)
settings = {
    "train_micro_batch_size_per_gpu": 4,
    "steps_per_print": 5,
    "optimizer": {"type": "SGD", "params": {"lr": 0.02}},
}
engine, *_ = deepspeed.initialize(model=tiny.model, model_parameters=tiny.model.parameters(), config=settings)
for step in range(1, STEPS + 1):
    loss = tiny.loss_of(engine, torch.randn(4, 8))
    engine.backward(loss)
    engine.step()
    print(f"step: {step}/{STEPS} loss: {truth.loss(f'{loss.item():.4f}')}", flush=True)
    if step % 30 == 0:
        engine.save_checkpoint(sys.argv[1], tag=f"global_step{step}")
        truth.save(step)
    truth.reach(step)
