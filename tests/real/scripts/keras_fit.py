"""Keras on torch, a line an epoch. argv: directory."""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
from truth import Truth

EPOCHS = 12
truth = Truth(EPOCHS)


class Noted(keras.callbacks.Callback):
    """Notes the epoch before, whose line is whole."""

    def on_epoch_begin(self, epoch, logs=None):
        """Note it; Keras counts from 0."""
        if epoch:
            truth.reach(epoch)

    def on_epoch_end(self, epoch, logs=None):
        """Note the loss as it is printed."""
        truth.loss(f"{logs['loss']:.4f}")


rng = np.random.default_rng(0)
x = rng.normal(size=(96, 8))
y = x.sum(1) + rng.normal(size=96)
model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
saved = keras.callbacks.ModelCheckpoint(f"{sys.argv[1]}/model_{{epoch}}.keras", save_freq="epoch")
model.fit(x, y, 8, EPOCHS, verbose=2, validation_data=(x[:16], y[:16]), callbacks=[saved, Noted()])
