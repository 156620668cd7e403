"""NeMo: `Training epoch 0, iteration 40/899 | lr: 2e-05 | ... | reduced_train_loss: 2.125 | ...`."""

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

FORMAT = Format(
    name="nemo",
    title="NVIDIA NeMo / BioNeMo",
    example="Training epoch 0, iteration 40/899 | lr: 2e-05 | reduced_train_loss: 2.125 | ...",
    matchers=(
        training(
            rb"Training epoch {epoch}, iteration (?:\d+/{total} \|(?=[^\r\n]{0,2000}? global_step: "
            rb"{step}(?!\d))|{iteration}/\d+ \|)",
            fields=True,
            aliases={"iteration": "step"},
        ),
        evaluation(
            rb"Validation: iteration {iteration}/\d+(?: \||$)",
            "validation",
            aliases={"iteration": "val/iteration"},
        ),
    ),
)
