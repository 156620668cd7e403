"""PySlowFast: `json_stats: {"_type": "train_iter_", "epoch": "2/90", "iter": "40/900", "loss": 2.125, ...}`.

Its json_stats.log, of epochs alone, is read as json-stats.
"""

from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import ITEMS, evaluation, training
from runwatch.parsers.lexicon.records import HeldOut

_EPOCH = rb"(?=[^\r\n]{0,400}?\"epoch\": \"{epoch}/{epochs}\")"
_ITER = rb"(?=[^\r\n]{0,400}?\"iter\": \"{within}/{per}\")"

FORMAT = Format(
    name="slowfast",
    title="PySlowFast",
    example='[INFO] logging.py: 99: json_stats: {"_type": "train_iter_", "epoch": "2/90", ...}',
    matchers=(
        training(
            rb"json_stats: \{(?=[^\r\n]{0,80}\"_type\": \"train_iter_?\")" + _EPOCH + _ITER,
            fields=ITEMS,
            aliases={"time_diff": STEP_TIME},
            first_epoch=1,
        ),
        evaluation(
            rb"json_stats: \{(?=[^\r\n]{0,80}\"_type\": \"val_epoch\")",
            "val",
            fields=ITEMS,
            aliases=HeldOut(),
        ),
    ),
    logged=True,
)
