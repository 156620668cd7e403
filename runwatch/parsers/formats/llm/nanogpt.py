"""nanoGPT: `iter 2500: loss 1.7130, time 39015.51ms, mfu 6.95%`, evaluations as `step 0: train loss ...`."""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern

FORMAT = Format(
    name="nanogpt",
    title="nanoGPT",
    example="iter 2500: loss 1.7130, time 39015.51ms, mfu 6.95%",
    matchers=(
        LinePattern("train", TRAIN, rb"iter {step}:(?= loss )", fields=True, aliases={"time": STEP_TIME}),
        LinePattern(
            "eval",
            EVAL,
            rb"step {step}:(?= train loss [^\r\n(]*,)",
            fields=True,
            aliases={"train loss": "eval/train_loss"},
        ),
        LinePattern(  # Lit-LLaMA prints the same step lines
            "val", EVAL, rb"step {step}:(?= val loss )", fields=True
        ),
    ),
    markers=((b"saving checkpoint to ", "checkpoint"),),
)
