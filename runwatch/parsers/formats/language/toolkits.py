"""Older language toolkits: Flair, spaCy and ChineseNER, of which there are many copies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from runwatch.core.batch import TRAIN
from runwatch.core.metrics import EPOCH, LOSS, SAMPLES_PER_SEC
from runwatch.parsers.api import Format, Layout, Match, Matcher, Row, Sample
from runwatch.parsers.body.matchers import VALUE, evaluation, training
from runwatch.parsers.body.readers import FoldingReader, RowMaker, same_until

if TYPE_CHECKING:
    from runwatch.parsers.columnar.bulk import BulkDecoder

_HEAD = re.compile(rb"\s{0,3}(?:E\s+#\s+(\S.*SCORE)|Itn\.?\s{2,}(\S.*WPS))\s*$")
_NUMBERS = re.compile(rb"\s*" + VALUE + rb"(?:\s+" + VALUE + rb"){2,40}\s*$")
_WORD = re.compile(rb"\S+")
_HELD = b"SCORE", b"WPS"
"""One of these is in any header."""


def _head(line: bytes) -> tuple[str, ...]:
    """Return the columns of a header, or nothing; scores next to losses are of held-out data."""
    head = _HEAD.match(line) if line.rstrip().endswith(_HELD) else None
    if head is None:
        return ()
    names = re.split(r"\s{2,}", (head[1] or head[2]).decode("utf-8", "replace"))
    if head[1] is None:
        return ("step", *names)
    return (EPOCH, "step", *(name if name.startswith("LOSS") else f"val/{name}" for name in names))


class _Rows(Matcher):
    """Matches rows of as many numbers as the newest header has names."""

    skeletons = False

    def __init__(self) -> None:
        self.columns: tuple[str, ...] = ()
        self._decoder: BulkDecoder | None = None
        self._layout: Layout | None = None
        self._kept: list[int] = []

    def use(self, columns: tuple[str, ...]) -> None:
        """Take a header; of two columns of one name the first counts."""
        if self._decoder is not None and columns != self.columns:
            self._decoder.forget()  # its rows have the names of the header before
        self.columns = columns
        self._kept = [i for i, name in enumerate(columns) if name not in columns[:i]]
        losses = {name for name in columns if name.startswith("LOSS ")}
        meant = dict.fromkeys(losses, LOSS) if len(losses) == 1 else {}  # else each is of a component
        self._layout = RowMaker("spacy", meant).layout(TRAIN, tuple(columns[i] for i in self._kept))

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a row."""
        if self._layout is None or not _NUMBERS.match(line, start):
            return None
        spans = [word.span() for word in _WORD.finditer(line, start)]
        if len(spans) != len(self.columns):
            return None
        return Match(self._layout, tuple(spans[i] for i in self._kept))

    def bulk(self) -> Any:
        """Return the bulk path of rows."""
        from runwatch.parsers.columnar.bulk import BulkDecoder

        self._decoder = BulkDecoder(self)
        return self._decoder


class SpacyReader(FoldingReader):
    """spaCy's training table: a header `E  #  LOSS ... SCORE`, or `Itn` of version 2, then its rows."""

    begins = rb"\s{0,3}(?:E\s+#|Itn)"

    def __init__(self) -> None:
        self._rows = _Rows()
        self.frames = (self._rows,)

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take the header or a row."""
        columns = _head(line)
        if columns:
            self._rows.use(columns)
            return []
        return super().feed(line, number_)

    @property
    def awake(self) -> bool:
        """Whether a header was seen: any numbers may be a row."""
        return bool(self._rows.columns)

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return where another header is."""
        known = (self._rows.columns, ())
        return same_until(block, begin, end, _HELD, lambda line: _head(line) in known)

    def concerns(self, line: bytes) -> bool:
        """Return whether a line may be a header."""
        return any(held in line for held in _HELD)

    def may(self, line: bytes) -> bool:
        """Return whether a line may be a row or a header."""
        return line[:40].lstrip()[:1] in b"+-.0123456789nNiI" or self.concerns(line)


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
