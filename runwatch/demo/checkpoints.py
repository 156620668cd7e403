"""Checkpoints of the demo run, named and laid out as nanochat does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from runwatch.demo.model import Model


def save(directory: Path, step: int, model: Model, meta: dict[str, Any]) -> tuple[Path, Path]:
    """Write `model_<step>.pt` (a numpy archive) and `meta_<step>.json`; return both paths.

    Each file appears whole or not at all. Raises OSError if it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    weights, facts = directory / f"model_{step:06d}.pt", directory / f"meta_{step:06d}.json"
    partial = weights.with_suffix(".tmp")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **model.parameters)
    partial.replace(weights)
    partial = facts.with_suffix(".tmp")
    partial.write_text(json.dumps({"step": step, **meta}, indent=2))
    partial.replace(facts)
    return weights, facts
