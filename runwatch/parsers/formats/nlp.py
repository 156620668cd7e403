"""Older language toolkits: Flair and spaCy."""

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import LOSS, VAL_LOSS
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import VALUE, LinePattern
from runwatch.parsers.tables import SpacyReader

FLAIR = Format(
    name="flair",
    title="Flair",
    example="2021-02-20 18:08:21,528 epoch 11 - iter 504/5049 - loss 0.15655231 - samples/sec: 9.67 - lr: 0.000002",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"epoch (?P<epoch>\d+) - iter (?P<within>\d+)/(?P<per>\d+) - loss (?P<loss>" + VALUE + rb") -",
            prefix=b"epoch ",
            fields=True,
            first_epoch=1,
            aliases={"loss": LOSS},
        ),
        LinePattern(
            "dev",
            EVAL,
            rb"DEV : loss (?P<loss>" + VALUE + rb") - ",
            prefix=b"DEV : ",
            aliases={"loss": VAL_LOSS},
        ),
        LinePattern(
            "test",
            EVAL,
            rb"TEST : loss (?P<loss>" + VALUE + rb") - ",
            prefix=b"TEST : ",
            aliases={"loss": "test/loss"},
        ),
    ),
    logged=True,
)

SPACY = Format(
    name="spacy",
    title="spaCy",
    example=" 66     200         16.25    933.98   47.06   50.00   44.44    0.47",
    matchers=(),
    readers=(SpacyReader,),
)
