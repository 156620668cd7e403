"""PaddlePaddle: PaddleSeg `[TRAIN] epoch: 2, iter: 40/900, loss: 0.6250, ...`, and its CycleGAN."""

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import SAMPLES_PER_SEC
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import VALUE, LinePattern

SEG = Format(
    name="paddleseg",
    title="PaddleSeg",
    example="2030-01-02 03:04:05 [INFO]\t[TRAIN] epoch: 2, iter: 40/900, loss: 0.6250, lr: 0.005, ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"\[TRAIN\] epoch[:=] ?(?P<epoch>\d+), iter[:=] ?(?P<step>\d+)/(?P<total>\d+),",
            prefix=b"[TRAIN] epoch",
            fields=True,
            aliases={"ips": SAMPLES_PER_SEC},
        ),
        LinePattern("eval", EVAL, rb"\[EVAL\] #Images[:=] ?\d+,? ", prefix=b"[EVAL] #Images", fields=True),
    ),
    logged=True,
)

CYCLEGAN = Format(
    name="paddle-cyclegan",
    title="PaddlePaddle CycleGAN",
    example="epoch id: 2, batch step: 40, g_loss: 6.125000",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"epoch id: (?P<epoch>\d+), batch step: (?P<step>\d+), g_loss: (?P<g_loss>" + VALUE + rb")\s*$",
            prefix=b"epoch id: ",
            aliases={"g loss": "g_loss"},
        ),
    ),
)
