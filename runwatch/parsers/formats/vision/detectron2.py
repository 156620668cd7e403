"""Detectron2 and its kin: `d2.utils.events: eta: 0:07:20  iter: 39  total_loss: 2.125 ...`."""

from runwatch.core.batch import TRAIN
from runwatch.core.metrics import LOSS, STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern

_ALIASES = {"time": STEP_TIME, "total_loss": LOSS}

FORMAT = Format(
    name="detectron2",
    title="Detectron2 and its kin (AdelaiDet, FastReID)",
    example="[01/02 03:04:05 d2.utils.events]:  eta: 0:07:20  iter: 39  total_loss: 2.125  lr: 0.00125  ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"eta: (?:(?:\d+ days?, )?[\d:]{4,8}|N/A) {1,4}(?:iter: |epoch/iter: \d+/)(?P<step>\d+) {1,4}"
            rb"(?=[^\r\n]{0,2000}?total_loss: )",
            fields=True,
            aliases=_ALIASES,
        ),
        LinePattern(  # the first line, before a time is known to reckon with
            "first", TRAIN, rb"iter: (?P<step>\d+) {1,4}(?=total_loss: )", fields=True, aliases=_ALIASES
        ),
    ),
    logged=True,
)
