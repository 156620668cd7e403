"""nanoGPT, and what was made of it: with tagged lines, modded-nanogpt, parameter-golf, build-nanogpt.

Newer versions of modded-nanogpt print no training loss; its `step_avg` is a running mean, `nan` at first.
"""

from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

NANOGPT = Format(
    name="nanogpt",
    title="nanoGPT",
    example="iter 2500: loss 1.7130, time 39015.51ms, mfu 6.95%",
    matchers=(
        training(rb"iter {step}:(?= loss )", fields=True, aliases={"time": STEP_TIME}),
        evaluation(
            rb"step {step}:(?= train loss [^\r\n(]*,)", fields=True, aliases={"train loss": "eval/train_loss"}
        ),
        evaluation(  # Lit-LLaMA prints the same step lines
            rb"step {step}:(?= val loss )", "val", fields=True
        ),
    ),
)

TAGGED = Format(
    name="nanogpt-tagged",
    title="nanoGPT with tagged lines",
    example="[train] iter 40: loss 6.1250 512 ms/iter",
    matchers=(
        training(rb"\[train\] iter {step}: loss {loss} +{dt} ?ms/iter", units={"dt": "ms"}),
        evaluation(
            rb"\[eval\] iter {step}: train {train} val {val_loss}(?: lr {lr})?",
            aliases={"train": "eval/train_loss"},
        ),
    ),
)

MODDED = Format(
    name="modded-nanogpt",
    title="modded-nanogpt / parameter-golf",
    example="step:42/900 train_loss:6.1250 train_time:4200ms step_avg:100.00ms",
    matchers=(
        training(rb"step:{step}/{total} (?=train_)", fields=True),
        evaluation(rb"step:{step}/{total} (?=val_)", "val", fields=True),
    ),
)

BUILD = Format(
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
