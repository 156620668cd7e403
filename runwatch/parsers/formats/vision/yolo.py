"""YOLO: Ultralytics (v5, v8 and later) rows that are redrawn, and YOLOX lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from runwatch.core.batch import EVAL, TRAIN
from runwatch.core.metrics import LOSS, Unit
from runwatch.core.text import shown
from runwatch.parsers.api import Format, Layout, Match, Matcher, Row
from runwatch.parsers.body.matchers import NUMBER, VALUE, LinePattern, number, training, values
from runwatch.parsers.body.readers import FoldingReader, RowMaker, same_until
from runwatch.parsers.lexicon.units import SCALES
from runwatch.parsers.tables.evaluations import CocoReader

if TYPE_CHECKING:
    from runwatch.parsers.body.frames import Floats, Frames
    from runwatch.parsers.framing.lines import Flags, Ints
    from runwatch.parsers.tables.word_rows import Words

_WORD = re.compile(rb"\S+")
_MEMORY = "GPU_mem"
_ROW = re.compile(
    rb"\s*(?P<epoch>\d+)/(?P<epochs>\d+)\s+(?P<memory>\d+(?:\.\d+)?)(?P<unit>[GM]B?)\s+"
    rb"(?P<values>" + VALUE + rb"(?:\s+" + VALUE + rb"){2,12})\s*:"
)
_HEAD = re.compile(rb"\s*Epoch\s+(?:GPU_mem|gpu_mem)\s+(\S.*\S)\s*$")
_ALL = re.compile(rb"\s*all(?:\s+\d+\s+\d+((?:\s+" + NUMBER + rb"){1,8})|((?:\s+" + NUMBER + rb"){2}))\s*$")
"""A validation: instances and what was measured, or of a classifier its accuracy alone."""


class _WordRows(Matcher):
    """A matcher of rows that are words; see word_rows.RowMatcher."""

    skeletons = False

    def bulk(self) -> Any:
        """Return the bulk path of rows, which are words."""
        from runwatch.parsers.tables.word_rows import RowMatcher, WordDecoder

        return WordDecoder(cast("RowMatcher", self))


class _YoloRows(_WordRows):
    """Matches an epoch's row: epoch, epochs and losses, under the names of the newest header."""

    def __init__(self) -> None:
        self._row = RowMaker("yolo", {"epoch": "step"})
        self._names: list[str] = []
        self._layouts: dict[tuple[int, bytes], tuple[Layout, list[int]]] = {}

    def use(self, names: list[str]) -> None:
        """Take the names of a header."""
        self._names = names
        self._layouts.clear()

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a row in one of its frames."""
        found = _ROW.match(line, start)
        if found is None:
            return None
        words = [word.span() for word in _WORD.finditer(line, *found.span("values"))]
        layout, kept = self._layout(len(words), found["unit"])
        places = (found.span(part) for part in ("epoch", "epochs", "memory"))
        return Match(layout, (*places, *(words[i] for i in kept)))

    @property
    def words(self) -> int:
        """Return how many words precede the bar: one for the epoch, one for the memory, the values."""
        return 2 + len(self._names) if 3 <= len(self._names) <= 13 else 0

    def read(self, words: Words) -> tuple[Layout, Floats, Flags] | None:
        """Return the values of rows with nothing behind them but a bar."""
        import numpy as np

        from runwatch.parsers.columnar import numerals

        count, text = len(self._names), words.text
        begin, end = words.begin, words.end
        opening = _opening(words, text[end[-1] - 1] == 58)
        if opening is None:
            return None
        epoch, total, memory, unit, good = opening
        for at, behind in ((-2, 0), (-1, 1)):  # instances and image size
            good &= numerals.whole(text, begin[at], end[at] - behind)[1]
        losses, right = words.numbers(2, count - 2)
        good &= right
        if good.any():
            good &= _nothing_behind(words)
        layout, kept = self._layout(count, unit)
        memory *= SCALES[unit]
        return layout, np.array([epoch, total, memory, *(losses[i] for i in kept)]), good

    def _layout(self, count: int, unit: bytes) -> tuple[Layout, list[int]]:
        """Return the layout of rows of so many values, and which of them are kept; `unit` of the memory."""
        if (count, unit) not in self._layouts:
            self._layouts[count, unit] = self._new_layout(count, unit)
        return self._layouts[count, unit]

    def _new_layout(self, count: int, unit: bytes) -> tuple[Layout, list[int]]:
        """Return the same as a new one. The last two values are the batch's instances and the image size."""
        names = [f"train/loss_{i + 1}" for i in range(count - 2)]
        if count > 4:  # of a classifier there is one loss; of all else the boxes' comes first
            names[0] = "train/box_loss"
        if len(self._names) == count:
            names = [
                n if n == "loss" or n.endswith("_loss") else f"{n}_loss" for n in self._names[: count - 2]
            ]
            names = [f"train/{name}" for name in names]
        kept = [i for i, name in enumerate(names) if name not in names[:i]]
        layout = self._row.layout(TRAIN, ("epoch", "total", _MEMORY, *(names[i] for i in kept)))
        units = [Unit(multiply=SCALES[unit]) if name == _MEMORY else Unit() for name in layout.names]
        return replace(layout, units=tuple(units)), kept


def _opening(words: Words, good: Flags) -> tuple[Floats, Floats, Floats, bytes, Flags] | None:
    """Return epoch, epochs, memory and its unit of rows that begin with them, and which of `good` do."""
    import numpy as np

    from runwatch.parsers.columnar import numerals

    text, begin, end = words.text, words.begin, words.end
    row = int(good.argmax())
    place, memory = words.word(0, row), words.word(1, row)
    epochs = place[place.find(b"/") :]  # it is the same all the time
    unit = memory.lstrip(b"0123456789.")
    if len(epochs) > 8 or not epochs[1:].isdigit() or unit not in (b"G", b"M", b"GB", b"MB"):
        return None
    good = good & words.ends_with(0, epochs) & words.ends_with(1, unit)
    good &= numerals.plain(text, begin[1], end[1] - len(unit))
    used, right = numerals.read(text, begin[1], end[1] - len(unit))
    good &= right
    epoch, right = numerals.whole(text, begin[0], end[0] - len(epochs))
    return epoch, np.full(len(epoch), float(epochs[1:])), used, unit, good & right


def _nothing_behind(words: Words) -> Flags:
    """Return which rows end with their bar, or show none."""
    import numpy as np

    lo, hi = int(words.line_begin[0]), int(words.line_end[-1]) + 1
    span, last = words.text[lo:hi], words.line_end - lo
    closed = span[last - 1] == 93
    inside = np.flatnonzero((span[:-1] == 93) & (span[1:] != 10))  # and so not at the end of any
    row = np.searchsorted(words.line_begin - lo, inside, "right") - 1
    closed[row[inside < last[row]]] = False
    if not closed.all():
        odd = np.flatnonzero(~closed)
        closed[odd] = _first(span == 124, words.line_begin[odd] - lo) >= last[odd]
    return np.asarray(closed)


def _first(flags: Flags, begin: Ints) -> Ints:
    """Return where the first flag from each place on is."""
    import numpy as np

    at = np.append(np.flatnonzero(flags), len(flags))
    return np.asarray(at[np.searchsorted(at, begin)])


class ResultsPattern(_WordRows, LinePattern):
    """Rows of results.txt: an epoch's place, memory, four losses, two counts, seven measures.

    Rows of programs that have more losses are read one by one.
    """

    words = 15

    def read(self, words: Words) -> tuple[Layout, Floats, Flags] | None:
        """Return the values of rows with nothing behind their words."""
        import numpy as np

        from runwatch.parsers.columnar import numerals

        good = words.end[-1] == words.line_end
        row = int(good.argmax())
        match = self.match(words.text[words.line_begin[row] : words.line_end[row]].tobytes())
        opening = _opening(words, good)
        if match is None or opening is None or len(match.spans) != self.words - 2:
            return None
        epoch, total, _, _, good = opening
        for at in (6, 7):  # instances and image size
            good &= numerals.whole(words.text, words.begin[at], words.end[at])[1]
        losses, right = words.numbers(2, 4)
        measures, further = words.numbers(8, 7)
        return match.layout, np.array([epoch, total, *losses, *measures]), good & right & further


class YoloReader(FoldingReader):
    """Ultralytics YOLO: an epoch's row is redrawn until the epoch ends; a step is an epoch.

    Loss columns differ between versions and tasks, so the header names them.
    """

    begins = rb"\s*(?:\d+/\d|all\s|Epoch\s)"
    awake = False
    _EVAL = ("val/precision", "val/recall", "val/mAP50", "val/mAP50-95")
    _ACCURACY = ("val/accuracy_top1", "val/accuracy_top5")

    def __init__(self) -> None:
        self._row = RowMaker("yolo", {"epoch": "step"})
        self._rows = _YoloRows()
        self.frames = (self._rows,)
        self._names: list[str] = []
        self._pending: Row | None = None
        """The newest frame; its first value is its epoch."""
        self._validated: float | None = None
        """The newest epoch that was validated; None if none was."""
        self._headers = 0
        """Headers since the newest row: they count epochs whose rows went to another stream."""

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take a header, one frame of an epoch's row, or its validation."""
        head = _HEAD.match(line)
        if head is not None:
            self._names = _column_names(head[1])
            self._rows.use(self._names)
            self._headers += 1
            return []
        match = self._rows.match(line)
        if match is not None:
            before, row = self._pending, Row(match.layout, number_, values(line, match))
            self._pending, self._headers = row, 0
            return [before] if before is not None and before.values[0] != row.values[0] else []
        found = _ALL.match(line)
        epoch = self._pending.values[0] if self._pending is not None else float(self._headers)
        if found is None or (self._pending is None and not self._headers):
            return None
        names = self._ACCURACY if found[1] is None else self._EVAL
        self._validated = epoch if self._pending is not None else None
        measured = zip(names, map(number, found[found.lastindex or 1].split()), strict=False)
        return [self._row(EVAL, number_, [("epoch", epoch), *measured])]

    def flush(self) -> list[Row]:
        """Return the last epoch as it ended; one that was not validated, as others were, did not."""
        pending, self._pending, self._headers = self._pending, None, 0
        ended = pending and self._validated in (None, pending.values[0])
        return [pending] if pending and ended else []

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return where a header with other names is."""
        return same_until(block, begin, end, (b"E",), self._same_head)  # a byte is found ten times as fast

    def _same_head(self, line: bytes) -> bool:
        head = _HEAD.match(line)
        return head is None or _column_names(head[1]) == self._names

    def concerns(self, line: bytes) -> bool:
        """Return whether a line is a header or a validation."""
        return _ALL.match(line) is not None or _HEAD.match(line) is not None

    def fold(self, frames: Frames) -> Iterator[tuple[Layout, Floats]]:
        """Take many frames, each as if by itself."""
        epoch = frames.spread((part, part.columns[0]) for part in frames.parts)
        before = self._pending
        if before is not None and before.values[0] != epoch[0]:
            yield frames.single(before, 0)
        moves = frames.last_of(epoch[None])
        for part in frames.parts:
            yield part.layout, frames.rows(part, moves, [*part.columns], frames.next_offset)
        self._pending, self._headers = frames.newest(), 0


def _column_names(head: bytes) -> list[str]:
    """Return the names in a header; whatever they hold, they can be shown."""
    return [shown(name) for name in head.decode("ascii", "replace").split()]


ULTRALYTICS = Format(
    name="yolo",
    title="Ultralytics YOLO",
    example="      2/90      4.25G      1.125      2.250      1.375         12        640: 100%|###| 9/9",
    readers=(YoloReader,),
)

_FURTHER = (("t_landmark",), ("t_kpt", "t_kptv"), ("t_4", "t_5", "t_6"))
"""Losses that some have besides: of faces, of poses, of what a fork detects."""
_TRAINED = ("box", "obj", "cls", "landmark", "kpt", "kptv", "4", "5", "6")
_VALIDATED = ("precision", "recall", "mAP50", "mAP50-95", "box_loss", "obj_loss", "cls_loss")


def _columns(*names: str) -> bytes:
    """Return the pattern of numbers in columns, each a group of this name."""
    return b"".join(rb"\s+{%s}" % name.encode() for name in names)


# Epoch, memory, losses and their sum, instances, image size; four measures, the losses of the validation.
_RESULTS = ResultsPattern(
    "results",
    TRAIN,
    rb"\s*{step}/{total}\s+\d+(?:\.\d+)?[GM]B?(?=\s)"
    + _columns("t_box", "t_obj", "t_cls")
    + rb"(?:%s|%s|%s)?" % tuple(_columns(*names) for names in _FURTHER)
    + _columns("t_total")
    + rb"\s+\d+\s+\d+(?=\s)"
    + _columns(*(f"v_{i}" for i in range(7)))
    + rb"\s*$",
    sign=rb"\d/\d+\s+\d+(?:\.\d+)?[GM]",
    aliases={"t total": LOSS}
    | {f"t {name}": f"train/{name}_loss" for name in _TRAINED}
    | {f"v {i}": f"val/{name}" for i, name in enumerate(_VALIDATED)},
)
RESULTS = Format(
    name="yolo-results-txt",
    title="results.txt of YOLOv5, YOLOv7 and their kin",
    example="   2/90   4.25G   0.0625   0.0125   0.025   0.1   12   640   0.5   0.25   0.5   0.25   ...",
    matchers=(_RESULTS,),
)

YOLOX = Format(
    name="yolox",
    title="YOLOX",
    example="INFO | yolox.core.trainer:after_iter:250 - epoch: 2/90, iter: 10/45, iter_time: 0.125s, ...",
    matchers=(
        training(
            rb"epoch: {epoch}/{epochs}, iter: {within}/{per}, (?:(?:gpu )?mem: [^,]{1,60}, ){0,2}",
            fields=True,
            first_epoch=1,
        ),
    ),
    readers=(CocoReader,),
    logged=True,
    markers=((b"Training of experiment is done", "finished"),),
)
