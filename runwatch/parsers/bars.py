"""Progress bars that carry metrics: tqdm with a postfix, Lightning's rich bar.

A bar is redrawn many times; the last picture of a step is its record. So a
record is complete when the bar moves on (or the stream ends).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import EPOCH, STEP_TIME, Unit
from runwatch.parsers.patterns import NUMBER, VALUE, Layout, Match, values
from runwatch.parsers.readers import Row, RowMaker

if TYPE_CHECKING:
    from runwatch.parsers.pictures import Part, Pictures
    from runwatch.parsers.skeleton import Floats

_Values = Sequence[Any]
"""Of one picture, or columns of them."""

_TQDM = re.compile(
    rb"(?P<text>[^|%\"\r\n]{0,120}?)\s*\d{1,3}%\|[^|\r\n]{0,400}\|\s*(?P<done>\d+)/(?P<total>\d+) "
    rb"\[[\d:]+<[\d:?]+,\s*(?:(?P<pace>" + NUMBER + rb")(?P<unit>s/it|it/s)|\?it/s)"
    rb"(?:, (?P<postfix>[^\]\r\n]{1,2000}))?\]"
)
_EPOCH = re.compile(rb"(?i:epoch)[ :=\[]*(\d+)(?: ?(?:/|of) ?(\d+))?\]?[^\d]{0,40}$")
_NAMED = re.compile(rb"(?<![\w./@-])([A-Za-z][\w./@-]{0,80})\s{0,8}[=:]\s*(" + VALUE + rb")%?(?=[\s,\]]|$)")
_NOT_TRAINING = re.compile(rb"(?i:\bval|\beval|\btest|predict|infer|sanity|generat)")
_LOSS = re.compile(r"(?i:loss)(?!.*epoch)")
_VALIDATION = re.compile(r"(?i:^(?:val|valid|eval|test)[_/ ])")


_FILLING = re.compile(rb"%\|[^|\r\n]{1,400}\|")
_ALIASES = dict.fromkeys(("avr_loss", "train_loss_step", "loss_step", "step_loss"), "train/loss")
_Named = list[tuple[bytes, tuple[int, int]]]
"""Names and where their numbers stand."""


@dataclass(frozen=True, slots=True)
class _Shown(Layout):
    """What a bar shows: done and total; epoch, epochs and pace if there are such; then what has a name."""

    numbers: int = 0
    """How many of them tell the epoch."""
    pace: bytes = b""
    """Its unit; empty if there is none."""
    __hash__ = Layout.__hash__  # quicker than one of all fields


class _Bar:
    """How the numbers that bars of one layout show become records, for floats and for columns alike."""

    def __init__(self, row: RowMaker, layout: _Shown) -> None:
        """`row` makes the layouts of the records."""
        epochs, pace = layout.numbers, layout.pace
        first = 2 + epochs + bool(pace)
        names = layout.names[first:]
        self.epochs = epochs
        self._pace = 2 + epochs if pace else None
        place = ("step", "total", EPOCH)[: 2 + (epochs > 0)] + ((STEP_TIME,) if pace else ())
        validation = {name: i for i, name in enumerate(names, first) if _VALIDATION.match(name)}
        metrics = {n: i for i, n in enumerate(names, first) if n not in validation and n not in place}
        self.rate = 2 + epochs if pace == b"it/s" else None
        """Which number is a pace in steps a second."""
        self.validation = tuple(validation)
        self._metrics, self._validated = tuple(metrics.values()), tuple(validation.values())
        self.train = row.layout(TRAIN, (*place, *metrics))
        self.eval = row.layout(EVAL, ("step", *validation))

    def place(self, shown: _Values, first_epoch: int) -> list[Any]:
        """Return step, total and perhaps epoch; bars that begin anew with each epoch are laid end to end."""
        done, total = shown[0], shown[1]
        if not self.epochs:
            return [done, total]
        past = shown[2] - first_epoch
        planned = shown[3] + 1 - first_epoch if self.epochs > 1 else past + 1
        return [past * total + done, planned * total, shown[2]]

    def metrics(self, shown: _Values) -> list[Any]:
        """Return the seconds per step, if a pace is shown, and the values of training."""
        pace = [] if self._pace is None else [shown[self._pace]]
        return [*(pace if self.rate is None else [1.0 / pace[0]]), *(shown[i] for i in self._metrics)]

    def validated(self, shown: _Values) -> list[Any]:
        """Return the values of validation."""
        return [shown[i] for i in self._validated]


class _BarPictures:
    """What bars show: matches those of training that carry a loss."""

    prefix = b""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._row = RowMaker(pattern, _ALIASES)
        self._layouts: dict[tuple[int, bytes, tuple[bytes, ...]], Layout | None] = {}
        self._bars: dict[Layout, _Bar] = {}

    def bar(self, layout: Layout) -> _Bar:
        """Return how the numbers of pictures of a layout become records."""
        bar = self._bars.get(layout)
        if bar is None:
            assert isinstance(layout, _Shown)
            if len(self._bars) > 1024:
                self._bars.clear()
            bar = self._bars[layout] = _Bar(self._row, layout)
        return bar

    def unpaced(self, layout: Layout) -> Layout:
        """Return the layout of the same pictures without their pace."""
        assert isinstance(layout, _Shown)
        return self._make(layout.numbers, b"", layout.names[3 + layout.numbers :])

    def by_pace(self, part: Part) -> list[Part]:
        """Return pictures apart that have a pace of zero steps a second: it tells none."""
        rate = self.bar(part.layout).rate
        if rate is None or part.columns[rate].all():
            return [part]
        zero = part.columns[rate] == 0
        rest = part.columns[[i for i in range(len(part.columns)) if i != rate]]
        parts = [part._replace(at=part.at[~zero], columns=part.columns[:, ~zero])] if not zero.all() else []
        return [
            *parts,
            part._replace(layout=self.unpaced(part.layout), at=part.at[zero], columns=rest[:, zero]),
        ]

    def _picture(self, text: bytes, place: list[tuple[int, int]], pace: bytes, named: _Named) -> Match | None:
        """Return the picture of a bar behind `text`, which begins its line; None if it is not of training.

        `place` are the spans of done, total and, if shown, the pace; `named` those of other numbers.
        """
        if _NOT_TRAINING.search(text):
            return None
        found = _EPOCH.search(text)
        epochs = [] if found is None else [found.span(i) for i in (1, 2) if found[i] is not None]
        items: dict[bytes, tuple[int, int]] = {}
        for name, span in named:
            items.setdefault(name, span)
        layout = self._layout(len(epochs), pace, tuple(items))
        if layout is None:
            return None
        return Match(layout, (*place[:2], *epochs, *place[2:], *items.values()))

    def _layout(self, epochs: int, pace: bytes, printed: tuple[bytes, ...]) -> Layout | None:
        key = (epochs, pace, printed)
        if key not in self._layouts:
            if len(self._layouts) > 1024:
                self._layouts.clear()
            names = tuple(name.decode("ascii") for name in printed)
            trains = any(_LOSS.search(name) and not _VALIDATION.match(name) for name in names)
            self._layouts[key] = self._make(epochs, pace, names) if trains else None
        return self._layouts[key]

    def _make(self, epochs: int, pace: bytes, named: tuple[str, ...]) -> _Shown:
        names = ("done", "total", "epoch", "epochs")[: 2 + epochs] + (("pace",) if pace else ()) + named
        return _Shown("picture", self._pattern, names, (Unit(),) * len(names), numbers=epochs, pace=pace)


class _TqdmPictures(_BarPictures):
    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a bar with a postfix shows."""
        if b"%|" not in line or b"]" not in line:
            return None
        found = _TQDM.match(line, start)
        if found is None or found["postfix"] is None:
            return None
        place = [found.span(group) for group in ("done", "total", "pace") if found[group]]
        return self._picture(found["text"], place, found["unit"] or b"", _named(line, *found.span("postfix")))


class _BarReader:
    """What bars of training have in common.

    Only bars that carry a loss are training; a description such as Validation
    excludes them. Validation values in a training bar are repeated with every
    picture: they count when they change.
    """

    def __init__(self, of: _BarPictures, first_epoch: int | None = None) -> None:
        self._of = of
        self._first_epoch = first_epoch
        self._pending: tuple[tuple[float, ...], Row] | None = None
        self._told: tuple[float, ...] | None = None
        """Place of the record that was flushed: the bar may be drawn once more as it was."""
        self._validation: dict[str, float] = {}

    def flush(self) -> list[Row]:
        """Return the bar's last picture."""
        pending, self._pending = self._pending, None
        if pending is None:
            return []
        self._told = pending[0]
        return [pending[1]]

    def _take(self, layout: Layout, shown: Sequence[float], number_: int) -> list[Row]:
        """Take one picture of a bar; return the records it completes."""
        bar = self._of.bar(layout)
        if bar.rate is not None and shown[bar.rate] == 0:  # that tells no pace
            shown = [value for i, value in enumerate(shown) if i != bar.rate]
            bar = self._of.bar(self._of.unpaced(layout))
        place = bar.place(shown, self._counts_from(bar, shown))
        out: list[Row] = []
        key = tuple(place)
        if self._pending is not None and self._pending[0] != key:
            out += self.flush()
        if bar.validation:
            validation = dict(zip(bar.validation, bar.validated(shown), strict=True))
            if validation != self._validation:
                self._validation = validation
                out.append(Row(bar.eval, number_, [place[0], *validation.values()]))
        if shown[0] == 0:  # it has just begun anew: what it shows is of the epoch before
            self._told = None
        elif key != self._told:
            self._pending = key, Row(bar.train, number_, [*place, *bar.metrics(shown)])
        return out

    def _counts_from(self, bar: _Bar, shown: Sequence[float]) -> int:
        """Return the number of the first epoch, which the first bar that shows one tells."""
        if self._first_epoch is None and bar.epochs:
            self._first_epoch = 0 if shown[2] == 0 or bar.epochs == 1 else 1
        return self._first_epoch or 0

    def fold(self, pictures: Pictures) -> Iterator[tuple[Layout, Floats]]:
        """Take many pictures, each as if by itself; return the records they complete."""
        import numpy as np

        pictures.parts = [part for whole in pictures.parts for part in self._of.by_pace(whole)]
        key = np.full((3, len(pictures)), -1.0)  # -1 where no epoch is shown: it has no sign
        done = np.empty(len(pictures))
        for part in sorted(pictures.parts, key=lambda part: int(part.at[0])):
            bar = self._of.bar(part.layout)
            place = bar.place([*part.columns], self._counts_from(bar, part.columns[:, 0].tolist()))
            key[: len(place), part.at] = place
            done[part.at] = part.columns[0]
        yield from self._changes(pictures, key)
        yield from self._steps(pictures, key, done)

    def _changes(self, pictures: Pictures, key: Floats) -> Iterator[tuple[Layout, Floats]]:
        """Return the validation values of the pictures in which they change."""
        import numpy as np

        bars = [self._of.bar(part.layout) for part in pictures.parts]
        names = list(dict.fromkeys(name for bar in bars for name in bar.validation))
        if not names:
            return
        value = np.zeros((len(names), len(pictures)))
        has = np.zeros(value.shape, bool)
        for bar, part in zip(bars, pictures.parts, strict=True):
            for name, column in zip(bar.validation, bar.validated([*part.columns]), strict=True):
                value[names.index(name), part.at] = column
                has[names.index(name), part.at] = True
        at = np.flatnonzero(has.any(axis=0))
        value, has = value[:, at], has[:, at]
        changed = np.zeros(len(pictures), bool)
        changed[at[1:]] = ((has[:, 1:] != has[:, :-1]) | (value[:, 1:] != value[:, :-1])).any(axis=0)
        first, self._validation = self._validation, {}
        ends = [{n: float(value[i, j]) for i, n in enumerate(names) if has[i, j]} for j in (0, -1)]
        changed[at[0]] = ends[0] != first
        self._validation = ends[1]
        for bar, part in zip(bars, pictures.parts, strict=True):
            if bar.validation:
                columns = [key[0, part.at], *bar.validated([*part.columns])]
                yield bar.eval, pictures.rows(part, changed, columns)

    def _steps(self, pictures: Pictures, key: Floats, done: Floats) -> Iterator[tuple[Layout, Floats]]:
        """Return the last picture of each step that another one follows; keep the newest."""
        begin, last = 0, len(pictures) - 1
        if self._pending is None and self._told is not None:
            other = (_padded(self._told) != key.T).any(axis=1)
            begin = int(other.argmax()) if other.any() else last + 1
        if begin > last:
            return
        moves = pictures.last_of(key) & (done != 0)
        moves[:begin] = False
        if self._pending is not None and (key[:, begin] != _padded(self._pending[0])).any():
            yield pictures.single(self._pending[1], begin)
        for part in pictures.parts:
            bar = self._of.bar(part.layout)
            columns = [key[i, part.at] for i in range(3 if bar.epochs else 2)]
            columns += bar.metrics([*part.columns])
            yield bar.train, pictures.rows(part, moves, columns, pictures.next_offset)
            if part.at[-1] == last:
                newest = part.columns[:, -1].tolist()
                place = key[: 3 if bar.epochs else 2, last].tolist()
                row = Row(bar.train, int(pictures.line[last]), [*place, *bar.metrics(newest)])
        self._pending = (tuple(place), row) if done[last] else None
        if not done[last]:
            self._told = None


def _padded(place: tuple[float, ...]) -> tuple[float, ...]:
    return place if len(place) == 3 else (*place, -1.0)


class TqdmReader(_BarReader):
    """`Epoch 0:  22%|##  | 4/18 [00:17<01:02, 4.47s/it, loss=9.947, v_num=193315]`."""

    def __init__(self) -> None:
        self.pictures = (_TqdmPictures("tqdm"),)
        super().__init__(*self.pictures)

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one picture of a bar."""
        match = self.pictures[0].match(line)
        return None if match is None else self._take(match.layout, values(line, match), number_)

    def may(self, line: bytes) -> bool:
        """Return whether a line may hold a bar."""
        return b"%|" in line

    def minds(self, line: bytes) -> bool:
        """Return False: only pictures tell anything."""
        return False

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return the end: nothing changes how bars are read."""
        return end

    def thin(self, text: bytes) -> bytes:
        """Return the text with empty bars."""
        return _FILLING.sub(b"%||", text)


_RICH = re.compile(
    rb"(?P<text>Epoch \d+/\d+) +(?:\xe2[\x94\x95][\x80-\xbf]){4,400} (?P<done>\d+)/(?P<total>\d+) +"
    rb"\d+:\d\d:\d\d \xe2\x80\xa2(?: +(?:[\d:]{4,12}|-:--:--))? +(?P<pace>"
    + NUMBER
    + rb")it/s(?P<rest>.{0,2000})"
)
_RICH_FILLING = re.compile(rb"(?:\xe2[\x94\x95][\x80-\xbf]){5,400}")
_RICH_MORE = re.compile(rb" {8,400}(?:(?:[\d:]{4,12}|-:--:--) +)?(?=[A-Za-z])")


class _RichPictures(_BarPictures):
    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a bar shows; of one that a narrow terminal broke, the first line."""
        found = _RICH.match(line, start) if line[start : start + 6] == b"Epoch " else None
        if found is None:
            return None
        place = [found.span("done"), found.span("total"), found.span("pace")]
        return self._picture(found["text"], place, b"it/s", _named(line, *found.span("rest")))


class RichReader(_BarReader):
    """`Epoch 0/2  ----- 18/32 0:00:00 * 0:00:01 22.5it/s train_loss: 0.535`, as Lightning draws it with rich.

    A narrow terminal breaks the columns: more values follow on the next line.
    """

    def __init__(self) -> None:
        self.pictures = (_RichPictures("rich"),)
        super().__init__(*self.pictures, first_epoch=0)
        self._newest = 0, b""
        """Number and text of the line before, if a bar may be broken there."""

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one picture of a bar, or the values that did not fit beside it."""
        (before, text), self._newest = self._newest, (0, b"")
        if text and before + 1 == number_ and _RICH_MORE.match(line):
            line = text + line if _NAMED.search(line) else b""
        elif line[:6] == b"Epoch ":
            self._newest = number_, line
        match = self.pictures[0].match(line)
        return None if match is None else self._take(match.layout, values(line, match), number_)

    def may(self, line: bytes) -> bool:
        """Return whether a line may hold a bar."""
        return line[:6] == b"Epoch "

    def minds(self, line: bytes) -> bool:
        """Return False: a bar that is broken is no part of a block."""
        return False

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return where the first broken bar begins, or the last line, which may yet be broken."""
        if block.startswith(b"        ", begin):
            return begin
        broken = block.find(b"\n        ", begin, end)
        return block.rfind(b"\n", begin, end - 1 if broken < 0 else broken) + 1 or begin

    def thin(self, text: bytes) -> bytes:
        """Return the text with short bars."""
        return _RICH_FILLING.sub(4 * b"\xe2\x94\x81", text)


def _named(line: bytes, begin: int, end: int) -> _Named:
    """Return the named numbers of a bar, but for the version that loggers count."""
    found = _NAMED.finditer(line, begin, end)
    return [(m[1], m.span(2)) for m in found if m[1] != b"v_num"]
