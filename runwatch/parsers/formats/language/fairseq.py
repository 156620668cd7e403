"""fairseq: `| INFO | train_inner | epoch 001:  40 / 900 loss=6.125, ..., num_updates=40, lr=...`, or JSON.

The step is `num_updates`; the numbers after the epoch count batches.
"""

from typing import Any

from runwatch.core.batch import EVAL, TRAIN
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import ITEMS, LinePattern

_ALIASES = {f"{part}num_updates": "step" for part in ("", "train_", "valid_")}
_VALID = {"num_updates": "step", "loss": "val/loss", "ppl": "val/ppl", "best_loss": "val/best_loss"}
_VALID |= {name: f"val/{name}" for name in ("nll_loss", "wps", "wpb", "bsz")}
_BATCH = rb"epoch {epoch}: +\d+ / {per}(?= [^\r\n]{0,4000}?\bnum_updates={step}(?!\d))"
_EPOCH = rb"epoch {epoch} \|(?= loss [^\r\n]{0,2000}?\| num_updates {step}(?!\d))"
_SUMMARY: dict[str, Any] = {"fields": True, "aliases": _ALIASES}
_TRAIN: dict[str, Any] = {"fields": True, "first_epoch": 1}

_VALIDS = (
    LinePattern("valid-json", EVAL, rb"valid \| (?=\{)", fields=ITEMS, aliases=_ALIASES),
    LinePattern("valid-hydra", EVAL, rb"\[valid\]\[INFO\] - (?=\{)", fields=ITEMS, aliases=_ALIASES),
    LinePattern(
        "valid",
        EVAL,
        rb"valid \| epoch {epoch} \|(?: valid on '[^'\r\n]{0,80}' subset \|)?",
        fields=True,
        aliases=_VALID,
    ),
    LinePattern(
        "valid-oldest",
        EVAL,
        rb"\| epoch {epoch} \| valid on '[^'\r\n]{0,80}' subset \|",
        fields=True,
        aliases=_VALID,
    ),
)

FORMAT = Format(
    name="fairseq",
    title="fairseq",
    example="2030-01-02 03:04:05 | INFO | train_inner | epoch 001:  40 / 900 loss=6.125, ...",
    matchers=(
        LinePattern("train", TRAIN, rb"train_inner \| " + _BATCH, **_TRAIN),
        LinePattern("train-older", TRAIN, rb"(?<!train_inner \| )" + _BATCH, **_TRAIN),
        LinePattern("train-oldest", TRAIN, rb"(?<!train_inner )\| " + _BATCH, **_TRAIN),
        LinePattern("train-json", TRAIN, rb"train_inner \| (?=\{)", fields=ITEMS, aliases=_ALIASES),
        LinePattern(  # Hydra's logging
            "train-hydra", TRAIN, rb"\[train_inner\]\[INFO\] - (?=\{)", fields=ITEMS, aliases=_ALIASES
        ),
        *_VALIDS,
    ),
    logged=True,
)

EPOCHS = Format(
    name="fairseq-epochs",
    title="fairseq, where an epoch is shorter than its log interval",
    example="2030-01-02 03:04:05 | INFO | train | epoch 001 | loss 6.125 | ... | num_updates 40 | ...",
    matchers=(
        LinePattern("epoch", TRAIN, rb"train \| " + _EPOCH, **_SUMMARY),
        LinePattern("epoch-oldest", TRAIN, rb"(?<!train )(?<!valid )\| " + _EPOCH, **_SUMMARY),
        LinePattern("epoch-json", TRAIN, rb"train \| (?=\{)", fields=ITEMS, aliases=_ALIASES),
        LinePattern("epoch-hydra", TRAIN, rb"\[train\]\[INFO\] - (?=\{)", fields=ITEMS, aliases=_ALIASES),
        *_VALIDS,
    ),
    logged=True,
    weak=True,
)
