"""icefall (k2): `Epoch 1, batch 40, loss[loss=0.625, ..., over 500.0 frames.], tot_loss[...], lr: 2.50e-03`.

The length of an epoch is not printed: it is what the first epoch shows.
"""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import LOSS
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern

_LOSSES = ("", "simple_", "pruned_", "ctc_", "att_", "attention_decoder_", "cr_", "mmi_")
_EVALUATED = (*(f"{name}loss" for name in _LOSSES), "over", "WER")

FORMAT = Format(
    name="icefall",
    title="icefall (k2 speech recognition)",
    example="2030-01-02 03:04:05,678 INFO [train.py:123] Epoch 1, batch 40, loss[loss=0.625, ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"Epoch {epoch}, batch {step_in_epoch}, (?:global_batch_idx: \d+, )?"
            rb"(?:batch size: \d+, )?(?:[a-z]\w{0,30}_)?loss\[(?=[^\r\n]{0,2000}\], )",
            fields=True,
        ),
        LinePattern(  # of 2021
            "train-older",
            TRAIN,
            rb"Epoch {epoch}, batch {step_in_epoch}, (?=batch avg )",
            fields=True,
            aliases={"batch avg loss": LOSS, "total avg loss": "total avg loss"},
        ),
        LinePattern("validation-older", EVAL, rb"Epoch {epoch}, (?=valid (?:\w+ )?loss )", fields=True),
        LinePattern(
            "validation",
            EVAL,
            rb"Epoch {epoch}, validation:? (?=\w*loss=)",
            fields=True,
            aliases={name: f"val/{name}" for name in _EVALUATED},
        ),
    ),
)
