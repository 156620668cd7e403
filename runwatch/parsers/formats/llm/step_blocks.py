"""OLMo and MosaicML Composer (LLM Foundry): a step in brackets, below it a line for each value measured."""

from __future__ import annotations

import re

from runwatch.core.batch import EVAL, TRAIN
from runwatch.parsers.api import Format, Reader, Row, Sample
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_HEAD = re.compile(
    rb"(?:^|[\s:])\[(?P<name>step|batch)=(?P<step>\d{1,15})/(?P<total>\d{1,15})(?:,epoch=\d+)?\]:?\s*\Z"
)
_ITEM = re.compile(
    rb"(?: {4}|\t )(?:Train )?(?P<name>[A-Za-z_][\w./+-]{0,100}(?: [\w./()+-]{1,40}){0,4})"
    rb"(?:=|: )(?P<value>" + VALUE + rb")\s*\Z"
)
_LAST = b"    System/"
"""What OLMo ends each block with."""
_MAX_ITEMS = 512
_COUNTERS = b"time/"
"""What Composer's counters begin with."""


class StepBlockReader(Reader):
    """Reads blocks; one ends with a line that is no item of it."""

    needles = (b"[step=", b"[batch=")

    def __init__(self) -> None:
        self._row = RowMaker("step-block")
        self._place: list[tuple[str, float]] = []
        self._items: list[tuple[str, float]] | None = None
        self._line = 0

    @property
    def awake(self) -> bool:
        """Whether an item may come."""
        return self._items is not None

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a block."""
        item = _ITEM.match(line) if self._items is not None else None
        if item is not None and self._items is not None:
            if len(self._items) < _MAX_ITEMS and not item["name"].startswith(_COUNTERS):
                self._items.append((item["name"].decode("ascii"), number(item["value"])))
            return self.flush() if line.startswith(_LAST) else []
        head = _HEAD.search(line) if line.rstrip().endswith((b"]", b"]:")) else None
        rows = self.flush()
        if head is None:
            return rows or None
        self._place = [("step", float(head["step"])), ("total", float(head["total"]))]
        self._items, self._line = [], number_
        return rows

    def flush(self) -> list[Row]:
        """Return the record of the block that is open."""
        items, self._items = self._items, None
        if not items:
            return []
        evaluates = all(name.startswith("eval/") for name, _ in items)
        place = self._place[:1] if evaluates else self._place
        return [self._row(EVAL if evaluates else TRAIN, self._line, [*place, *items])]


FORMAT = Format(
    name="step-block",
    title="OLMo, MosaicML Composer: a step in brackets, its metrics below it",
    example="[step=40/900,epoch=0]",
    matchers=(),
    readers=(StepBlockReader,),
    samples=(
        Sample(
            "2030-01-02 03:04:05.678\tnode7:0\tolmo.train:979\tINFO\t[step=40/900,epoch=0]\n"
            "    optim/total_grad_norm=1.250\n"
            "    train/CrossEntropyLoss=6.125\n"
            "    train/Perplexity=1,250\n"
            "    throughput/device/tokens_per_second=8,000\n"
            "    System/Peak GPU Memory (MB)=18,000\n",
            {
                "step": [40],
                "total": [900],
                "train/grad_norm": [1.25],
                "train/loss": [6.125],
                "train/Perplexity": [1250],
                "perf/tokens_per_sec": [8000],
            },
        ),
        Sample(
            "[batch=40/900]:\n"
            "\t Train time/batch: 39\n"
            "\t Train loss/train/total: 6.1250\n"
            "\t Train lr-DecoupledAdamW/group0: 0.0005\n"
            "[batch=50/900]:\n"
            "\t Train time/batch: 49\n"
            "\t Train loss/train/total: 5.5000\n"
            "\t Train lr-DecoupledAdamW/group0: 0.0004\n",
            {
                "step": [40, 50],
                "total": [900, 900],
                "train/loss": [6.125, 5.5],
                "train/learning_rate": [0.0005, 0.0004],
            },
        ),
    ),
)
