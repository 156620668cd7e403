"""Ultralytics YOLO: an epoch's row of losses, redrawn until the epoch ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from runwatch.batch import EVAL, TRAIN
from runwatch.parsers.patterns import NUMBER, VALUE, Layout, Match, number, values
from runwatch.parsers.readers import Row, RowMaker, floats, same_until

if TYPE_CHECKING:
    from runwatch.parsers.pictures import Pictures
    from runwatch.parsers.skeleton import Floats
    from runwatch.parsers.words import WordDecoder, Words

_WORD = re.compile(rb"\S+")
_YOLO_ROW = re.compile(
    rb"\s*(?P<epoch>\d+)/(?P<epochs>\d+)\s+(?P<memory>\d+(?:\.\d+)?)[GM]B?\s+"
    rb"(?P<values>" + VALUE + rb"(?:\s+" + VALUE + rb"){2,12})\s*:"
)
_YOLO_EPOCHS = re.compile(rb"(?:\d+/\d+ )+")
_YOLO_MEMORY = re.compile(rb"\d+(?:\.\d+)?[GM]B?")
_YOLO_HEAD = re.compile(rb"\s*Epoch\s+(?:GPU_mem|gpu_mem)\s+(\S.*\S)\s*$")
_YOLO_ALL = re.compile(rb"\s*all\s+\d+\s+\d+((?:\s+" + NUMBER + rb"){1,8})\s*$")


class _YoloRows:
    """Matches an epoch's row: epoch, epochs and losses, under the names of the newest header."""

    prefix = b""

    def __init__(self) -> None:
        self._row = RowMaker("yolo", {"epoch": "step"})
        self._names: list[str] = []
        self._layouts: dict[int, tuple[Layout, list[int]]] = {}

    def use(self, names: list[str]) -> None:
        """Take the names of a header."""
        self._names = names
        self._layouts.clear()

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a row in one of its pictures."""
        found = _YOLO_ROW.match(line, start)
        if found is None:
            return None
        words = [word.span() for word in _WORD.finditer(line, *found.span("values"))]
        if len(words) not in self._layouts:
            self._layouts[len(words)] = self._layout(len(words))
        layout, kept = self._layouts[len(words)]
        return Match(layout, (found.span("epoch"), found.span("epochs"), *(words[i] for i in kept)))

    def bulk(self) -> WordDecoder:
        """Return the bulk path of rows, which are words."""
        from runwatch.parsers.words import WordDecoder

        return WordDecoder(self)

    @property
    def words(self) -> int:
        """Return how many words stand before the bar: one for the epoch, one for the memory, the values."""
        return 2 + len(self._names) if 3 <= len(self._names) <= 13 else 0

    def begins(self, word: bytes) -> bool:
        """Return whether a row may begin with a word."""
        return word.replace(b"/", b"", 1).isdigit()

    def read(self, columns: Sequence[Words]) -> tuple[Layout, list[list[float]]] | None:
        """Return the values of rows with nothing behind them but a bar."""
        count, rows = len(self._names), len(columns[0])
        if len(columns) == 3 + count:
            bars = b"\n".join(columns[-1]) + b"\n"
            if bars.count(b"]\n") != rows or bars.count(b"]") != rows:
                return None
        elif len(columns) != 2 + count:
            return None
        epochs, last = b" ".join(columns[0]) + b" ", b" ".join(columns[1 + count]) + b" "
        if not _YOLO_EPOCHS.fullmatch(epochs) or not all(map(_YOLO_MEMORY.fullmatch, set(columns[1]))):
            return None
        if last.count(b": ") != rows or last.count(b":") != rows:
            return None
        place = epochs.replace(b"/", b" ").split()
        behind = [columns[count], last.replace(b":", b" ").split()]  # instances and image size
        words = [place[::2], place[1::2], *columns[2:count]]
        read = [column for column in map(floats, words) if column is not None]
        if len(read) < count or len(behind[1]) < rows or not all(b"".join(c).isdigit() for c in behind):
            return None
        if count not in self._layouts:
            self._layouts[count] = self._layout(count)
        layout, kept = self._layouts[count]
        return layout, [*read[:2], *(read[2 + i] for i in kept)]

    def _layout(self, count: int) -> tuple[Layout, list[int]]:
        """Return the layout of rows of so many values, and which of them are kept.

        The last two are the batch's instances and the image size.
        """
        names = [f"train/loss_{i + 1}" for i in range(count - 2)]
        if len(self._names) == count:
            names = [n if n.endswith("_loss") else f"{n}_loss" for n in self._names[: count - 2]]
            names = [f"train/{name}" for name in names]
        kept = [i for i, name in enumerate(names) if name not in names[:i]]
        return self._row.layout(TRAIN, ("epoch", "total", *(names[i] for i in kept))), kept


class YoloReader:
    """Ultralytics YOLO: an epoch's row is redrawn until the epoch ends; a step is an epoch.

    Loss columns differ between versions and tasks, so the header names them.
    """

    _EVAL = ("val/precision", "val/recall", "val/mAP50", "val/mAP50-95")

    def __init__(self) -> None:
        self._row = RowMaker("yolo", {"epoch": "step"})
        self._rows = _YoloRows()
        self.pictures = (self._rows,)
        self._names: list[str] = []
        self._pending: Row | None = None
        """The newest picture; its first value is its epoch."""

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take a header, one picture of an epoch's row, or its validation."""
        head = _YOLO_HEAD.match(line)
        if head is not None:
            self._names = head[1].decode("ascii", "replace").split()
            self._rows.use(self._names)
            return []
        match = self._rows.match(line)
        if match is not None:
            before, row = self._pending, Row(match.layout, number_, values(line, match))
            self._pending = row
            return [before] if before is not None and before.values[0] != row.values[0] else []
        found = _YOLO_ALL.match(line)
        if found is None or self._pending is None:
            return None
        measured = zip(self._EVAL, map(number, found[1].split()), strict=False)
        return [self._row(EVAL, number_, [("epoch", self._pending.values[0]), *measured])]

    def flush(self) -> list[Row]:
        """Return the last epoch as it stands."""
        pending, self._pending = self._pending, None
        return [pending] if pending else []

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return where a header with other names stands."""
        return same_until(block, begin, end, (b"GPU_mem", b"gpu_mem"), self._same_head)

    def _same_head(self, line: bytes) -> bool:
        head = _YOLO_HEAD.match(line)
        return head is None or head[1].decode("ascii", "replace").split() == self._names

    def may(self, line: bytes) -> bool:
        """Return whether a line may be a row, a header or a validation."""
        return b":" in line or b"all" in line or b"PU_mem" in line or b"pu_mem" in line

    def minds(self, line: bytes) -> bool:
        """Return whether a line is a header or a validation."""
        return _YOLO_ALL.match(line) is not None or _YOLO_HEAD.match(line) is not None

    def thin(self, text: bytes) -> bytes:
        """Return the text as it is."""
        return text

    def fold(self, pictures: Pictures) -> Iterator[tuple[Layout, Floats]]:
        """Take many pictures, each as if by itself."""
        epoch = pictures.spread((part, part.columns[0]) for part in pictures.parts)
        before = self._pending
        if before is not None and before.values[0] != epoch[0]:
            yield pictures.single(before, 0)
        moves = pictures.last_of(epoch[None])
        for part in pictures.parts:
            yield part.layout, pictures.rows(part, moves, [*part.columns], pictures.next_offset)
        self._pending = pictures.newest()
