"""MaxText: `completed step: 40, seconds: 0.512, TFLOP/s/device: 125.0, ..., loss: 6.125`."""

from runwatch.core.metrics import STEP_TIME, TOKENS_PER_SEC
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import evaluation, training

FORMAT = Format(
    name="maxtext",
    title="MaxText",
    example="completed step: 40, seconds: 0.512, TFLOP/s/device: 125.0, Tokens/s/device: 8000.0, ...",
    matchers=(
        training(rb"completed step: {step},", fields=True, aliases={"seconds": STEP_TIME}),
        evaluation(rb"eval metrics after step: {step},", fields=True, aliases={"loss": "val/loss"}),
        evaluation(rb"[Aa]verage loss after step={step}[:,] ", "eval-older", fields=True),
    ),
    samples=(
        Sample(
            "completed step: 3, seconds: 5.625, TFLOP/s/device: 134.500, Tokens/s/device: 8671.750, "
            "total_weights: 196608, loss: 10.875\n",
            {"step": [3], STEP_TIME: [5.625], TOKENS_PER_SEC: [8671.75], "train/loss": [10.875]},
        ),
    ),
)
