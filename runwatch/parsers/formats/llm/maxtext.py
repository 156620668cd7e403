"""MaxText: `completed step: 40, seconds: 0.512, TFLOP/s/device: 125.0, ..., loss: 6.125`."""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import STEP_TIME, TFLOPS, TOKENS_PER_SEC
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import LinePattern

FORMAT = Format(
    name="maxtext",
    title="MaxText",
    example="completed step: 40, seconds: 0.512, TFLOP/s/device: 125.0, Tokens/s/device: 8000.0, ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"completed step: (?P<step>\d+),",
            prefix=b"completed step: ",
            fields=True,
            aliases={"seconds": STEP_TIME, "TFLOP/s/device": TFLOPS, "Tokens/s/device": TOKENS_PER_SEC},
        ),
        LinePattern(
            "eval",
            EVAL,
            rb"eval metrics after step: (?P<step>\d+),",
            prefix=b"eval metrics after step: ",
            fields=True,
            aliases={"loss": "val/loss"},
        ),
        LinePattern(
            "eval-older",
            EVAL,
            rb"[Aa]verage loss after step=(?P<step>\d+)[:,] ",
            needle=b"verage loss after step=",
            fields=True,
        ),
    ),
)
