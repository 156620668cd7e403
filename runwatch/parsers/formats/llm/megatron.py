"""Megatron-LM, Megatron-DeepSpeed, GPT-NeoX: `iteration 40/ 900 | consumed samples: 5120 | lm loss: ...`.

A line has no loss where every iteration since the last one was skipped while the loss scale was sought.
"""

from runwatch.core.metrics import VAL_LOSS
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

_ALIASES = {
    "throughput per GPU": "perf/tflops",
    "TFLOPs": "perf/tflops",
    "approx flops per GPU": "perf/tflops",
    "tokens per gpu per second": "perf/tokens_per_sec",
}

_VALID = {
    "loss": VAL_LOSS,
    "LM loss": VAL_LOSS,
    "lm_loss value": VAL_LOSS,
    "PPL": "val/ppl",
    "LM PPL": "val/ppl",
    "lm_loss_ppl value": "val/ppl",
}
"""What GPT-NeoX, GLM and SwissArmyTransformer, and the first Megatron call what they evaluate."""

_TASK = {"avg accuracy": "val/accuracy", "avg loss": VAL_LOSS, "ppl": "val/ppl"}

FORMAT = Format(
    name="megatron",
    title="Megatron-LM / Megatron-DeepSpeed / GPT-NeoX",
    example=" iteration 40/ 900 | consumed samples: 5120 | elapsed time per iteration (ms): 512.2 | ...",
    matchers=(
        training(rb"iteration +{step}/ *{total} \|", fields=True, aliases=_ALIASES),
        training(
            rb"samples/sec: {samples_sec} \| iteration +{step}/ *{total} \|",
            "neox",
            fields=True,
            aliases=_ALIASES,
        ),
        evaluation(
            rb"validation loss at iteration {step}(?: on validation set)? \|(?! *test)",
            "validation",
            fields=True,
            aliases=_VALID,
        ),
        evaluation(
            rb"validation results at iteration {step} \|", "validation-neox", fields=True, aliases=_VALID
        ),
        evaluation(  # WikiText and LAMBADA, in between or by tasks/main.py
            rb"validation results on [\w ().-]{1,40} \| ", "task", fields=True, aliases=_TASK
        ),
        evaluation(
            rb"validation loss at (?:the end of training for test data|iteration {step} on test set) \|",
            "test",
            fields=True,
            aliases={"lm loss value": "test/loss", "lm loss PPL": "test/ppl"},
        ),
    ),
    logged=True,
)
