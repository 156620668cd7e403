"""modded-nanogpt and parameter-golf: `step:42/900 train_time:4200ms step_avg:100.00ms`.

Newer versions print no training loss. `step_avg` is a running mean, `nan` at first.
"""

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

FORMAT = Format(
    name="modded-nanogpt",
    title="modded-nanogpt / parameter-golf",
    example="step:42/900 train_loss:6.1250 train_time:4200ms step_avg:100.00ms",
    matchers=(
        training(rb"step:{step}/{total} (?=train_)", fields=True),
        evaluation(rb"step:{step}/{total} (?=val_)", "val", fields=True),
    ),
)
