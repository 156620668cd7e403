"""Tables and blocks printed over several lines: stable-baselines3, spaCy, YOLO, epoch blocks."""

from __future__ import annotations

import re

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import EPOCH
from runwatch.parsers.patterns import NUMBER, VALUE, number
from runwatch.parsers.readers import Row, RowMaker

_CELL = re.compile(rb"\|\s+([\w./ -]{1,60}?)\s*\|\s*(" + VALUE + rb")?\s*\|\s*$")
_RULE = re.compile(rb"-{10,200}\s*$")


class BoxReader:
    """A box of `| name | value |` rows between two rules, its sections ending in a slash.

    stable-baselines3 prints one per iteration; `time/total_timesteps` is the step.
    """

    def __init__(self) -> None:
        self._row = RowMaker("box", {"total_timesteps": "step"})
        self._section = ""
        self._items: list[tuple[str, float]] | None = None

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a box."""
        if line[:2] == b"| ":
            cell = _CELL.match(line)
            if cell is None or self._items is None:
                return None
            name = cell[1].decode("ascii", "replace")
            if cell[2] is None:
                self._section = name if name.endswith("/") else ""
            elif len(self._items) < 200:
                value = number(cell[2])
                step = name.replace(" ", "_") == "total_timesteps"
                self._items.append(("total_timesteps" if step else self._section + name, value))
            return []
        if line[:10] != b"----------" or not _RULE.match(line):
            return None
        items, self._items, self._section = self._items, [], ""
        if items and any(name == "total_timesteps" for name, _ in items):
            return [self._row(TRAIN, number_, items)]
        return []

    def flush(self) -> list[Row]:
        """Return nothing: a box that is not closed is no record."""
        return []


_SPACY_HEAD = re.compile(rb"\s{0,3}E\s+#\s+(\S.*SCORE)\s*$")
_NUMBERS = re.compile(rb"\s*" + VALUE + rb"(?:\s+" + VALUE + rb"){2,40}\s*$")


class SpacyReader:
    """spaCy's training table: a header `E  #  LOSS NER ... SCORE`, then rows of numbers."""

    def __init__(self) -> None:
        self._row = RowMaker("spacy")
        self._names: list[str] | None = None

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take the header or a row."""
        head = _SPACY_HEAD.match(line) if line.rstrip().endswith(b"SCORE") else None
        if head is not None:
            names = re.split(r"\s{2,}", head[1].decode("utf-8", "replace"))
            self._names = [EPOCH, "step", *names]
            return []
        if self._names is None or not _NUMBERS.match(line):
            return None
        values = line.split()
        if len(values) != len(self._names):
            return None
        return [self._row(TRAIN, number_, zip(self._names, map(number, values), strict=True))]

    def flush(self) -> list[Row]:
        """Return nothing: a row is complete with its line."""
        return []


_YOLO_ROW = re.compile(
    rb"\s*(?P<epoch>\d+)/(?P<epochs>\d+)\s+(?P<memory>\d+(?:\.\d+)?)[GM]B?\s+"
    rb"(?P<values>" + VALUE + rb"(?:\s+" + VALUE + rb"){2,12})\s*:"
)
_YOLO_HEAD = re.compile(rb"\s*Epoch\s+(?:GPU_mem|gpu_mem)\s+(\S.*\S)\s*$")
_YOLO_ALL = re.compile(rb"\s*all\s+\d+\s+\d+((?:\s+" + NUMBER + rb"){1,8})\s*$")


class YoloReader:
    """Ultralytics YOLO: an epoch's row is redrawn until the epoch ends; a step is an epoch.

    Loss columns differ between versions and tasks, so the header names them.
    """

    _EVAL = ("val/precision", "val/recall", "val/mAP50", "val/mAP50-95")

    def __init__(self) -> None:
        self._row = RowMaker("yolo", {"epoch": "step"})
        self._names: list[str] = []
        self._pending: tuple[float, Row] | None = None

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take a header, one picture of an epoch's row, or its validation."""
        head = _YOLO_HEAD.match(line)
        if head is not None:
            self._names = head[1].decode("ascii", "replace").split()
            return []
        found = _YOLO_ROW.match(line)
        if found is not None:
            return self._take(found, number_)
        found = _YOLO_ALL.match(line)
        if found is None or self._pending is None:
            return None
        values = zip(self._EVAL, map(number, found[1].split()), strict=False)
        return [self._row(EVAL, number_, [("epoch", self._pending[0]), *values])]

    def _take(self, found: re.Match[bytes], number_: int) -> list[Row]:
        epoch, values = float(found["epoch"]), [number(v) for v in found["values"].split()]
        names = self._names if len(self._names) == len(values) else []
        losses = len(values) - 2  # the last two are the batch's instances and the image size
        named = [
            (self._named(names[i]) if names else f"train/loss_{i + 1}", value)
            for i, value in enumerate(values[:losses])
        ]
        row = self._row(TRAIN, number_, [("epoch", epoch), ("total", float(found["epochs"])), *named])
        done = [self._pending[1]] if self._pending is not None and self._pending[0] != epoch else []
        self._pending = epoch, row
        return done

    @staticmethod
    def _named(column: str) -> str:
        return f"train/{column}" if column.endswith("_loss") else f"train/{column}_loss"

    def flush(self) -> list[Row]:
        """Return the last epoch as it stands."""
        pending, self._pending = self._pending, None
        return [pending[1]] if pending else []


_BLOCK_EPOCH = re.compile(rb"\W{0,12}[Ee]poch:? *\[?(\d+)(?:/(\d+)\]?)?\W{0,12}$")
_BLOCK_PART = re.compile(rb"([A-Za-z][\w ]{0,40}?):? +(" + VALUE + rb")s?(?= - | \| |, |\s*$)")

_BLOCK_HEADS = (
    b"train loss",
    b"training loss",
    b"train_loss",
    b"val loss",
    b"val_loss",
    b"valid loss",
    b"validation loss",
    b"time taken",
    b"lr:",
    b"learning rate",
)


class EpochBlockReader:
    """`Epoch: 3/30`, then lines such as `Train Loss: 5.94 - Train Perplexity: 380.1`; a step is an epoch."""

    def __init__(self) -> None:
        self._row = RowMaker("epoch-block", {"epoch": "step"})
        self._epoch: list[tuple[str, float]] = []
        self._noted: list[tuple[str, float]] = []

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a block."""
        found = _BLOCK_EPOCH.match(line) if len(line) < 64 else None
        if found is not None:
            self._epoch = [("epoch", float(found[1]))] + ([("total", float(found[2]))] if found[2] else [])
            self._noted = []
            return []
        head = line[:24].lower()
        if not self._epoch or not head.startswith(_BLOCK_HEADS):
            return None
        items = [(m[1].decode("ascii").strip(), number(m[2])) for m in _BLOCK_PART.finditer(line)]
        if not items:
            return None
        if head.startswith(b"val"):
            return [self._row(EVAL, number_, [*self._epoch[:1], *items])]
        self._noted += items
        if not head.startswith(b"train"):
            return []
        noted, self._noted = self._noted, []
        return [self._row(TRAIN, number_, [*self._epoch, *noted])]

    def flush(self) -> list[Row]:
        """Return nothing: each line is complete."""
        return []
