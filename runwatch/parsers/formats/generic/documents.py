"""JSON documents: what their keys mean."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runwatch.core.metrics import EPOCH
from runwatch.parsers.api import Format
from runwatch.parsers.lexicon.counters import ANY
from runwatch.parsers.structured.keyed_records import TRAINED, Schema


@dataclass(frozen=True, slots=True)
class DocumentFormat:
    """A kind of document and the meaning of its entries' keys."""

    name: str
    title: str
    example: str
    schema: Schema


_TRAINED = re.compile(TRAINED.pattern + r"|^(?:(?:mean|avg|episode)_)*(?:reward|return)s?$", re.IGNORECASE)
"""An array next to one of places is of training if it holds rewards, too."""

TRAINER_STATE = DocumentFormat(
    name="trainer-state",
    title="Hugging Face Trainer's trainer_state.json",
    example='{"log_history": [{"loss": 2.49, "grad_norm": 1.1, "learning_rate": 5e-05, "step": 10}], ...}',
    schema=Schema(
        "trainer-state",
        steps=("step",),
        needs=frozenset({"step"}),
        train=re.compile(r"^(?:loss|grad_norm|learning_rate)$"),
        totals=("max_steps",),
        modes=(),
        aliases={"train_loss": "train_loss", "total_flos": "total_flos"},  # means over the whole run
        ends=frozenset({"train_runtime"}),
    ),
)
CATBOOST = DocumentFormat(
    name="catboost-json",
    title="CatBoost's catboost_training.json",
    example='{"meta": {"learn_metrics": [...]}, "iterations": [{"learn": [0.69], "iteration": 0}, ...]}',
    schema=Schema(
        "catboost",
        steps=("iteration",),
        needs=frozenset({"iteration"}),
        train=re.compile("^learn/"),
        totals=("iteration_count",),
        modes=(),
    ),
)
ARRAYS = DocumentFormat(
    name="training-metrics",
    title="JSON arrays side by side: training_metrics.json, a Keras history",
    example='{"steps": [10, 20], "train_loss": [3.1, 2.9], "val_loss": [null, 3.0]}',
    schema=Schema("arrays", modes=(), train=_TRAINED, aliases={"epochs": EPOCH}),
)
ENTRIES = DocumentFormat(
    name="json",
    title="A JSON list of records with a step and a loss",
    example='[{"step": 10, "loss": 3.1}, {"step": 20, "loss": 2.9}]',
    schema=Schema("json", steps=ANY),
)

FORMATS = tuple(Format(f.name, f.title, f.example) for f in (TRAINER_STATE, CATBOOST, ARRAYS, ENTRIES))
"""For lists of formats; no line of theirs means anything by itself."""
