"""YOLACT: the epoch, the iteration of the run, the parts of the loss by their letters, their total `T`."""

import re

from runwatch.core.metrics import LOSS, STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import VALUE, training

FORMAT = Format(
    name="yolact",
    title="YOLACT",
    example="[  0]     100 || B: 4.512 | C: 9.018 | T: 13.530 || ETA: 1 day, 2:03:04 || timer: 0.912",
    matchers=(
        training(
            rb"\[ *{epoch}\] +{step} \|\|(?= [A-Z]: [^\r\n]{1,300} \|\| ETA: [^\r\n]{1,40} \|\| timer: )",
            needle=b" || timer: ",
            fields=re.compile(rb"(?<= )([A-Z]|timer): (" + VALUE + rb")(?= \||\s*$)"),
            aliases={"T": LOSS, "timer": STEP_TIME},
        ),
    ),
)
