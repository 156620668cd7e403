"""icefall (k2): `Epoch 1, batch 40, loss[loss=0.625, ..., over 500.0 frames.], tot_loss[...], lr: 2.50e-03`.

The step is the batch within the epoch, whose length is not printed.
"""

from runwatch.batch import EVAL, TRAIN
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import LinePattern

FORMAT = Format(
    name="icefall",
    title="icefall (k2 speech recognition)",
    example="2030-01-02 03:04:05,678 INFO [train.py:123] Epoch 1, batch 40, loss[loss=0.625, ...",
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
            aliases={name: f"val/{name}" for name in ("loss", "simple_loss", "pruned_loss", "over")},
        ),
    ),
)
