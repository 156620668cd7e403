"""WeNet: `TRAIN Batch 2/400 loss 9.25 loss_att 8.5 ... lr 0.0001 rank 0`, the epoch and the batch in it."""

from runwatch.core.metrics import VAL_LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import evaluation, training

_PACE = rb" (?:\| steps/sec \d+\.\d+\| )?"
_LINE = "2030-01-02 03:04:05,678 DEBUG TRAIN {}Batch {}/{} loss {}5 loss_att 8.5 lr 0.00012500 {}rank 0\n"
_NEW = "| steps/sec 0.527| "

FORMAT = Format(
    name="wenet",
    title="WeNet",
    example="DEBUG TRAIN Batch 2/400 loss 9.250000 loss_att 8.500000 loss_ctc 12.500000 lr 0.00012500 rank 0",
    matchers=(
        training(rb"TRAIN" + _PACE + rb"Batch {epoch}/{step_in_epoch} (?=loss )", fields=True),
        evaluation(
            rb"CV" + _PACE + rb"Batch \d+/\d+ loss {batch} (?=[^\r\n]{0,400}?history loss {loss})",
            "cv",
            aliases={"loss": VAL_LOSS, "batch": "val/batch_loss"},
        ),
    ),
    samples=(
        Sample(
            "".join(_LINE.format("", e, b, e + 9.1, "") for e, b in ((0, 0), (0, 100), (1, 0), (1, 100))),
            {"step": [0, 100, 200, 300], "train/loss": [9.15, 9.15, 10.15, 10.15], "rank": [0] * 4},
        ),
        Sample(
            _LINE.format(_NEW, 0, 100, 9.1, "grad_norm 1.500000 ")
            + "2030-01-02 03:04:05,678 DEBUG CV Batch 0/0 loss 7.5 loss_att 8.5 history loss 6.5 rank 0\n",
            {"step": [100], "train/grad_norm": [1.5]},
            {"val/loss": [6.5]},
        ),
    ),
)
