"""Shapes that many hand-written training scripts share."""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import DictPattern, LinePattern

LOGGED_LOSS = Format(
    name="hf-custom-logger",
    title="Losses through Python's logging, the Trainer's evaluations as dicts",
    example="[2030-01-02 03:04:05,678] INFO: loss: 2.1250, aux_loss: 0.0125, grad_norm: 1.2500",
    matchers=(
        LinePattern(
            "train", TRAIN, rb"(?=loss: {_}, [^\r\n]{0,300}?grad_norm: )", prefix=b"loss: ", fields=True
        ),
        DictPattern("hf"),
    ),
    logged=True,
)

BATCH_LOSS = Format(
    name="epoch-batch-loss",
    title="Batch losses by epoch, without a step",
    example="2030-01-02 03:04:05,678 - INFO - Epoch 2 - Batch loss: 2.1250",
    matchers=(
        LinePattern("batch", TRAIN, rb"Epoch {epoch} - Batch loss: {loss}\s*$"),
        LinePattern(
            "mean",
            EVAL,
            rb"Epoch {epoch} - Average Train Loss: {mean}\s*$",
            aliases={"mean": "train/epoch_loss", "epoch": "epoch"},
        ),
        LinePattern(
            "validation",
            EVAL,
            rb"Epoch {epoch} - (?:Average )?Val(?:idation)? Loss: {val_loss}\s*$",
            aliases={"epoch": "epoch"},
        ),
    ),
    logged=True,
)
