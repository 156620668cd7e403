"""NeMo: `Training epoch 0, iteration 123/149 | lr: 3e-05 | ... | global_step: 123 | reduced_train_loss: 1.245 | ...`."""

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import LOSS
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import LinePattern

FORMAT = Format(
    name="nemo",
    title="NVIDIA NeMo / BioNeMo",
    example="Training epoch 0, iteration 123/149 | lr: 3e-05 | global_step: 123 | reduced_train_loss: 1.245 | ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"Training epoch (?P<epoch>\d+), iteration (?:\d+/(?P<total>\d+) \|(?=[^\r\n]{0,2000}? global_step: "
            rb"(?P<step>\d+)(?!\d))|(?P<iteration>\d+)/\d+ \|)",
            prefix=b"Training epoch ",
            fields=True,
            aliases={"iteration": "step", "reduced_train_loss": LOSS},
        ),
        LinePattern(
            "validation",
            EVAL,
            rb"Validation: iteration (?P<iteration>\d+)/\d+(?: \||$)",
            prefix=b"Validation: iteration ",
            aliases={"iteration": "val/iteration"},
        ),
    ),
)
