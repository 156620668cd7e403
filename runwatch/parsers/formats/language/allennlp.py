"""AllenNLP: a table of metrics below each epoch, of training and of validation side by side.

Its bars (`accuracy: 0.5, loss: 2.125 ||:  25%|##5       | 5/20 [...]`) show more. Where there are any, the
table is not read: the format of progress bars reads them.
"""

from __future__ import annotations

import re

from runwatch.core.batch import EVAL, TRAIN
from runwatch.parsers.api import Format, Reader, Row
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

_EPOCH = re.compile(rb"Epoch (\d+)/(\d+)\s*\Z")
_HEAD = re.compile(rb"\s{0,120}Training \|  Validation\s*\Z")
_CELL = rb" {0,20}(" + VALUE + rb"|N/A) {0,20}"
_ROW = re.compile(rb"([A-Za-z_][\w/.-]{0,80}) {1,80}\|" + _CELL + rb"(?:\|" + _CELL + rb")?\s*\Z")
_END = b"Epoch duration: "
_MAX_ROWS = 256


class AllenReader(Reader):
    """Reads the table of an epoch, which the epoch's duration ends. A step is an epoch, counted from 0."""

    begins = rb"Epoch \d+/\d+\s*\Z|\s{0,120}Training \||" + _END
    needles = (b"||:",)
    awake = False
    """Whether a row of the table may come."""

    def __init__(self) -> None:
        self._row = RowMaker("allennlp")
        self._epoch: list[tuple[str, float]] = []
        self._cells: dict[str, list[tuple[str, float]]] = {}
        """The cells of the table that is read, by kind of record."""
        self._bars = False
        self._line = 0

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a table."""
        self._bars |= b"||:" in line
        if self._bars:
            return None
        epoch = _EPOCH.match(line)
        if epoch is not None:
            rows = self.flush()
            self._epoch = [("step", float(epoch[1])), ("total", float(epoch[2]) + 1.0)]
            return rows or None  # others print such a line, too
        if self.awake and (row := _ROW.match(line)) is not None:
            self._take(row)
            return []
        if self.awake and line.startswith(_END):
            return self.flush()
        if self._epoch and _HEAD.match(line):
            self._cells, self._line, self.awake = {TRAIN: [], EVAL: []}, number_, True
            return []
        return None

    def _take(self, row: re.Match[bytes]) -> None:
        """Take a metric's cells."""
        name = row[1].decode("ascii")
        for kind, shown, cell in ((TRAIN, name, row[2]), (EVAL, f"val/{name}", row[3])):
            if cell and cell != b"N/A" and len(self._cells[kind]) < _MAX_ROWS:
                self._cells[kind].append((shown, number(cell)))

    def flush(self) -> list[Row]:
        """Return the records of the table that was read last."""
        inside, self.awake = self.awake, False
        if not inside:
            return []
        places = {TRAIN: self._epoch, EVAL: self._epoch[:1]}
        return [
            self._row(kind, self._line, [*places[kind], *cells])
            for kind, cells in self._cells.items()
            if cells
        ]


FORMAT = Format(
    name="allennlp",
    title="AllenNLP without its bars",
    example="loss            |     2.125  |     1.875",
    readers=(AllenReader,),
)
