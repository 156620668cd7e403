"""OpenMMLab (MMDetection, MMEngine): `Epoch [2][50/900]  lr: 1.250e-03, eta: ..., loss: 0.6`."""

from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training
from runwatch.parsers.lexicon.records import HeldOut

_ALIASES = {"time": STEP_TIME}
_VAL = rb" ?\(val\) +(?:\[\d+\])?\[ *\d+(?:/\d+)?\]\s+(?!eta)"

FORMAT = Format(
    name="openmmlab",
    title="OpenMMLab (mmcv, mmengine)",
    example="2030-01-02 03:04:05,678 - mmdet - INFO - Epoch [2][50/900]\tlr: 1.250e-03, ...",
    matchers=(
        training(
            rb"Epoch ?(?:\(train\))? +\[{epoch}\]\[ *{within}/{per}\]\s",
            fields=True,
            aliases=_ALIASES,
            first_epoch=1,
        ),
        training(
            rb"(?<![^:\d]\d\] )(?<![^:]\d\d\] )"  # behind a stamp, but no number in brackets
            rb"Iter(?: ?\(train\) +| +(?=\[[ /\d]{1,40}\]\s+(?:base_)?lr: ))\[ *{step}/{total}\]\s",
            "train-iter",
            fields=True,
            aliases=_ALIASES,
        ),
        evaluation(rb"Epoch" + _VAL, "val", fields=True, aliases=HeldOut()),
        evaluation(rb"Iter" + _VAL, "val-iter", fields=True, aliases=HeldOut()),
    ),
    logged=True,
)
