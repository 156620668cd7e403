"""YOLO: Ultralytics (v5, v8 and later) rows that are redrawn, and YOLOX lines."""

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import LOSS
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import VALUE, LinePattern
from runwatch.parsers.yolo import YoloReader

_VALIDATED = ("val_precision", "val_recall", "val_mAP50", "val_mAP50_95")


def _results(*losses: str) -> LinePattern:
    """Return the pattern of results.txt, as YOLOv5 (before results.csv), v7 and their kin write it.

    A row without a bar: epoch, memory, these losses and their sum, instances, image size, four
    measures, and the same three losses of the validation: box, obj, cls.
    """
    value = rb"\s+(?P<%s>" + VALUE + rb")"
    train = [f"train_{name}_loss" for name in (*losses, "total")]
    validation = [*_VALIDATED, *(f"val_{name}_loss" for name in ("box", "obj", "cls"))]
    columns = [b"".join(value % name.encode() for name in names) for names in (train, validation)]
    return LinePattern(
        f"results-{len(losses)}",
        TRAIN,
        rb"\s*(?P<step>\d+)/(?P<total>\d+)\s+\d+(?:\.\d+)?[GM]B?(?=\s)"
        + (rb"\s+\d+\s+\d+(?=\s)").join(columns)
        + rb"\s*$",
        aliases={
            name.replace("_", " "): name.replace("_", "/", 1).replace("50_95", "50-95")
            for name in (*train, *validation)
        },
    )


ULTRALYTICS = Format(
    name="yolo",
    title="Ultralytics YOLO",
    example="      2/90      4.25G      1.125      2.250      1.375         12        640: 100%|###| 9/9",
    matchers=(
        _results("box", "obj", "cls"),
        _results("box", "obj", "cls", "landmark"),
        _results("box", "obj", "cls", "kpt", "kptv"),
    ),
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
