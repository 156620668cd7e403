"""YOLO: Ultralytics (v5, v8 and later) rows that are redrawn, and YOLOX lines."""

from runwatch.core.batch import TRAIN
from runwatch.core.metrics import LOSS
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import training
from runwatch.parsers.tables.evaluations import CocoReader
from runwatch.parsers.tables.yolo import ResultsPattern, YoloReader

ULTRALYTICS = Format(
    name="yolo",
    title="Ultralytics YOLO",
    example="      2/90      4.25G      1.125      2.250      1.375         12        640: 100%|###| 9/9",
    readers=(YoloReader,),
)

_FURTHER = (("t_landmark",), ("t_kpt", "t_kptv"), ("t_4", "t_5", "t_6"))
"""Losses that some have besides: of faces, of poses, of what a fork detects."""
_TRAINED = ("box", "obj", "cls", "landmark", "kpt", "kptv", "4", "5", "6")
_VALIDATED = ("precision", "recall", "mAP50", "mAP50-95", "box_loss", "obj_loss", "cls_loss")


def _columns(*names: str) -> bytes:
    """Return the pattern of numbers in columns, each a group of this name."""
    return b"".join(rb"\s+{%s}" % name.encode() for name in names)


# Epoch, memory, losses and their sum, instances, image size; four measures, the losses of the validation.
_RESULTS = ResultsPattern(
    "results",
    TRAIN,
    rb"\s*{step}/{total}\s+\d+(?:\.\d+)?[GM]B?(?=\s)"
    + _columns("t_box", "t_obj", "t_cls")
    + rb"(?:%s|%s|%s)?" % tuple(_columns(*names) for names in _FURTHER)
    + _columns("t_total")
    + rb"\s+\d+\s+\d+(?=\s)"
    + _columns(*(f"v_{i}" for i in range(7)))
    + rb"\s*$",
    sign=rb"\d/\d+\s+\d+(?:\.\d+)?[GM]",
    aliases={"t total": LOSS}
    | {f"t {name}": f"train/{name}_loss" for name in _TRAINED}
    | {f"v {i}": f"val/{name}" for i, name in enumerate(_VALIDATED)},
)
RESULTS = Format(
    name="yolo-results-txt",
    title="results.txt of YOLOv5, YOLOv7 and their kin",
    example="   2/90   4.25G   0.0625   0.0125   0.025   0.1   12   640   0.5   0.25   0.5   0.25   ...",
    matchers=(_RESULTS,),
)

YOLOX = Format(
    name="yolox",
    title="YOLOX",
    example="INFO | yolox.core.trainer:after_iter:250 - epoch: 2/90, iter: 10/45, iter_time: 0.125s, ...",
    matchers=(
        training(
            rb"epoch: {epoch}/{epochs}, iter: {within}/{per}, (?:(?:gpu )?mem: [^,]{1,60}, ){0,2}",
            fields=True,
            first_epoch=1,
        ),
    ),
    readers=(CocoReader,),
    logged=True,
    markers=((b"Training of experiment is done", "finished"),),
)
