"""Lightning over epochs, with its bar or with a CSVLogger. argv: directory, bar, hparams or csv."""

import sys

import lightning
import tiny
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from truth import Truth

top, which = sys.argv[1:3]
EPOCHS = 4
truth = Truth(EPOCHS * 24, pause=0.0 if which == "csv" else 0.11)  # a bar is redrawn every 0.1 s


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


bar = [] if which == "csv" else [TQDMProgressBar(refresh_rate=1)]
loader = torch.utils.data.DataLoader(tiny.data, batch_size=4)
lightning.Trainer(
    default_root_dir=top,
    max_epochs=EPOCHS,
    accelerator="cpu",
    callbacks=[ModelCheckpoint(filename="{epoch}-{step}", every_n_epochs=2, save_top_k=-1), *bar],
    log_every_n_steps=2,
    enable_model_summary=False,
    enable_progress_bar=bool(bar),
    logger=False if which == "bar" else CSVLogger(top, flush_logs_every_n_steps=2),
).fit(Noted(), loader, loader)
