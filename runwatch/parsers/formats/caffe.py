"""Caffe: glog lines `solver.cpp:222] Iteration 400, loss = 0.0625`, the learning rate on its own line."""

from runwatch.batch import EVAL, PLAN, TRAIN
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import VALUE, LinePattern

FORMAT = Format(
    name="caffe",
    title="Caffe",
    example="I0102 03:04:05.678901  1234 solver.cpp:222] Iteration 400, loss = 0.0625",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"Iteration (?P<step>\d+)(?: \([^)\r\n]{1,80}\))?, loss = (?P<loss>" + VALUE + rb")\s*$",
            prefix=b"Iteration ",
        ),
        LinePattern(
            "lr", EVAL, rb"Iteration (?P<step>\d+), lr = (?P<lr>" + VALUE + rb")\s*$", prefix=b"Iteration "
        ),
        LinePattern("plan", PLAN, rb"max_iter: (?P<total>\d+)\s*$", prefix=b"max_iter: "),
    ),
    markers=((b"Optimization Done", "finished"), (b"done solving", "over")),
    logged=True,
)
