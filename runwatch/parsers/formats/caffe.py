"""Caffe: glog lines `solver.cpp:222] Iteration 100, loss = 0.0677`, the learning rate on a line of its own."""

from runwatch.batch import EVAL, PLAN, TRAIN
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import VALUE, LinePattern

FORMAT = Format(
    name="caffe",
    title="Caffe",
    example="I0821 09:31:09.653828  5405 solver.cpp:222] Iteration 10000, loss = 0.00504647",
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
    markers=((b"Optimization Done", "finished"),),
    logged=True,
)
