"""A Lightning module with a progress bar, a CSVLogger and checkpoints.

argv: directory, file for what was logged, "nan" for weights that turn to NaN after step 15.
"""

import json
import sys
import time

import lightning
import torch
from gate import gate
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger

top, said, nan = *sys.argv[1:3], "nan" in sys.argv[3:]
rows = []


class Line(lightning.LightningModule):
    """Learns to map noise to nothing."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 1)

    def training_step(self, batch, index):
        """Return the loss, and note it."""
        time.sleep(0.12)  # a bar is redrawn at most every 0.1 s, and real steps are slower
        loss = self.layer(batch[0]).pow(2).mean()
        self.log("train_loss", loss, prog_bar=True)
        rows.append({"step": self.global_step, "train_loss": float(loss)})
        if nan and self.global_step == 14:
            with torch.no_grad():
                self.layer.weight.fill_(float("nan"))
        return loss

    def validation_step(self, batch, index):
        """Log the loss of a validation batch."""
        self.log("val_loss", self.layer(batch[0]).pow(2).mean(), prog_bar=True)

    def on_train_epoch_end(self):
        """Wait for the second watching after the second epoch."""
        with open(said, "w") as file:
            json.dump(rows, file)
        if self.current_epoch == 1:
            gate()

    def configure_optimizers(self):
        """Return plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.05)


torch.manual_seed(1)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(40, 8)), batch_size=4)
lightning.Trainer(
    default_root_dir=top,
    max_epochs=3,
    accelerator="cpu",
    callbacks=[
        ModelCheckpoint(filename="{epoch}-{step}", every_n_train_steps=10, save_top_k=-1),
        TQDMProgressBar(refresh_rate=1),
    ],
    log_every_n_steps=1,
    enable_model_summary=False,
    logger=CSVLogger(top, flush_logs_every_n_steps=5),
).fit(Line(), data, data)
