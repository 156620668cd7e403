"""skorch, a row of its table an epoch. argv: directory."""

import numpy as np
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from truth import Truth

EPOCHS = 40
truth = Truth(EPOCHS)


class Noted(Callback):
    """Notes the epoch before, whose row was printed."""

    def on_epoch_begin(self, net, **others):
        """Note it."""
        done = len(net.history) - 1
        if done:
            truth.loss(f"{net.history[-2, 'train_loss']:.4f}")
            truth.reach(done)


rng = np.random.default_rng(0)
x = rng.normal(size=(200, 6)).astype("float32")
y = (x.sum(1, keepdims=True) + rng.normal(size=(200, 1))).astype("float32")
NeuralNetRegressor(torch.nn.Linear(6, 1), max_epochs=EPOCHS, lr=0.01, callbacks=[("noted", Noted())]).fit(
    x, y
)
