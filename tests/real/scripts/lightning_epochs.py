"""Lightning over epochs, with its bar, rich's or with a CSVLogger. argv: directory, bar, rich, hparams or csv."""

import os
import sys

import lightning
import tiny
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from truth import Truth

top, which = sys.argv[1:3]
EPOCHS = 4
STEPS = EPOCHS * 24 - 12 * (which == "rich")  # there the last epoch is cut short
os.environ |= {"FORCE_COLOR": "1", "COLUMNS": "80"} if which == "rich" else {}  # as to a narrow terminal
truth = Truth(STEPS, pause=0.0 if which == "csv" else 0.11)  # a bar is redrawn every 0.1 s


class Noted(lightning.LightningModule):
    """Notes the step before, whose bar was drawn."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 1)
        self.save_hyperparameters({"lr": 0.02} | ({"max_epochs": EPOCHS} if which == "hparams" else {}))

    def training_step(self, batch, index):
        """Return the loss."""
        if self.global_step:
            truth.reach(self.global_step)
        loss = tiny.loss_of(self.layer, batch[0])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, index):
        """Log the loss of a validation batch."""
        self.log("val_loss", tiny.loss_of(self.layer, batch[0]), prog_bar=True)

    def on_save_checkpoint(self, checkpoint):
        """Note it."""
        truth.save(self.global_step)

    def configure_optimizers(self):
        """Return plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.02)


bars = {"csv": [], "rich": [RichProgressBar(refresh_rate=1)]}
bar = bars.get(which, [TQDMProgressBar(refresh_rate=1)])
loader = torch.utils.data.DataLoader(tiny.data, batch_size=4)
lightning.Trainer(
    default_root_dir=top,
    max_epochs=-1 if which == "rich" else EPOCHS,
    max_steps=STEPS if which == "rich" else -1,
    accelerator="cpu",
    callbacks=[ModelCheckpoint(filename="{epoch}-{step}", every_n_epochs=2, save_top_k=-1), *bar],
    log_every_n_steps=2,
    enable_model_summary=False,
    enable_progress_bar=bool(bar),
    logger=False if which in ("bar", "rich") else CSVLogger(top, flush_logs_every_n_steps=2),
).fit(Noted(), loader, loader)
