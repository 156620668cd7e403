"""A loop in the manner of Accelerate's examples: a bar over the run, a line an epoch. argv: directory."""

import logging
import sys

import tiny
import torch
from accelerate import Accelerator
from accelerate.logging import get_logger
from tqdm.auto import tqdm
from truth import Truth

logging.basicConfig(format="%(asctime)s - %(levelname)s - %(name)s - %(message)s", level=logging.INFO)
accelerator = Accelerator(cpu=True)
logger = get_logger(__name__)
loader = torch.utils.data.DataLoader(tiny.data, batch_size=4)
model, optimizer, loader = accelerator.prepare(tiny.model, tiny.optimizer, loader)
EPOCHS = 3
steps = EPOCHS * len(loader)
truth = Truth(steps, pause=0.11)
logger.info("***** Running training *****")
logger.info(f"  Num Epochs = {EPOCHS}")
logger.info(f"  Total optimization steps = {steps}")
bar = tqdm(range(steps))
for epoch in range(EPOCHS):
    for (rows,) in loader:
        loss = tiny.loss_of(model, rows)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        bar.update(1)
        bar.set_postfix(loss=loss.item())
        if bar.n % 36 == 0:
            accelerator.save_state(f"{sys.argv[1]}/step_{bar.n}")
            truth.save(bar.n)
        truth.reach(bar.n)
    logger.info(f"epoch {epoch}: eval_loss: {loss.item():.4f}")
