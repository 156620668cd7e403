"""Image trainers that print one line per interval: timm, Swin, SwAV, OpenPCDet.

Each prints a value and, in brackets, its running mean; the value is taken.
"""

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import LEARNING_RATE, LOSS, STEP_TIME
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import NUMBER, VALUE, LinePattern

_TIME = {"time": STEP_TIME, "Time": STEP_TIME}

TIMM = Format(
    name="timm",
    title="timm (pytorch-image-models)",
    example="Train: 0 [ 100/10009 (  1%)]  Loss:  6.969796 (6.9847)  Time: 0.326s,  392.81/s  (...)  LR: 5.000e-07",
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
    ),
)

SWIN = Format(
    name="swin",
    title="Swin Transformer and repositories like it",
    example="INFO Train: [14/150][90/924]\teta 0:00:28 lr 0.000001\ttime 0.0325 (0.0337)\tloss 2.1000 (2.2000)",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"Train: \[(?P<epoch>\d+)/(?P<epochs>\d+)\]\[(?P<within>\d+)/(?P<per>\d+)\]\s",
            prefix=b"Train: [",
            fields=True,
            aliases=_TIME,
            first_epoch=0,
        ),
        LinePattern(
            "accuracy",
            EVAL,
            rb"\* Acc@1 (?P<acc1>" + NUMBER + rb") Acc@5 (?P<acc5>" + NUMBER + rb")",
            prefix=b"* Acc@1 ",
            aliases={"acc1": "val/acc1", "acc5": "val/acc5"},
        ),
    ),
    logged=True,
)

SWAV = Format(
    name="swav",
    title="SwAV and other users of its logger",
    example="INFO - 09/04/20 09:48:31 - 1:52:43 - Epoch[3] - Iter: [0/13]\tTime 4.2 (4.2)\tLoss 25.83 (25.83)\tLR 0.29",
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
    example="INFO  Train:    1/3 ( 33%) [  99/323 ( 31%)]  Loss: 23.51 (54.8)  LR: 2.377e-04  ...  Acc_iter 100",
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
    ),
    logged=True,
)
