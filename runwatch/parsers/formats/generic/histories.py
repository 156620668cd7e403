"""Histories of a fit that a script prints when it has ended."""

from functools import partial

from runwatch.parsers.api import Format, Sample
from runwatch.parsers.formats.generic.documents import ARRAYS
from runwatch.parsers.structured.arrays import HistoryReader

HISTORY = Format(
    name="history",
    title="A history of metrics, printed whole: Keras's history.history",
    example="{'loss': [0.625, 0.5], 'val_loss': [0.75, 0.625]}",
    readers=(partial(HistoryReader, ARRAYS.schema),),
    weak=True,
    distinct=True,
    samples=(
        Sample(
            "built the model\n{'loss': [0.625, 0.5], 'val_loss': [0.75, 0.625]}\n",
            {"train/loss": [0.625, 0.5], "val/loss": [0.75, 0.625], "step": [1, 2]},
        ),
    ),
)
