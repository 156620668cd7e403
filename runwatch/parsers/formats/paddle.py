"""PaddlePaddle: PaddleSeg `[TRAIN] epoch: 107, iter: 39780/80000, loss: 0.4097, ...`, and its CycleGAN."""

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import SAMPLES_PER_SEC
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import VALUE, LinePattern

SEG = Format(
    name="paddleseg",
    title="PaddleSeg",
    example="2021-11-24 09:23:49 [INFO]\t[TRAIN] epoch: 107, iter: 39780/80000, loss: 0.4097, lr: 0.005386, ...",
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
    example="epoch id: 0, batch step: 1487, g_loss: 2.531013",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"epoch id: (?P<epoch>\d+), batch step: (?P<step>\d+), g_loss: (?P<g_loss>" + VALUE + rb")\s*$",
            prefix=b"epoch id: ",
        ),
    ),
)
