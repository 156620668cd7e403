"""A Lightning module with its bar, its checkpoints and its validation."""

from __future__ import annotations

import time
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, TQDMProgressBar
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.detection.real.programs.faults import Injector
from benchmarks.detection.real.programs.plan import Plan
from benchmarks.detection.real.programs.task import Points
from benchmarks.detection.real.programs.torch_loop import Batches, network, newest

RATE, EPOCH = 3e-3, 50


class Module(lightning.LightningModule):
    """The network; the fault happens before a step, and the step takes its time."""

    def __init__(self, plan: Plan, injector: Injector) -> None:
        super().__init__()
        self.plan, self.injector, self.net = plan, injector, network(plan.seed)

    def training_step(self, batch: Any, index: int) -> Any:
        """Return the loss of one batch."""
        self.injector.before(self.global_step + 1)
        optimizer: Any = self.optimizers()
        for group in optimizer.param_groups:
            group["lr"] = self.injector.rate(RATE)
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True)
        self.log("lr", optimizer.param_groups[0]["lr"], prog_bar=True)
        self.injector.work()
        return loss

    def validation_step(self, batch: Any, index: int) -> None:
        """Log the loss of one batch."""
        if self.plan.what == "evaluation":
            time.sleep(0.6)
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("val_loss", loss, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """Return the optimiser."""
        return torch.optim.AdamW(self.parameters(), lr=RATE)


class Saved(Callback):
    """Damages what was saved."""

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """See to the newest checkpoint."""
        if path := newest(module.plan.dir / "checkpoints"):
            module.injector.saved(path)


class Epochs(Batches):
    """The batches of one epoch after the other."""

    epoch = 0

    def __len__(self) -> int:
        return EPOCH

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return super().__getitem__(self.epoch * EPOCH + index)


class Count(Callback):
    """Says to the data which epoch it is."""

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """Count."""
        trainer.train_dataloader.dataset.epoch = trainer.current_epoch


def main() -> None:
    """Train as the command line says."""
    plan = Plan.read()
    injector = Injector(plan)
    checkpoints = ModelCheckpoint(
        plan.dir / "checkpoints",
        "step_{step}",
        auto_insert_metric_name=False,
        save_top_k=-1,
        every_n_epochs=1,
    )
    stopping = [EarlyStopping("val_loss", 0.1, 2, verbose=True)] if plan.what == "early_stopping" else []
    trainer = lightning.Trainer(
        default_root_dir=plan.dir,
        max_epochs=plan.steps // EPOCH,
        accelerator="cpu",
        callbacks=[
            checkpoints,
            Count(),
            Saved(),
            TQDMProgressBar(),
            *stopping,
        ],  # the other bar needs a terminal
        log_every_n_steps=1,
        enable_model_summary=False,
        logger=lightning.pytorch.loggers.CSVLogger(str(plan.dir))
        if plan.draw("csv", "bar") == "csv"
        else False,
    )
    check = [tuple(map(torch.from_numpy, Points(1, 128).batch(number))) for number in range(4)]
    saved = newest(plan.dir / "checkpoints") if plan.attempt else None
    trainer.fit(
        Module(plan, injector),
        DataLoader(Epochs(plan, injector, 1), batch_size=None, num_workers=1),
        DataLoader(check, batch_size=None),
        ckpt_path=saved,
    )


if __name__ == "__main__":
    main()
