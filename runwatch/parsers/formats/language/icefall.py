"""icefall (k2): `Epoch 1, batch 40, loss[loss=0.625, ..., over 500.0 frames.], tot_loss[...], lr: 2.50e-03`.

The length of an epoch is not printed: it is what the first epoch shows.
"""

from runwatch.core.metrics import LOSS
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

_LOSSES = ("", "simple_", "pruned_", "ctc_", "att_", "attention_decoder_", "cr_", "mmi_")
_EVALUATED = (*(f"{name}loss" for name in _LOSSES), "over", "WER")

FORMAT = Format(
    name="icefall",
    title="icefall (k2 speech recognition)",
    example="2030-01-02 03:04:05,678 INFO [train.py:123] Epoch 1, batch 40, loss[loss=0.625, ...",
    matchers=(
        training(
            rb"Epoch {epoch}, batch {step_in_epoch}, (?:global_batch_idx: \d+, )?"
            rb"(?:batch size: \d+, )?(?:[a-z]\w{0,30}_)?loss\[(?=[^\r\n]{0,2000}\], )",
            fields=True,
        ),
        training(  # of 2021
            rb"Epoch {epoch}, batch {step_in_epoch}, (?=batch avg )",
            "train-older",
            fields=True,
            aliases={"batch avg loss": LOSS, "total avg loss": "total avg loss"},
        ),
        evaluation(rb"Epoch {epoch}, (?=valid (?:\w+ )?loss )", "validation-older", fields=True),
        evaluation(
            rb"Epoch {epoch}, validation:? (?=\w*loss=)",
            "validation",
            fields=True,
            aliases={name: f"val/{name}" for name in _EVALUATED},
        ),
    ),
)
