"""YOLO: Ultralytics (v5, v8 and later) rows that are redrawn, and YOLOX lines."""

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import LOSS
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import VALUE, LinePattern
from runwatch.parsers.yolo import YoloReader

ULTRALYTICS = Format(
    name="yolo",
    title="Ultralytics YOLO",
    example="      2/90      4.25G      1.125      2.250      1.375         12        640: 100%|###| 9/9",
    matchers=(),
    readers=(YoloReader,),
)

YOLOX = Format(
    name="yolox",
    title="YOLOX",
    example="INFO | yolox.core.trainer:after_iter:250 - epoch: 2/90, iter: 10/45, iter_time: 0.125s, ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"epoch: (?P<epoch>\d+)/(?P<epochs>\d+), iter: (?P<within>\d+)/(?P<per>\d+), "
            rb"(?:(?:gpu )?mem: [^,]{1,60}, ){0,2}",
            prefix=b"epoch: ",
            fields=True,
            aliases={"total_loss": LOSS},
            first_epoch=1,
        ),
        LinePattern(
            "ap",
            EVAL,
            rb"Average Precision  \(AP\) @\[ IoU=0\.50:0\.95 \| area=   all \| maxDets=100 \] = (?P<ap>"
            + VALUE
            + rb")",
            prefix=b"Average Precision ",
            aliases={"ap": "val/mAP50-95"},
        ),
    ),
    logged=True,
    markers=((b"Training of experiment is done", "finished"),),
)
