"""Image trainers that print one line per interval: timm, Swin, SwAV, OpenPCDet.

Each prints a value and, in brackets, its running mean; the value is taken.
"""

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import GRAD_NORM, LEARNING_RATE, LOSS, STEP_TIME
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import NUMBER, VALUE, ExactPattern, LinePattern

_TIME = {"time": STEP_TIME, "Time": STEP_TIME}

TIMM = Format(
    name="timm",
    title="timm (pytorch-image-models)",
    example="Train: 0 [  40/900 (  4%)]  Loss:  6.125000 (6.2500)  Time: 0.512s,  250.00/s  (...)",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"Train: (?P<epoch>\d+) \[ *(?P<within>\d+)/(?P<per>\d+) +\( *\d+%\)\] +Loss: +(?P<loss>"
            + VALUE
            + rb")(?= [^\r\n]{0,200}?Time: (?P<time>"
            + NUMBER
            + rb")s, +(?P<rate>"
            + NUMBER
            + rb")/s)"
            rb"(?:(?=[^\r\n]{0,300}?LR: (?P<lr>" + VALUE + rb")))?",
            prefix=b"Train: ",
            aliases={**_TIME, "rate": "perf/samples_per_sec"},
            first_epoch=0,
        ),
        ExactPattern(  # the last batch's line has the means over all of them
            "test",
            EVAL,
            rb"Test(?: \([^()\r\n]{1,40}\))?: \[ *(\d+)/\1\] [^\r\n]{0,60}?Loss: +"
            + NUMBER
            + rb" +\( *(?P<loss>"
            + VALUE
            + rb")\)(?: +Acc@1: +"
            + NUMBER
            + rb" \( *(?P<acc1>"
            + NUMBER
            + rb")\))?(?: +Acc@5: +"
            + NUMBER
            + rb" \( *(?P<acc5>"
            + NUMBER
            + rb")\))?",
            prefix=b"Test",
            aliases={"loss": "val/loss", "acc1": "val/acc1", "acc5": "val/acc5"},
        ),
    ),
    markers=((b"*** Best metric: ", "over"),),
)

SWIN = Format(
    name="swin",
    title="Swin Transformer and repositories like it",
    example="Train: [2/90][40/900]\teta 0:07:20 lr 0.000125\ttime 0.5120 (0.5200)\tloss 2.1250 (2.2500)",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"Train: \[(?P<epoch>\d+)/(?P<epochs>\d+)\]\[(?P<within>\d+)/(?P<per>\d+)\]\s",
            prefix=b"Train: [",
            fields=True,
            aliases={**_TIME, "tot_loss": LOSS},
            first_epoch=0,
        ),
        LinePattern(
            "accuracy",
            EVAL,
            rb"\* Acc@1 (?P<acc1>" + NUMBER + rb") Acc@5 (?P<acc5>" + NUMBER + rb")"
            rb"(?: loss (?P<loss>" + VALUE + rb"))?",
            prefix=b"* Acc@1 ",
            aliases={"acc1": "val/acc1", "acc5": "val/acc5", "loss": "val/loss"},
        ),
    ),
    logged=True,
)

SWAV = Format(
    name="swav",
    title="SwAV and other users of its logger",
    example="Epoch[2] - Iter: [40/900]\tTime 0.512 (0.520)\tLoss 2.1250 (2.2500)\tLR 0.125",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"Epoch(?:\[(?P<epoch>\d+)\] - Iter: |: \[(?P<epoch_>\d+)\])\[(?P<within>\d+)/(?P<per>\d+)\]\s",
            prefix=b"Epoch",
            fields=True,
            aliases={**_TIME, "epoch ": "train/epoch"},
            first_epoch=0,
        ),
        LinePattern(
            "test",
            EVAL,
            rb"Test:\tTime " + NUMBER + rb"\tLoss (?P<loss>" + VALUE + rb")\t"
            rb"Acc@1 (?P<acc1>" + NUMBER + rb")",
            prefix=b"Test:\t",
            aliases={"loss": "val/loss", "acc1": "val/acc1"},
        ),
    ),
    logged=True,
)

OPENPCDET = Format(
    name="openpcdet",
    title="OpenPCDet",
    example="Train:    2/90 (  2%) [  40/900 (  4%)]  Loss: 2.125 (2.25)  LR: 1.250e-04  ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"Train: +(?P<epoch>\d+)/(?P<epochs>\d+) \( *\d+%\) \[ *\d+/(?P<per>\d+) \( *\d+%\)\] +"
            rb"Loss: (?P<loss>" + VALUE + rb") [^\r\n]{0,40}?LR: (?P<lr>" + VALUE + rb")"
            rb"(?=[^\r\n]{0,120}?Acc_iter (?P<step>\d+)(?!\d))"
            rb"(?:(?=[^\r\n]{0,300}?Batch time: (?P<time>" + NUMBER + rb")))?",
            prefix=b"Train: ",
            aliases={**_TIME, "loss": LOSS, "lr": LEARNING_RATE},
            first_epoch=1,
        ),
        LinePattern(  # as 0.6 prints it
            "train-iter",
            TRAIN,
            rb"epoch: (?P<epoch>\d+)/(?P<epochs>\d+), acc_iter=(?P<step>\d+), cur_iter=\d+/(?P<per>\d+), "
            rb"(?=[^\r\n]{0,400}? loss=(?P<loss>"
            + VALUE
            + rb"))(?:(?=[^\r\n]{0,400}? b_time=(?P<time>"
            + NUMBER
            + rb")\())?(?:(?=[^\r\n]{0,400}? norm=(?P<norm>"
            + VALUE
            + rb")))?(?:(?=[^\r\n]{0,500}? lr=(?P<lr>"
            + VALUE
            + rb")))?",
            prefix=b"epoch: ",
            aliases={**_TIME, "loss": LOSS, "lr": LEARNING_RATE, "norm": GRAD_NORM},
            first_epoch=0,
        ),
    ),
    logged=True,
)
