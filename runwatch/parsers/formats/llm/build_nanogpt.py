"""build-nanogpt: `step  9536 | loss: 3.144028 | lr 2.6655e-04 | norm: 0.2896 | ...`, and its log.txt."""

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

FORMAT = Format(
    name="build-nanogpt",
    title="build-nanogpt (Karpathy's GPT-2 reproduction)",
    example="step  9536 | loss: 3.144028 | lr 2.6655e-04 | norm: 0.2896 | dt: 407.70ms | tok/sec: 1285959.71",
    matchers=(
        training(rb"step +{step} \|(?= loss: )", fields=True),
        evaluation(rb"validation loss: {validation_loss}$", "validation"),
        evaluation(rb"HellaSwag accuracy: \d+/\d+={HellaSwag_accuracy}$", "hellaswag"),
    ),
)

LOG_TXT = Format(
    name="build-nanogpt-logtxt",
    title="build-nanogpt's log.txt",
    example="28022 train 3.127882",
    matchers=(
        training(rb"{step} train {loss}$"),
        evaluation(rb"{step} val {val_loss}$", "val"),
        evaluation(rb"{step} hella {HellaSwag_accuracy}$", "hella"),
    ),
)
