"""Shapes that many hand-written training scripts share."""

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import DictPattern, evaluation, training

LOGGED_LOSS = Format(
    name="hf-custom-logger",
    title="Losses through Python's logging, the Trainer's evaluations as dicts",
    example="[2030-01-02 03:04:05,678] INFO: loss: 2.1250, aux_loss: 0.0125, grad_norm: 1.2500",
    matchers=(
        training(rb"(?=loss: {_}, [^\r\n]{0,300}?grad_norm: )", prefix=b"loss: ", fields=True),
        DictPattern("hf"),
    ),
    logged=True,
)

BATCH_LOSS = Format(
    name="epoch-batch-loss",
    title="Batch losses by epoch, without a step",
    example="2030-01-02 03:04:05,678 - INFO - Epoch 2 - Batch loss: 2.1250",
    matchers=(
        training(rb"Epoch {epoch} - Batch loss: {loss}\s*$", "batch"),
        evaluation(
            rb"Epoch {epoch} - Average Train Loss: {mean}\s*$",
            "mean",
            aliases={"mean": "train/epoch_loss", "epoch": "epoch"},
        ),
        evaluation(
            rb"Epoch {epoch} - (?:Average )?Val(?:idation)? Loss: {val_loss}\s*$",
            "validation",
            aliases={"epoch": "epoch"},
        ),
    ),
    logged=True,
)
