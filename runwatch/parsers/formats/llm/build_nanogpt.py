"""build-nanogpt: `step  9536 | loss: 3.144028 | lr 2.6655e-04 | norm: 0.2896 | ...`, and its log.txt."""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern

FORMAT = Format(
    name="build-nanogpt",
    title="build-nanogpt (Karpathy's GPT-2 reproduction)",
    example="step  9536 | loss: 3.144028 | lr 2.6655e-04 | norm: 0.2896 | dt: 407.70ms | tok/sec: 1285959.71",
    matchers=(
        LinePattern("train", TRAIN, rb"step +{step} \|(?= loss: )", fields=True),
        LinePattern("validation", EVAL, rb"validation loss: {validation_loss}$"),
        LinePattern("hellaswag", EVAL, rb"HellaSwag accuracy: \d+/\d+={HellaSwag_accuracy}$"),
    ),
)

LOG_TXT = Format(
    name="build-nanogpt-logtxt",
    title="build-nanogpt's log.txt",
    example="28022 train 3.127882",
    matchers=(
        LinePattern("train", TRAIN, rb"{step} train {loss}$", needle=b" train "),
        LinePattern("val", EVAL, rb"{step} val {val_loss}$", needle=b" val "),
        LinePattern("hella", EVAL, rb"{step} hella {HellaSwag_accuracy}$", needle=b" hella "),
    ),
)
