"""Lets runwatch read the logs of tinytrain, a trainer made up for this example.

tinytrain 0.3 on 8 devices
12:00:01 [tiny] update 40 of 900: loss=2.1250 lr=1.0e-03 took=125.0ms
12:00:09 [tiny] held-out after 40: nll=2.2500
12:03:09 [tiny] all 900 updates done

The time in front is not described: runwatch knows what loggers put before a message.
"""

from runwatch.core.metrics import STEP_TIME, VAL_LOSS
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

FORMAT = Format(
    name="tinytrain",
    title="tinytrain",
    example="[tiny] update 40 of 900: loss=2.1250 lr=1.0e-03 took=125.0ms",
    matchers=(
        training(
            rb"\[tiny\] update {step} of {total}:",  # what only such a line begins with
            fields=True,  # behind it, everything that is written as name=value or name: value
            aliases={"took": STEP_TIME},  # names that runwatch does not know by itself
        ),
        evaluation(rb"\[tiny\] held-out after {step}:", fields=True, aliases={"nll": VAL_LOSS}),
    ),
)
