"""modded-nanogpt and parameter-golf: `step:2981/5960 train_time:731850ms step_avg:245.51ms`.

Newer versions print no training loss. `step_avg` is a running mean, `nan` at first.
"""

from runwatch.batch import EVAL, TRAIN
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import LinePattern

FORMAT = Format(
    name="modded-nanogpt",
    title="modded-nanogpt / parameter-golf",
    example="step:2981/5960 train_loss:3.2364 train_time:731850ms step_avg:245.51ms",
    matchers=(
        LinePattern(
            "train", TRAIN, rb"step:(?P<step>\d+)/(?P<total>\d+) (?=train_)", prefix=b"step:", fields=True
        ),
        LinePattern(
            "val", EVAL, rb"step:(?P<step>\d+)/(?P<total>\d+) (?=val_)", prefix=b"step:", fields=True
        ),
    ),
)
