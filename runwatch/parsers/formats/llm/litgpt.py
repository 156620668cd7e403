"""LitGPT: `Epoch 2 | iter 40 step 10 | loss train: 2.125, val: n/a | iter time: 512.25 ms (step)`.

Several iterations make one step. The validation loss is repeated until there is a newer one.
"""

from runwatch.core.metrics import REMAINING, STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

_LEFT = {"left h": REMAINING, "left m": REMAINING, "left s": REMAINING}
_PARTS = {"left h": "h", "left m": "min", "left s": "s"}
_CLOCK = rb"(?:[^\r\n]{0,20} remaining time: (?P<left_h>\d+):(?P<left_m>\d\d):(?P<left_s>\d\d))?"

FORMAT = Format(
    name="litgpt",
    title="LitGPT / Lit-LLaMA",
    example="Epoch 2 | iter 40 step 10 | loss train: 2.125, val: n/a | iter time: 512.25 ms (step)",
    matchers=(
        training(
            rb"Epoch {epoch} ?\| iter {iter} step {step} ?\| loss train: {loss}, "
            rb"?val: (?:{_}|n/a) ?\| iter time: {iter_time} ?ms" + _CLOCK,
            aliases=_LEFT,
            units={"iter time": "ms", **_PARTS},
        ),
        training(
            rb"iter {iter}(?:(?: \|)? step {step})?: loss {loss},(?: iter)? time: {time} ?ms" + _CLOCK,
            "train-older",
            aliases={"time": STEP_TIME, **_LEFT},
            units={"time": "ms", **_PARTS},
        ),
        evaluation(rb"Final evaluation \| val loss: {val_loss}(?= \|)", "final"),
        evaluation(rb"iter {iter}: val loss {val_loss},", "val"),
        evaluation(  # older ones call the iteration a step here
            rb"step {iter}: val loss {val_loss}(?=,|\s*$)", "val-older"
        ),
    ),
    markers=((b"Training time: ", "over"), (b"| - Training Time", "over")),
)
