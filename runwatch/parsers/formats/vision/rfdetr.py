"""RF-DETR's tables: what each epoch's validation measured, below `Val (Epoch 3/50) — Overall Metrics`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runwatch.core.batch import BY_EPOCH, TRAIN
from runwatch.parsers.api import Format, Reader, Row, Sample
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_TITLE = re.compile(rb"\s*Val \(Epoch (\d+)/(\d+)\) \xe2\x80\x94 Overall Metrics\s*\Z")
_BAR = "\u2502".encode()
_KINDS = {"@": "mAR"} | dict.fromkeys("0123456789", "mAP")
"""What a column is of whose name is only a threshold, by its first character."""


class TableReader(Reader):
    """Reads the first row of numbers below a title, under the names above it, as the record of the epoch."""

    begins = rb"\s*Val \(Epoch \d"
    _row = RowMaker("rf-detr" + BY_EPOCH)
    _place: Sequence[tuple[str, float]] = ()
    """Epoch and epochs of the title; empty unless its row may come."""
    _names: Sequence[str] = ()

    @property
    def awake(self) -> bool:
        """Whether the next line may be of a table."""
        return bool(self._place)

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take a title, or a line of the table below it."""
        title = _TITLE.match(line)
        if title is not None:
            self._place, self._names = [("step", float(title[1])), ("total", float(title[2]))], []
            return []
        if not self._place or not line.startswith(b"\xe2"):
            self._place = ()
            return None
        cells = [cell.strip() for cell in line.strip().split(_BAR)[1:-1]]
        if not all(re.fullmatch(VALUE, cell) for cell in cells):
            self._names = [cell.decode("utf-8", "replace") for cell in cells]
        elif cells:
            named = (f"val/{_KINDS.get(name[:1], '')}{name}" for name in self._names)
            place, self._place = self._place, ()
            return [self._row(TRAIN, number_, [*place, *zip(named, map(number, cells), strict=False)])]
        return []


FORMAT = Format(
    name="rf-detr",
    title="RF-DETR",
    example="Val (Epoch 3/50) — Overall Metrics",
    readers=(TableReader,),
    samples=(
        Sample(
            "        Val (Epoch 3/50) — Overall Metrics\n┏━━━━━━┳━━━━━┓\n┃ mAP  ┃ mAR ┃\n┡━━━━┯━╇━━━━━┩\n"
            "│ 50:95  │ @500  │   F1   │\n├────────┼───────┼────────┤\n│ 0.5000 │ 0.625 │ 0.7500 │\n"
            "└────────┴───────┴────────┘\n  Val (Epoch 3/50) — Per-class Metrics\n│ cat │ 0.1 │ 0.2 │\n",
            {"step": [3], "val/mAP50:95": [0.5], "val/mAR@500": [0.625], "val/F1": [0.75]},
        ),
    ),
)
