"""A Lightning module whose checkpoints carry step and loss in their names. argv: directory."""

import sys

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint


class Line(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.save_hyperparameters({"width": 8, "hub_token": "hf_abcdefghijklmnop"})
        self.layer = torch.nn.Linear(8, 1)

    def training_step(self, batch, index):
        loss = self.layer(batch[0]).pow(2).mean()
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(64, 8)), batch_size=4)
keep = ModelCheckpoint(
    filename="{epoch}-{step}-{train_loss:.3f}", every_n_train_steps=8, save_top_k=-1, save_last=True
)
trainer = lightning.Trainer(
    default_root_dir=sys.argv[1],
    max_epochs=2,
    accelerator="cpu",
    callbacks=[keep],
    log_every_n_steps=1,
    enable_progress_bar=False,
    enable_model_summary=False,
    logger=lightning.pytorch.loggers.CSVLogger(sys.argv[1]),
)
trainer.fit(Line(), data)
