"""Older language toolkits: Flair, spaCy and ChineseNER, of which there are many copies."""

from runwatch.core.metrics import SAMPLES_PER_SEC, VAL_LOSS
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import evaluation, training
from runwatch.parsers.tables.spacy import SpacyReader

FLAIR = Format(
    name="flair",
    title="Flair",
    example="2030-01-02 03:04:05,678 epoch 2 - iter 40/900 - loss 0.62500000 - samples/sec: 9.50 - ...",
    matchers=(
        training(
            rb"epoch {epoch} - iter {within}/{per} - loss {loss}(?: -|(?= throughput))",
            fields=True,
            first_epoch=1,
            aliases={"throughput": SAMPLES_PER_SEC},
        ),
        training(  # before 0.4.2 nothing followed the loss
            rb"epoch {epoch} - iter {within}/{per} - loss {loss}\s*$", first_epoch=1
        ),
        evaluation(
            rb"DEV {1,2}: loss {loss} - ",
            "dev",  # 0.4 pads DEV to the width of TEST
            aliases={"loss": VAL_LOSS},
        ),
        evaluation(rb"TEST : loss {loss} - ", "test", aliases={"loss": "test/loss"}),
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
        training(  # every 100 batches, whatever the length of an epoch, which it calls an iteration
            rb"iteration: ?{epoch} step: ?{within}/{per}, +NER loss: ?{loss}", first_epoch=1
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
