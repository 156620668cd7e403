"""Darknet (pjreddie's and AlexeyAB's): ` 40: 2.125000, 2.250000 avg loss, 0.001000 rate, ...`."""

from runwatch.core.metrics import LEARNING_RATE, STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

FORMAT = Format(
    name="darknet",
    title="Darknet",
    example=" 40: 2.125000, 2.250000 avg loss, 0.001000 rate, 0.512500 seconds, 2560 images, 1.5 hours left",
    matchers=(
        training(
            rb"\s*{step}(?:, \d+\.\d+)?: {loss}, "  # a classifier shows the epoch behind the batch
            rb"{avg_loss} avg(?: loss)?, {rate} rate, {seconds} seconds, {images} images",
            aliases={"rate": LEARNING_RATE, "seconds": STEP_TIME},
        ),
        evaluation(rb"\s*mean average precision \(mAP@0?\.50\) = {map}", "map", aliases={"map": "val/mAP50"}),
    ),
)
