"""Megatron-LM, Megatron-DeepSpeed, GPT-NeoX: `iteration 40/ 900 | consumed samples: 5120 | lm loss: ...`.

A line has no loss where every iteration since the last one was skipped while
the loss scale was sought.
"""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import VAL_LOSS
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern

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
        LinePattern("train", TRAIN, rb"iteration +{step}/ *{total} \|", fields=True, aliases=_ALIASES),
        LinePattern(
            "neox",
            TRAIN,
            rb"samples/sec: {samples_sec} \| iteration +{step}/ *{total} \|",
            fields=True,
            aliases={**_ALIASES, "samples sec": "perf/samples_per_sec"},
        ),
        LinePattern(
            "validation",
            EVAL,
            rb"validation loss at iteration {step}(?: on validation set)? \|(?! *test)",
            fields=True,
            aliases=_VALID,
        ),
        LinePattern(
            "validation-neox",
            EVAL,
            rb"validation results at iteration {step} \|",
            fields=True,
            aliases=_VALID,
        ),
        LinePattern(  # WikiText and LAMBADA, in between or by tasks/main.py
            "task", EVAL, rb"validation results on [\w ().-]{1,40} \| ", fields=True, aliases=_TASK
        ),
        LinePattern(
            "test",
            EVAL,
            rb"validation loss at (?:the end of training for test data|iteration {step} on test set) \|",
            fields=True,
            aliases={"lm loss value": "test/loss", "lm loss PPL": "test/ppl"},
        ),
    ),
    markers=(
        (b"saving checkpoint at iteration", "checkpoint"),
        (b"successfully saved checkpoint", "checkpoint"),
    ),
    logged=True,
)
