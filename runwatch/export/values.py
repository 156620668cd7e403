"""The values of a block as columns: what each format writes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from runwatch.core.batch import EVAL, NODE, SYSTEM, TRAIN, Batch
from runwatch.core.block import Block, Samples
from runwatch.core.metrics import EPOCH
from runwatch.core.text import plain, shown

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COLUMNS = (
    "run", "stage", "source", "rank", "node", "kind", "metric", "step", "epoch", "time", "line", "value",
)  # fmt: skip
"""The schema of every format with columns, in this order. It only ever gains columns, at the end."""
KINDS = ("train", "validation", "test", "system")
_OF_TABLE = {TRAIN: 0, EVAL: 1, SYSTEM: 3}
_OF_NAME = {"train": 0, "val": 1, "test": 2}
"""A name that says what it is of goes before the kind of record: event files have a record for each value."""
_ODD = re.compile(r"[^\w.+=-]+")


@dataclass(frozen=True)
class Values:
    """Values that one source reported of one run, in the order of the log."""

    run: str
    stage: int
    """Which stage of the run, from 1."""
    source: str
    rank: int | None
    node: int | None
    names: tuple[str, ...]
    """Metrics; `metric` says which of them a value is of."""
    metric: Ints
    kind: Ints
    """Which of KINDS."""
    step: Floats
    """NaN where the log prints none; so are epoch and time."""
    epoch: Floats
    time: Floats
    """Unix time, or seconds since midnight where the log prints no date."""
    line: Floats
    value: Floats

    def __len__(self) -> int:
        return len(self.value)

    @cached_property
    def first(self) -> Ints:
        """Where each record begins: neighbors with the same step, epoch, time and line."""
        columns = np.stack([self.step, self.epoch, self.time, self.line]).view(np.int64)
        return np.flatnonzero(np.diff(columns, prepend=~columns[:, :1]).any(axis=0))

    @cached_property
    def record(self) -> Ints:
        """Which record each value is of."""
        return np.repeat(np.arange(len(self.first)), np.diff(self.first, append=len(self)))


def values_of(
    run: str,
    stage: int,
    source: str,
    rank: int | None,
    block: Block,
    batch: Batch,
    wanted: Callable[[str], bool],
) -> Values | None:
    """Return the values of a block whose metric is wanted; None if there are none.

    `batch` is the batch that the block is a part of; `rank` is the rank that alone writes the source.
    """
    found = {name: samples for name, samples in block.samples.items() if len(samples) and wanted(name)}
    if not found:
        return None
    names = tuple(found)
    parts = [_of_metric(name, index, found[name], batch) for index, name in enumerate(names)]
    offset, metric, kind, step, epoch, time, line, value = (
        np.concatenate(columns) for columns in zip(*parts, strict=True)
    )
    order = np.lexsort((metric, offset))
    number = next((each for each in (block.rank, rank, block.lead) if each is not None), None)
    return Values(
        plain(run),
        stage,
        source,
        None if number is None else number % NODE,
        None if number is None or number < NODE else number // NODE,
        tuple(map(shown, names)),
        metric[order].astype(np.int64),
        kind[order].astype(np.int64),
        step[order],
        epoch[order],
        time[order],
        line[order],
        value[order],
    )


def _of_metric(name: str, index: int, samples: Samples, batch: Batch) -> tuple[Floats, ...]:
    """Return the columns of one metric: what its record says next to the value is found by its offset."""
    rows = len(samples)
    named = _OF_NAME.get(name.partition("/")[0])
    kind = np.full(rows, float(named or 0))
    epoch, time = np.full(rows, np.nan), np.full(rows, np.nan)
    for table in batch.tables:
        if name not in table.names and table.kind != TRAIN:
            continue
        offset = table.column("offset")
        at = np.searchsorted(offset, samples.offset)
        here = offset[np.minimum(at, len(offset) - 1)] == samples.offset if len(offset) else at < 0
        if not here.any():
            continue
        if named is None and name in table.names:
            kind[here] = _OF_TABLE.get(table.kind, 0)
        for column, known in ((EPOCH, epoch), ("time", time)):
            if column in table.names:
                known[here] = table.column(column)[at[here]]
    number = np.full(rows, float(index))
    return samples.offset, number, kind, samples.step, epoch, time, samples.line, samples.value


def folder(name: str) -> str:
    """Return a relative path for what is called `name`: no part of it leads out of a directory."""
    parts = [_ODD.sub("-", part).strip(".-")[:100] for part in name.split("/")]
    return os.path.join(*(part or "run" for part in parts))
