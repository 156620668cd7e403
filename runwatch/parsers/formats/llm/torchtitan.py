"""torchtitan: `step: 40  loss:  6.1250  grad_norm:  1.2500  memory: 12.50GiB(50.00%)  tps: 10,000 ...`.

A line without the memory (early on: `iter`) is any script's. Colors are taken off before;
the planned steps are in one line at the start.
"""

from runwatch.core.batch import PLAN
from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern, evaluation, training

FORMAT = Format(
    name="torchtitan",
    title="torchtitan",
    example="[rank0]:[titan] 2030-01-02 03:04:05,678 - root - INFO - step: 40  loss:  6.1250  ...",
    matchers=(
        training(
            rb"step: +{step} +(?=(?:global_avg_)?loss: [^\r\n]{1,200}? (?:memory|iter): )",
            fields=True,
            aliases={"iter": STEP_TIME},
        ),
        evaluation(
            rb"validate step: +{step} +(?=loss: )",
            "validate",
            fields=True,
            aliases={"loss": "val/loss", "tps": "val/tps"},
        ),
        LinePattern("plan", PLAN, rb"Trainer is initialized with [^\r\n]{0,400}?total steps {total}"),
    ),
    markers=((b"Saving the checkpoint", "checkpoint"),),
    logged=True,
)
