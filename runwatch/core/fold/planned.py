"""How many steps or epochs a run plans, where its step lines do not print it: its configuration says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STEPS = frozenset({
    "max_iter", "max_iters", "max_iterations", "max_steps", "max_train_steps", "max_training_steps",
    "max_timesteps", "max_update", "max_updates", "n_iter", "n_iters", "niter", "num_iterations", "num_iters",
    "num_timesteps",
    "num_train_steps", "num_training_steps", "total_iter", "total_timesteps",
    "total_iters", "total_iterations", "total_steps", "total_train_steps", "total_training_steps",
    "train_iters", "train_steps", "training_steps",
})  # fmt: skip
"""Settings that say how many steps, as programs call them."""
EPOCHS = frozenset({
    "epoch_num", "epochs", "max_epoch", "max_epochs", "n_epoch", "n_epochs", "nepoch", "nepochs",
    "num_epoch", "num_epochs", "num_train_epochs", "num_training_epochs", "total_epoch", "total_epochs",
    "train_epochs", "training_epochs",
})  # fmt: skip
"""Settings that say how many epochs."""
NAMES = STEPS | EPOCHS


@dataclass(slots=True)
class Plan:
    """What the settings of a run plan: numbers, and the settings that say so."""

    steps: tuple[int, str] | None = None
    epochs: tuple[int, str] | None = None

    def learn(self, settings: Mapping[str, str]) -> None:
        """Take all that is known of the settings."""
        self.steps, self.epochs = planned_steps(settings), planned_epochs(settings)


_SAVED = "checkpoint/"
"""Begins the names of settings that a checkpoint contains."""
_REACHED = "reached/"
"""Begins the names of settings that are reached."""


def of_checkpoint(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings that a checkpoint contains, under names that say so."""
    return {_SAVED + name: value for name, value in settings.items()}


def of_end(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings of which a run said at its end that they are reached, under names that say so."""
    return {_REACHED + name: value for name, value in settings.items()}


def planned_steps(settings: Mapping[str, str]) -> tuple[int, str] | None:
    """Return the planned number of steps and the setting that says so; None if none does, or they differ.

    Names may be paths, such as `trainer/max_steps`; a value below 1 means no limit. What
    checkpoints contain counts where nothing else does: they may be of an earlier launch. What is reached
    counts before all others.
    """
    return _planned(settings, STEPS)


def planned_epochs(settings: Mapping[str, str]) -> tuple[int, str] | None:
    """Return the planned number of epochs likewise."""
    return _planned(settings, EPOCHS)


def _planned(settings: Mapping[str, str], names: frozenset[str]) -> tuple[int, str] | None:
    said: dict[str, dict[int, str]] = {_REACHED: {}, "": {}, _SAVED: {}}
    for path, text in settings.items():
        name = path.rpartition("/")[2].replace("-", "_").lower()
        if name in names and (value := _count(text)) is not None:
            where = next(where for where in (_REACHED, _SAVED, "") if path.startswith(where))
            said[where][value] = f"{name} in its checkpoint" if where == _SAVED else name
    found = next(filter(None, said.values()), {})
    return next(iter(found.items())) if len(found) == 1 else None


def _count(text: str) -> int | None:
    try:
        value = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        return None
    return int(value) if 1 <= value < 2**53 and value == int(value) else None
