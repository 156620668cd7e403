"""Progress bars that carry metrics: tqdm with a postfix, Lightning's rich bar.

A bar is redrawn many times; the last picture of a step is its record. So a
record is complete when the bar moves on (or the stream ends).
"""

from __future__ import annotations

import re
from typing import ClassVar, NamedTuple

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import EPOCH, STEP_TIME
from runwatch.parsers.patterns import NUMBER, VALUE, number
from runwatch.parsers.readers import Row, RowMaker

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


class _BarReader:
    """What bars of training have in common.

    Only bars that carry a loss are training; a description such as Validation
    excludes them. Validation values in a training bar are repeated with every
    picture: they count when they change.
    """

    _ALIASES: ClassVar = dict.fromkeys(
        ("avr_loss", "train_loss_step", "loss_step", "step_loss"), "train/loss"
    )

    def __init__(self, pattern: str, first_epoch: int | None = None) -> None:
        self._row = RowMaker(pattern, self._ALIASES)
        self._first_epoch = first_epoch
        self._pending: tuple[tuple[object, ...], Row] | None = None
        self._told: tuple[object, ...] | None = None
        """Place of the record that was flushed: the bar may be drawn once more as it was."""
        self._validation: dict[str, float] = {}

    def flush(self) -> list[Row]:
        """Return the bar's last picture."""
        pending, self._pending = self._pending, None
        if pending is None:
            return []
        self._told = pending[0]
        return [pending[1]]

    def _take(self, bar: _Picture, number_: int) -> list[Row] | None:
        """Take one picture of a bar: the records it completes, or None if it is not of training."""
        items = bar.items
        if _NOT_TRAINING.search(bar.text) or not any(
            _LOSS.search(n) and not _VALIDATION.match(n) for n, _ in items
        ):
            return None
        place = self._place(bar.text, bar.done, bar.total)
        out: list[Row] = []
        key = tuple(value for _, value in place)
        if self._pending is not None and self._pending[0] != key:
            out += self.flush()
        validation = {name: value for name, value in items if _VALIDATION.match(name)}
        if validation and validation != self._validation:
            self._validation = validation
            out.append(self._row(EVAL, number_, [*place[:1], *validation.items()]))
        pace = [] if bar.seconds is None else [(STEP_TIME, bar.seconds)]
        if bar.done == 0:  # it has just begun anew: what it shows is of the epoch before
            self._told = None
        if bar.done == 0 or key == self._told:
            return out
        metrics = [(name, value) for name, value in items if name not in validation]
        self._pending = key, self._row(TRAIN, number_, [*place, *pace, *metrics])
        return out

    def _place(self, text: bytes, done: float, total: float) -> list[tuple[str, float]]:
        """Return step and total; bars that begin anew with each epoch are laid end to end."""
        found = _EPOCH.search(text)
        if found is None:
            return [("step", done), ("total", total)]
        epoch = float(found[1])  # an int may have too many digits to be turned into one
        if self._first_epoch is None:
            self._first_epoch = 0 if epoch == 0 or found[2] is None else 1
        past = epoch - self._first_epoch
        epochs = float(found[2]) + 1 - self._first_epoch if found[2] else past + 1
        return [("step", past * total + done), ("total", epochs * total), (EPOCH, epoch)]


class _Picture(NamedTuple):
    """What a bar shows at one moment."""

    text: bytes
    done: float
    total: float
    seconds: float | None
    """Per step."""
    items: list[tuple[str, float]]


class TqdmReader(_BarReader):
    """`Epoch 0:  22%|##  | 4/18 [00:17<01:02, 4.47s/it, loss=9.947, v_num=193315]`."""

    def __init__(self) -> None:
        super().__init__("tqdm")

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one picture of a bar."""
        if b"%|" not in line or b"]" not in line:
            return None
        found = _TQDM.match(line)
        if found is None or found["postfix"] is None:
            return None
        seconds = None
        if found["pace"]:
            pace = number(found["pace"])
            seconds = pace if found["unit"] == b"s/it" else 1.0 / pace if pace else 0.0
        place = found["text"], float(found["done"]), float(found["total"])
        return self._take(_Picture(*place, seconds, _named(found["postfix"])), number_)


_RICH = re.compile(
    rb"(?P<text>Epoch \d+/\d+) +(?:\xe2[\x94\x95][\x80-\xbf]){4,400} (?P<done>\d+)/(?P<total>\d+) +"
    rb"\d+:\d\d:\d\d \xe2\x80\xa2(?: +(?:[\d:]{4,12}|-:--:--))? +(?P<pace>"
    + NUMBER
    + rb")it/s(?P<rest>.{0,2000})"
)
_RICH_MORE = re.compile(rb" {8,400}(?:(?:[\d:]{4,12}|-:--:--) +)?(?=[A-Za-z])")


class RichReader(_BarReader):
    """`Epoch 0/2  ----- 18/32 0:00:00 * 0:00:01 22.5it/s train_loss: 0.535`, as Lightning draws it with rich.

    A narrow terminal breaks the columns: more values follow on the next line.
    """

    def __init__(self) -> None:
        super().__init__("rich", first_epoch=0)
        self._newest: tuple[int, _Picture] | None = None

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one picture of a bar, or the values that did not fit beside it."""
        newest, self._newest = self._newest, None
        if newest is not None and newest[0] + 1 == number_ and _RICH_MORE.match(line):
            more = _named(line)
            return self._take(newest[1]._replace(items=newest[1].items + more), number_) if more else None
        found = _RICH.match(line) if line[:6] == b"Epoch " else None
        if found is None:
            return None
        pace = number(found["pace"])
        place = found["text"], float(found["done"]), float(found["total"])
        picture = _Picture(*place, 1.0 / pace if pace else None, _named(found["rest"]))
        self._newest = number_, picture
        return self._take(picture, number_)


def _named(text: bytes) -> list[tuple[str, float]]:
    """Return the named numbers of a bar, but for the version that loggers count."""
    return [(m[1].decode("ascii"), number(m[2])) for m in _NAMED.finditer(text) if m[1] != b"v_num"]
