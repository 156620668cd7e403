"""Older language toolkits: Flair, spaCy and ChineseNER, of which there are many copies."""

from runwatch.core.metrics import SAMPLES_PER_SEC
from runwatch.parsers.api import Format, Sample
from runwatch.parsers.body.matchers import evaluation, training
from runwatch.parsers.tables.spacy import SpacyReader

_SCORES = rb"(?:score {score}|f1-score \([a-z]+ avg\) +{f1_score}|f-score {f_score} - acc {acc})?"
"""What of held-out data follows its loss, by version."""


def _scored(part: str) -> dict[str, str]:
    """Return what the names on lines of a part of the data mean."""
    names = {"loss": "loss", "score": "score", "f1 score": "f1-score", "f score": "f-score", "acc": "acc"}
    return {printed: f"{part}/{name}" for printed, name in names.items()}


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
        evaluation(rb"DEV {1,2}: loss {loss} - " + _SCORES, "dev", aliases=_scored("val")),  # 0.4 pads it
        evaluation(rb"TEST : loss {loss} - " + _SCORES, "test", aliases=_scored("test")),
    ),
    logged=True,
    samples=(
        Sample(
            "2030-01-02 03:04:05,678 epoch 1 - iter 40/80 - loss 0.75000000 - samples/sec: 9.50\n"
            "2030-01-02 03:04:06,678 DEV : loss 0.5 - score 0.625\n"
            "2030-01-02 03:05:05,678 epoch 2 - iter 40/80 - loss 0.50000000 - samples/sec: 9.50\n"
            "2030-01-02 03:05:06,678 DEV : loss 0.25 - f1-score (micro avg)  0.875\n",
            {"step": [40, 120], "train/loss": [0.75, 0.5]},
            eval={"val/loss": [0.5, 0.25], "val/score": [0.625], "val/f1-score": [0.875]},
        ),
        Sample(
            "2030-01-02 03:04:05,678 epoch 1 - iter 40/80 - loss 0.75000000\n"
            "2030-01-02 03:04:06,678 DEV  : loss 0.50000000 - f-score 0.6250 - acc 0.7500\n"
            "2030-01-02 03:04:07,678 TEST : loss 0.25000000 - f-score 0.5000 - acc 0.8750\n",
            {"step": [40], "train/loss": [0.75]},
            eval={
                "val/loss": [0.5],
                "val/f-score": [0.625],
                "val/acc": [0.75],
                "test/loss": [0.25],
                "test/f-score": [0.5],
                "test/acc": [0.875],
            },
        ),
    ),
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
