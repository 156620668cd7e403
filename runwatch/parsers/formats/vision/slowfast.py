"""PySlowFast: `json_stats: {"_type": "train_iter_", "epoch": "2/90", "iter": "40/900", "loss": 2.125, ...}`.

Its json_stats.log, of epochs alone, is read as json-stats.
"""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import ITEMS, LinePattern

_EPOCH = rb"(?=[^\r\n]{0,400}?\"epoch\": \"(?P<epoch>\d+)/(?P<epochs>\d+)\")"
_ITER = rb"(?=[^\r\n]{0,400}?\"iter\": \"(?P<within>\d+)/(?P<per>\d+)\")"
_ERRORS = {name: f"val/{name}" for name in ("top1_err", "top5_err", "min_top1_err", "min_top5_err", "map")}

FORMAT = Format(
    name="slowfast",
    title="PySlowFast",
    example='[INFO] logging.py: 99: json_stats: {"_type": "train_iter_", "epoch": "2/90", ...}',
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"json_stats: \{(?=[^\r\n]{0,80}\"_type\": \"train_iter_?\")" + _EPOCH + _ITER,
            prefix=b"json_stats: {",
            fields=ITEMS,
            aliases={"time_diff": STEP_TIME, "dt": STEP_TIME},
            first_epoch=1,
        ),
        LinePattern(
            "val",
            EVAL,
            rb"json_stats: \{(?=[^\r\n]{0,80}\"_type\": \"val_epoch\")",
            prefix=b"json_stats: {",
            fields=ITEMS,
            aliases={**_ERRORS, "loss": "val/loss", "time_diff": "val/time"},
        ),
    ),
    logged=True,
)
