"""icefall (k2): `Epoch 1, batch 8, loss[loss=0.4969, ..., over 5310.00 frames.], tot_loss[...], lr: 3.00e-03`.

The step is the batch within the epoch, whose length is not printed.
"""

from runwatch.batch import EVAL, TRAIN
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import LinePattern

FORMAT = Format(
    name="icefall",
    title="icefall (k2 speech recognition)",
    example="2022-06-08 08:01:42,786 INFO [train.py:815] Epoch 1, batch 8, loss[loss=0.4969, over 5310.00 frames.], ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"Epoch (?P<epoch>\d+), batch (?P<step>\d+), (?:global_batch_idx: \d+, )?(?:batch size: \d+, )?"
            rb"loss\[(?=[^\r\n]{0,2000}\], )",
            prefix=b"Epoch ",
            fields=True,
        ),
        LinePattern(
            "validation",
            EVAL,
            rb"Epoch (?P<epoch>\d+), validation: (?=loss=)",
            prefix=b"Epoch ",
            fields=True,
            aliases={"loss": "val/loss", "simple_loss": "val/simple_loss", "pruned_loss": "val/pruned_loss"},
        ),
    ),
)
