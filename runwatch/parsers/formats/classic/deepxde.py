"""DeepXDE: rows of lists below `Step  Train loss  Test loss  Test metric`; losses are sums of lists."""

from __future__ import annotations

import re
from itertools import count

from runwatch.core.batch import TRAIN
from runwatch.core.metrics import LOSS, VAL_LOSS
from runwatch.parsers.api import Format, Reader, Row
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_HEAD = re.compile(rb"Step\s+Train loss\s+Test loss(?:\s+Test metric)?\s*$")
_LIST = rb"\[(" + VALUE + rb"(?:, ?" + VALUE + rb"){0,63})\]"
_ROW = re.compile(rb"(\d+)\s+" + _LIST + rb"\s+" + _LIST + rb"(?:\s+\[([^\[\]]{0,400})\])?\s*$")


class DeepXdeReader(Reader):
    """Reads the rows right below a header."""

    needles = (b"Train loss  ",)
    awake = False
    """Whether the next line may be a row."""
    _row = RowMaker("deepxde")

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take a header, or a row below one."""
        if _HEAD.match(line):
            self.awake = True
            return []
        row = _ROW.match(line) if self.awake else None
        if row is None:
            self.awake = False
            return None
        train, test, metrics = (_numbers(part) for part in row.group(2, 3, 4))
        items = [("step", number(row[1])), (LOSS, sum(train)), (VAL_LOSS, sum(test))]
        items += [(f"val/metric {n}", value) for n, value in zip(count(1), metrics)]
        return [self._row(TRAIN, number_, items)]


def _numbers(part: bytes | None) -> list[float]:
    """Return the numbers of a list, without what else is in it."""
    words = (part or b"").replace(b",", b" ").split()
    return [number(word) for word in words if re.fullmatch(VALUE, word)]


FORMAT = Format(
    name="deepxde",
    title="DeepXDE",
    example="1000      [2.50e-01, 1.25e-01]    [5.00e-01, 2.50e-01]    [7.50e-01]",
    readers=(DeepXdeReader,),
    markers=((b"'train' took", "over"),),
)
