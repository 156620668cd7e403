"""DARTS and the searches of architectures made from it: running means of an epoch, below its heading."""

from runwatch.core.metrics import LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import LinePattern, evaluation, training
from runwatch.parsers.counters.nesting import HEADING

FORMAT = Format(
    name="darts",
    title="DARTS (architecture search)",
    example="03/14 10:40:26 AM train 050 2.125000e+00 24.877451 79.442402",
    matchers=(
        LinePattern("epoch", HEADING, rb"[eE]poch:? {epoch} lr:? {_}\s*$"),
        training(rb"train 0*{step_in_epoch} {objs} {acc1} {acc5}\s*$", aliases={"objs": LOSS}),
        training(  # P-DARTS
            rb"TRAIN Step: 0*{step_in_epoch} Objs: {objs} R1: {acc1} R5: {acc5}\s*$",
            "step",
            aliases={"objs": LOSS},
        ),
        evaluation(
            rb"[tT]rain_acc:? {acc}(?: \| train_obj {obj})?\s*$",
            "mean",
            aliases={"acc": "train_acc", "obj": "train/epoch_loss"},
        ),
        evaluation(
            rb"[vV]alid_acc:? {acc}(?: \| valid_obj {obj})?\s*$",
            aliases={"acc": "val/acc", "obj": "val/loss"},
        ),
    ),
    logged=True,
    samples=(
        Sample(
            "03/14 10:40:25 AM epoch 0 lr 2.500000e-02\n"
            "03/14 10:40:26 AM train 000 2.250000e+00 12.500000 50.000000\n"
            "03/14 10:40:36 AM train 050 2.125000e+00 25.000000 62.500000\n"
            "03/14 10:40:46 AM train_acc 27.500000\n"
            "03/14 10:40:46 AM valid_acc 22.500000\n"
            "03/14 10:40:46 AM epoch 1 lr 2.250000e-02\n"
            "03/14 10:40:47 AM train 000 1.750000e+00 37.500000 75.000000\n"
            "03/14 10:40:57 AM train 050 1.625000e+00 37.500000 87.500000\n",
            {
                "train/loss": [2.25, 2.125, 1.75, 1.625],
                "acc1": [12.5, 25, 37.5, 37.5],
                "step": [0, 50, 100, 150],
            },
            {"val/acc": [22.5], "train_acc": [27.5]},
        ),
        Sample(
            "03/14 10:40:25 AM Epoch: 0 lr: 2.500000e-02\n"
            "03/14 10:40:26 AM TRAIN Step: 000 Objs: 2.250000e+00 R1: 12.500000 R5: 50.000000\n"
            "03/14 10:40:36 AM TRAIN Step: 050 Objs: 2.125000e+00 R1: 25.000000 R5: 62.500000\n"
            "03/14 10:40:46 AM Epoch: 1 lr: 2.250000e-02\n"
            "03/14 10:40:47 AM TRAIN Step: 000 Objs: 1.750000e+00 R1: 37.500000 R5: 75.000000\n",
            {"train/loss": [2.25, 2.125, 1.75], "step": [0, 50, 100]},
        ),
    ),
)
