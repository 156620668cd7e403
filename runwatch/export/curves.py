"""The curves of a run as training guides have them: two pictures and training_metrics.json."""

from __future__ import annotations

import json
import math
import os
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from runwatch.core.errors import UsageError
from runwatch.core.metrics import LEARNING_RATE, LOSS, VAL_LOSS
from runwatch.export.values import Values, folder

METRICS = {LOSS: "train_loss", VAL_LOSS: "val_loss", LEARNING_RATE: "learning_rate"}
"""Metric -> its array in training_metrics.json."""
MOST = 1 << 20
"""Values kept of a curve; of more, every second, every fourth and so on."""


@dataclass(slots=True)
class Curve:
    """One metric over steps; what a restart did again takes the place of what was before."""

    steps: array[float] = field(default_factory=lambda: array("d"))
    epochs: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    every: int = 1
    """Only every so many values are kept."""
    _count: int = 0

    def add(self, step: float, epoch: float, value: float) -> None:
        """Append a value."""
        if self.steps and step <= self.steps[-1]:
            at = bisect_left(self.steps, step)
            del self.steps[at:], self.epochs[at:], self.values[at:]
        self._count += 1
        if self._count % self.every:
            return
        self.steps.append(step)
        self.epochs.append(epoch)
        self.values.append(value)
        if len(self.steps) > MOST:
            self.every *= 2
            self.steps, self.epochs, self.values = self.steps[::2], self.epochs[::2], self.values[::2]


class Curves:
    """The curves of each run, gathered to be written at the end."""

    def __init__(self, directory: str) -> None:
        """Make ready to write there. Raises UsageError without matplotlib."""
        try:
            import matplotlib.figure  # noqa: F401
        except ImportError as error:
            raise UsageError("figures need matplotlib", "", "pip install 'runwatch[figures]'") from error
        self._directory = directory
        self._runs: dict[str, dict[str, Curve]] = {}
        self._owners: dict[tuple[str, str], tuple[object, ...]] = {}
        self.notes: list[str] = []
        """What people should know about what was written."""

    def write(self, values: Values) -> None:
        """Take values in; of a metric that several sources or ranks report, those of the first."""
        owner = values.source, values.rank, values.node, values.stage
        for index, name in enumerate(values.names):
            if name not in METRICS or self._owners.setdefault((values.run, name), owner) != owner:
                continue
            curve = self._runs.setdefault(values.run, {}).setdefault(name, Curve())
            mine = values.metric == index
            columns = (column[mine].tolist() for column in (values.step, values.epoch, values.value))
            for step, epoch, value in zip(*columns, strict=True):
                curve.add(len(curve.values) if math.isnan(step) else step, epoch, value)

    def close(self) -> None:
        """Write the files of each run. Raises OSError."""
        for run, curves in self._runs.items():
            place = self._directory if len(self._runs) == 1 else os.path.join(self._directory, folder(run))
            os.makedirs(place, exist_ok=True)
            columns = [f'  "{name}": {json.dumps(column)}' for name, column in arrays(curves).items()]
            with open(os.path.join(place, "training_metrics.json"), "w", encoding="utf-8") as file:
                file.write("{\n" + ",\n".join(columns) + "\n}\n")
            self._draw(run, curves, place)
            thinned = max(curve.every for curve in curves.values())
            if thinned > 1:
                self.notes.append(
                    f"{run}: one value in {thinned} is in the figures and training_metrics.json"
                )

    def _draw(self, run: str, curves: dict[str, Curve], place: str) -> None:
        losses = [curves[name] for name in (LOSS, VAL_LOSS) if name in curves]
        if losses:
            figure = _figure(run, 3 + 2 * (LEARNING_RATE in curves))
            axes = figure.subplots(2 if LEARNING_RATE in curves else 1, 1, sharex=True, squeeze=False)[:, 0]
            _plot_losses(axes[0], curves, "steps")
            if LEARNING_RATE in curves:
                rate = curves[LEARNING_RATE]
                axes[1].plot(rate.steps, rate.values, color="tab:green")
                axes[1].set_yscale("log" if any(value > 0 for value in rate.values) else "linear")
                axes[1].set_ylabel("learning rate")
            axes[-1].set_xlabel("step")
            figure.savefig(os.path.join(place, "training_curve.png"), dpi=120)
        if any(not math.isnan(epoch) for curve in losses for epoch in curve.epochs):
            figure = _figure(run, 5)
            axis = figure.subplots()
            _plot_losses(axis, curves, "epochs")
            axis.set_xlabel("epoch")
            figure.savefig(os.path.join(place, "loss_by_epoch.png"), dpi=120)
        else:
            self.notes.append(f"{run}: no loss with an epoch, so there is no loss_by_epoch.png")


def _figure(title: str, height: float) -> Any:
    """Return an empty figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height), layout="constrained")
    figure.suptitle(title, parse_math=False)
    return figure


def _plot_losses(axis: Any, curves: dict[str, Curve], over: str) -> None:
    """Draw the training and the validation loss over their steps or epochs."""
    for name, label, mark in ((LOSS, "training", ""), (VAL_LOSS, "validation", "o")):
        if (curve := curves.get(name)) is not None:
            axis.plot(getattr(curve, over), curve.values, mark + "-", markersize=3, linewidth=1, label=label)
    axis.set_ylabel("loss")
    axis.grid(alpha=0.3)
    axis.legend()


def arrays(curves: dict[str, Curve]) -> dict[str, list[float | None]]:
    """Return arrays of one length, an entry for each step: null where a metric has no value there."""
    rows: dict[float, dict[str, float]] = {}
    for name, curve in curves.items():
        for step, epoch, value in zip(curve.steps, curve.epochs, curve.values, strict=True):
            row = rows.setdefault(step, {})
            row[METRICS[name]] = value
            if not math.isnan(epoch):
                row["epochs"] = epoch
    steps = sorted(rows)
    out: dict[str, list[float | None]] = {
        name: [rows[step].get(name) for step in steps] for name in (*METRICS.values(), "epochs")
    }
    out = {name: column for name, column in out.items() if any(value is not None for value in column)}
    return {"steps": [int(step) if step.is_integer() else step for step in steps], **out}
