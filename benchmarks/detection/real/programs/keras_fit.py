"""Keras on torch: a line an epoch, or a bar."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
import keras

from benchmarks.detection.real.programs.faults import Injector
from benchmarks.detection.real.programs.plan import Plan
from benchmarks.detection.real.programs.task import CLASSES, HIDDEN, WIDTH, Points

EPOCH, RATE = 10, 3e-3


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of one epoch after the other."""

    def __init__(self, plan: Plan, injector: Injector | None) -> None:
        super().__init__(workers=1)
        self.injector, self.points, self.epoch = injector, Points(plan.seed if injector else 1), 0

    def __len__(self) -> int:
        return EPOCH

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        step = self.epoch * EPOCH + index + 1
        x, y = self.points.batch(step)
        return (x, y) if self.injector is None else self.injector.batch(step, x, y)

    def on_epoch_end(self) -> None:
        """Count the epochs."""
        self.epoch += 1 if self.injector else 0


class Events(keras.callbacks.Callback):  # type: ignore[misc]
    """Lets the fault happen at the step it is due."""

    def __init__(self, injector: Injector) -> None:
        super().__init__()
        self.injector, self.step = injector, 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Meet what happens before the step."""
        self.step += 1
        self.injector.before(self.step)
        self.model.optimizer.learning_rate = self.injector.rate(RATE)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take the step's time."""
        self.injector.work()


def main() -> None:
    """Train as the command line says."""
    plan = Plan.read()
    injector = Injector(plan)
    keras.utils.set_random_seed(plan.seed)
    layers = [keras.layers.Input((WIDTH,)), keras.layers.Dense(HIDDEN, "relu"), keras.layers.Dense(CLASSES)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE), loss, metrics=["accuracy"])
    folder = plan.dir / "checkpoints"
    folder.mkdir(exist_ok=True)
    callbacks = [Events(injector), keras.callbacks.ModelCheckpoint(folder / "model_{epoch}.keras")]
    if plan.what == "early_stopping":
        callbacks.append(keras.callbacks.EarlyStopping("val_loss", 0.05, 3, verbose=1))
    model.fit(
        Batches(plan, injector),
        epochs=plan.steps // EPOCH,
        verbose=2 if plan.draw("lines", "bar") == "lines" else 1,
        validation_data=Batches(plan, None),
        callbacks=callbacks,
        shuffle=False,
    )


if __name__ == "__main__":
    main()
