"""nanoGPT: `iter 2500: loss 1.7130, time 39015.51ms, mfu 6.95%`, evaluations as `step 0: train loss ...`."""

from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

FORMAT = Format(
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
