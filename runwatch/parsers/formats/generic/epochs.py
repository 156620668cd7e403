"""fastai and skorch: a table with a row per epoch."""

from runwatch.parsers.api import Format
from runwatch.parsers.tables.headed import EpochTableReader

EPOCH_TABLE = Format(
    name="epoch-table",
    title="fastai, skorch: a row per epoch",
    example="      2         0.2500        0.9375        0.3125     +  0.0125",
    matchers=(),
    readers=(EpochTableReader,),
)
