"""LightGBM: a line a tree, and its own early stopping."""

from __future__ import annotations

from typing import Any

import lightgbm

from benchmarks.detection.real.programs.faults import Injector
from benchmarks.detection.real.programs.plan import Plan
from benchmarks.detection.real.programs.task import CLASSES, Points


def main() -> None:
    """Train as the command line says."""
    plan = Plan.read()
    injector = Injector(plan)

    def event(tree: Any) -> None:
        injector.before(tree.iteration + 1)
        injector.work()

    event.before_iteration = True  # type: ignore[attr-defined]
    size, spread = (600, 2.5) if plan.what == "early_stopping" else (6000, 1.0)  # few overfit soon
    train = lightgbm.Dataset(*Points(plan.seed, size, spread).batch(0))
    valid = lightgbm.Dataset(*Points(1, 600, spread).batch(0), reference=train)
    callbacks = [event, lightgbm.log_evaluation(1)]
    if plan.what == "early_stopping":
        callbacks.append(lightgbm.early_stopping(20))
    parameters = {
        "objective": "multiclass", "num_class": CLASSES, "learning_rate": 0.05, "num_leaves": 4,
        "num_threads": 1, "verbosity": 1, "seed": plan.seed,
    }  # fmt: skip
    lightgbm.train(parameters, train, plan.steps, [train, valid], ["train", "valid"], callbacks=callbacks)
    print("Training completed", flush=True)


if __name__ == "__main__":
    main()
