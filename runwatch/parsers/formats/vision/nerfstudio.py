"""Nerfstudio's table: the step and the share that is done, its time, what is left, rays a second."""

from runwatch.core.metrics import DONE, STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import training

FORMAT = Format(
    name="nerfstudio",
    title="Nerfstudio",
    example="19600 (65.33%)      33.123 ms            5 m, 44 s            123.40 K",
    matchers=(
        training(
            rb"{step} {1,8}\({done}%\) {1,12}(?P<iter>) ms {1,16}"
            rb"(?:\d+ [a-z]+(?:, \d+ [a-z]+){0,3}) {1,16}\d+(?:\.\d+)? [KM]\b",
            needle=b"%) ",
            sign=rb"%\) {1,12}[\d.]+ ms ",
            aliases={"done": DONE, "iter": STEP_TIME},
            units={"done": "%", "iter": "ms"},
        ),
    ),
)
