"""fairseq: `| INFO | train_inner | epoch 001:  40 / 900 loss=6.125, ..., num_updates=40, lr=...`, or JSON.

The step is `num_updates`; the numbers after the epoch count batches.
"""

from typing import Any

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import ITEMS, evaluation, training

_ALIASES = {f"{part}num_updates": "step" for part in ("", "train_", "valid_")}
_VALID = {"num_updates": "step", "loss": "val/loss", "ppl": "val/ppl", "best_loss": "val/best_loss"}
_VALID |= {name: f"val/{name}" for name in ("nll_loss", "wps", "wpb", "bsz")}
_BATCH = rb"epoch {epoch}: +\d+ / {per}(?= [^\r\n]{0,4000}?\bnum_updates={step}(?!\d))"
_EPOCH = rb"epoch {epoch} \|(?= loss [^\r\n]{0,2000}?\| num_updates {step}(?!\d))"
_JSON = rb"(?=\{[^\r\n]{0,4000}?num_updates\W)"
_SUMMARY: dict[str, Any] = {"fields": True, "aliases": _ALIASES}
_TRAIN: dict[str, Any] = {"fields": True, "first_epoch": 1}

_VALIDS = (
    evaluation(rb"valid \| " + _JSON, "valid-json", fields=ITEMS, aliases=_ALIASES),
    evaluation(rb"\[valid\]\[INFO\] - " + _JSON, "valid-hydra", fields=ITEMS, aliases=_ALIASES),
    evaluation(
        rb"valid \| epoch {epoch} \|(?: valid on '[^'\r\n]{0,80}' subset \|)?",
        "valid",
        fields=True,
        aliases=_VALID,
    ),
    evaluation(
        rb"(?<!valid )(?<!valid \| )(?:\| )?epoch {epoch} \| valid on '[^'\r\n]{0,80}' subset \|",
        "valid-oldest",
        fields=True,
        aliases=_VALID,
    ),
)

FORMAT = Format(
    name="fairseq",
    title="fairseq",
    example="2030-01-02 03:04:05 | INFO | train_inner | epoch 001:  40 / 900 loss=6.125, ...",
    matchers=(
        training(rb"train_inner \| " + _BATCH, **_TRAIN),
        training(rb"(?<!train_inner \| )" + _BATCH, "train-older", **_TRAIN),
        training(rb"(?<!train_inner )\| " + _BATCH, "train-oldest", **_TRAIN),
        training(rb"train_inner \| " + _JSON, "train-json", fields=ITEMS, aliases=_ALIASES),
        training(  # Hydra's logging
            rb"\[train_inner\]\[INFO\] - " + _JSON, "train-hydra", fields=ITEMS, aliases=_ALIASES
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
        training(rb"train \| " + _EPOCH, "epoch", **_SUMMARY),
        training(rb"(?<!train )(?<!valid )\| " + _EPOCH, "epoch-oldest", **_SUMMARY),
        training(rb"train \| " + _JSON, "epoch-json", fields=ITEMS, aliases=_ALIASES),
        training(rb"\[train\]\[INFO\] - " + _JSON, "epoch-hydra", fields=ITEMS, aliases=_ALIASES),
        *_VALIDS,
    ),
    logged=True,
    weak=True,
)
