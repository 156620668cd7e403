"""PaddlePaddle's toolkits: PaddleDetection, PaddleOCR, PaddleClas, PaddleGAN, PaddleViT.

Where a line shows the iterations of the epoch only, they are counted on from the epochs before.
"""

from runwatch.core.metrics import SAMPLES_PER_SEC
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training
from runwatch.parsers.lexicon.validation_names import HeldOut
from runwatch.parsers.tables.evaluations import CocoReader

_PACE = {"ips": SAMPLES_PER_SEC}

DETECTION = Format(
    name="paddledetection",
    title="PaddleDetection",
    example="[01/02 03:04:05] ppdet.engine INFO: Epoch: [2] [ 40/900] learning_rate: 0.125 ...",
    matchers=(
        training(
            rb"Epoch: \[{epoch}\] \[ *{within}/{per}\] (?=learning_rate: )",
            fields=True,
            aliases=_PACE,
            first_epoch=0,
        ),
        training(  # semi-supervised: the numbers in front count all iterations
            rb" {0,8}{step}/{total} iters Epoch: \[{epoch}\] \[ *\d+/\d+\] (?=learning_rate: )",
            "train-semi",
            fields=True,
            aliases=_PACE,
        ),
        evaluation(  # of VOC; COCO's is a table
            rb"mAP\(0?\.50?, (?:11point|integral)\) = {mAP50}%", "voc", aliases={"mAP50": "val/mAP50"}
        ),
    ),
    readers=(CocoReader,),
    logged=True,
)

OCR = Format(
    name="paddleocr",
    title="PaddleOCR",
    example="[2030/01/02 03:04:05] ppocr INFO: epoch: [2/90], global_step: 40, lr: 0.001, loss: 2.125, ...",
    matchers=(
        training(
            rb"epoch: \[{epoch}/\d+\], (?:global_step|iter): {step}, (?=lr: )", fields=True, aliases=_PACE
        ),
        evaluation(rb"cur metric, ", "metric", fields=True, aliases=HeldOut()),
    ),
    logged=True,
)

CLAS = Format(
    name="paddleclas",
    title="PaddleClas",
    example="[2030/01/02 03:04:05] ppcls INFO: [Train][Epoch 2/90][Iter: 40/900]lr: 0.125, loss: 2.125, ...",
    matchers=(
        training(
            rb"\[Train\]\[Epoch {epoch}/{epochs}\]\[Iter: {within}/{per}\](?:lr(?:\(\w{1,40}\))?: {lr}, )?",
            fields=True,
            aliases=_PACE,
            first_epoch=1,
        ),
        evaluation(rb"\[Eval\]\[Epoch {epoch}\]\[Avg\]", fields=True, aliases=HeldOut()),
    ),
    logged=True,
)

GAN = Format(
    name="paddlegan",
    title="PaddleGAN",
    example="[01/02 03:04:05] ppgan.engine.trainer INFO: Epoch: 2/90, iter: 40/900 lr: 1.250e-04 ...",
    matchers=(
        training(
            rb"Epoch: {epoch}/{epochs}, iter: {within}/{per} (?=lr: [^\r\n]{0,4000}?batch_cost: )",
            fields=True,
            aliases=_PACE,
            first_epoch=1,
        ),
    ),
    logged=True,
)

VIT = Format(
    name="paddlevit",
    title="PaddleViT",
    example="2030-01-02 03:04:05,678 Epoch[002/090], Step[0040/0900], Avg Loss: 2.1250, Avg Acc: 0.2500",
    matchers=(
        training(
            rb"Epoch\[{epoch}/{epochs}\], Step\[{within}/{per}\],(?= (?:Avg )?Loss: )",
            fields=True,
            first_epoch=1,
        ),
        evaluation(
            rb"----- Epoch\[\d+/\d+\], (?=(?:Train|Validation) Loss: )",
            "epoch",
            fields=True,
            aliases={"Train Loss": "train/epoch_loss"},
        ),
        evaluation(rb"Now training epoch \d+\. LR={LR}", "rate"),
    ),
    logged=True,
)
