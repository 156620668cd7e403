"""Older language toolkits: Flair, spaCy and ChineseNER, of which there are many copies."""

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import LOSS, SAMPLES_PER_SEC, VAL_LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import LinePattern
from runwatch.parsers.tables.spacy import SpacyReader

FLAIR = Format(
    name="flair",
    title="Flair",
    example="2030-01-02 03:04:05,678 epoch 2 - iter 40/900 - loss 0.62500000 - samples/sec: 9.50 - ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"epoch (?P<epoch>\d+) - iter (?P<within>\d+)/(?P<per>\d+) - loss (?P<loss>)"
            rb"(?: -|(?= throughput))",
            fields=True,
            first_epoch=1,
            aliases={"loss": LOSS, "throughput": SAMPLES_PER_SEC},
        ),
        LinePattern(  # before 0.4.2 nothing followed the loss
            "train",
            TRAIN,
            rb"epoch (?P<epoch>\d+) - iter (?P<within>\d+)/(?P<per>\d+) - loss (?P<loss>)\s*$",
            first_epoch=1,
            aliases={"loss": LOSS},
        ),
        LinePattern(
            "dev",
            EVAL,
            rb"DEV {1,2}: loss (?P<loss>) - ",  # 0.4 pads DEV to the width of TEST
            aliases={"loss": VAL_LOSS},
        ),
        LinePattern("test", EVAL, rb"TEST : loss (?P<loss>) - ", aliases={"loss": "test/loss"}),
    ),
    logged=True,
)

SPACY = Format(
    name="spacy",
    title="spaCy",
    example=" 12     400         12.50    125.00   50.00   50.00   50.00    0.50",
    readers=(SpacyReader,),
    markers=(("✔ Saved pipeline to ".encode(), "over"),),
)

CHINESE_NER = Format(
    name="chinese-ner",
    title="ChineseNER",
    example="iteration:2 step:18/82, NER loss:27.875000",
    matchers=(
        LinePattern(  # every 100 batches, whatever the length of an epoch, which it calls an iteration
            "train",
            TRAIN,
            rb"iteration: ?(?P<epoch>\d+) step: ?(?P<within>\d+)/(?P<per>\d+), +NER loss: ?(?P<loss>)",
            first_epoch=1,
            aliases={"loss": LOSS},
        ),
    ),
    logged=True,
    samples=(
        Sample(
            "iteration:2 step:18/82, NER loss:27.875000\n"
            "iteration:3 step:36/82, NER loss:25.250000\n"
            "iteration:7 step:8/82, NER loss:9.500000\n",
            {"train/loss": [27.875, 25.25, 9.5], "step": [100, 200, 500]},
        ),
    ),
)
