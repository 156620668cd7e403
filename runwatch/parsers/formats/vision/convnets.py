"""Early programs for convolutional networks: cuda-convnet and its kin, Darknet (pjreddie's, AlexeyAB's)."""

from runwatch.core.metrics import LEARNING_RATE, LOSS, STEP_TIME, VAL_LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import evaluation, training

CUDA_CONVNET = Format(
    name="cuda-convnet",
    title="cuda-convnet",
    example="3.20... logprob:  0.648860, 0.351562 (0.651 sec)",
    matchers=(
        training(
            rb"{epoch}\.{step_in_epoch}\.\.\. logprob: {1,4}{logprob}, {error}(?: \({sec} sec\))?",
            "cuda-convnet",
            aliases={"logprob": LOSS, "sec": STEP_TIME},
        ),
        evaluation(
            rb"logprob: {1,4}{logprob}, {error}", "test", aliases={"logprob": VAL_LOSS, "error": "val/error"}
        ),
    ),
    samples=(
        Sample(
            "1.1... logprob:  2.250000, 0.875000 (0.500 sec)\n"
            "1.2... logprob:  2.125000, 0.750000 (0.500 sec)\n"
            "======================Test output======================\n"
            "logprob:  2.000000, 0.625000 \n"
            "-------------------------------------------------------\n"
            "2.1... logprob:  1.875000, 0.500000 (0.500 sec)\n",
            {"train/loss": [2.25, 2.125, 1.875], "error": [0.875, 0.75, 0.5], "step": [1, 2, 3]},
            {"val/loss": [2.0], "val/error": [0.625]},
        ),
    ),
)

DARKNET = Format(
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
