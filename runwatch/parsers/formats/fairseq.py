"""fairseq: `| INFO | train_inner | epoch 001:  40 / 900 loss=6.125, ..., num_updates=40, lr=...`, or JSON.

The step is `num_updates`; the numbers after the epoch count batches.
"""

from typing import Any

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import TOKENS_PER_SEC
from runwatch.parsers.formats import Format
from runwatch.parsers.patterns import ITEMS, LinePattern

_ALIASES = {"wps": TOKENS_PER_SEC, "num_updates": "step", "valid_num_updates": "step"}
_VALID = {"num_updates": "step", "loss": "val/loss", "ppl": "val/ppl", "best_loss": "val/best_loss"}
_VALID |= {name: f"val/{name}" for name in ("nll_loss", "wps", "wpb", "bsz")}
_BATCH = rb"epoch (?P<epoch>\d+): +\d+ / (?P<per>\d+)(?= [^\r\n]{0,4000}?\bnum_updates=(?P<step>\d+)(?!\d))"
_TRAIN: dict[str, Any] = {"fields": True, "aliases": {"wps": TOKENS_PER_SEC}, "first_epoch": 1}

FORMAT = Format(
    name="fairseq",
    title="fairseq",
    example="2030-01-02 03:04:05 | INFO | train_inner | epoch 001:  40 / 900 loss=6.125, ...",
    matchers=(
        LinePattern(
            "train",
            TRAIN,
            rb"train_inner \| " + _BATCH,
            prefix=b"train_inner | ",
            **_TRAIN,
        ),
        LinePattern("train-older", TRAIN, rb"(?<!train_inner \| )" + _BATCH, prefix=b"epoch ", **_TRAIN),
        LinePattern("train-oldest", TRAIN, rb"(?<!train_inner )\| " + _BATCH, prefix=b"| epoch ", **_TRAIN),
        LinePattern(
            "train-json",
            TRAIN,
            rb"train_inner \| (?=\{)",
            prefix=b"train_inner | ",
            fields=ITEMS,
            aliases=_ALIASES,
        ),
        LinePattern(
            "valid-json", EVAL, rb"valid \| (?=\{)", prefix=b"valid | ", fields=ITEMS, aliases=_ALIASES
        ),
        LinePattern(
            "valid",
            EVAL,
            rb"valid \| epoch (?P<epoch>\d+) \|(?: valid on '[^'\r\n]{0,80}' subset \|)?",
            prefix=b"valid | epoch ",
            fields=True,
            aliases=_VALID,
        ),
        LinePattern(
            "valid-oldest",
            EVAL,
            rb"\| epoch (?P<epoch>\d+) \| valid on '[^'\r\n]{0,80}' subset \|",
            prefix=b"| epoch ",
            fields=True,
            aliases=_VALID,
        ),
    ),
    logged=True,
)
