"""Detectron2 and its kin: `d2.utils.events: eta: 0:07:20  iter: 39  total_loss: 2.125 ...`."""

from runwatch.core.metrics import STEP_TIME
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import training
from runwatch.parsers.tables.evaluations import EvaluationTableReader

_ALIASES = {"time": STEP_TIME}

FORMAT = Format(
    name="detectron2",
    title="Detectron2 and its kin (AdelaiDet, FastReID)",
    example="[01/02 03:04:05 d2.utils.events]:  eta: 0:07:20  iter: 39  total_loss: 2.125  lr: 0.00125  ...",
    matchers=(
        training(
            rb"eta: (?:(?:\d+ days?, )?[\d:]{4,8}|N/A) {1,4}(?:iter: |epoch/iter: \d+/){step} {1,4}"
            rb"(?=[^\r\n]{0,2000}?total_loss: )",
            fields=True,
            aliases=_ALIASES,
        ),
        training(  # the first line, before a time is known to reckon with
            rb"iter: {step} {1,4}(?=total_loss: )", "first", fields=True, aliases=_ALIASES
        ),
    ),
    readers=(EvaluationTableReader,),
    logged=True,
    samples=(
        Sample(
            "[01/02 03:04:05 d2.utils.events]:  eta: 0:07:20  iter: 39  total_loss: 2.125  lr: 0.00125\n"
            "[01/02 03:05:05 d2.evaluation.coco_evaluation]: Evaluation results for bbox: \n"
            "|   AP   |  AP50  |  APl  |\n"
            "|:------:|:------:|:-----:|\n"
            "| 12.500 | 25.250 |  nan  |\n"
            "[01/02 03:05:05 d2.evaluation.coco_evaluation]: Per-category bbox AP: \n"
            "| category   | AP     | category   | AP    |\n"
            "|:-----------|:-------|:-----------|:------|\n"
            "| person     | 14.500 | car        | 9.500 |\n",
            {"step": [39], "train/loss": [2.125]},
            {"val/bbox/AP": [12.5], "val/bbox/AP50": [25.25]},
        ),
        Sample(
            "[01/02 03:04:05 fastreid.utils.events]: eta: 0:07:20  epoch/iter: 1/39  total_loss: 2.125\n"
            "[01/02 03:05:05 fastreid.evaluation.testing]: Evaluation results in csv format: \n"
            "\x1b[36m| Dataset | Rank-1   | mAP    |\n"
            "|:--------|:---------|:-------|\n"
            "| Market  | 95.25%   | 87.50% |\x1b[0m\n",
            {"step": [39], "train/loss": [2.125]},
            {"val/Market/Rank-1": [95.25], "val/Market/mAP": [87.5]},
        ),
    ),
)
