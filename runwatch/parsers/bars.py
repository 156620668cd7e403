"""Progress bars that carry metrics: tqdm with a postfix, Keras.

A bar is redrawn many times; the last picture of a step is its record. So a
record is complete when the bar moves on (or the stream ends).
"""

from __future__ import annotations

import re
from typing import ClassVar

from runwatch.batch import EVAL, TRAIN
from runwatch.metrics import EPOCH, STEP_TIME
from runwatch.parsers.patterns import NUMBER, VALUE, number
from runwatch.parsers.readers import Row, RowMaker

_TQDM = re.compile(
    rb"(?P<text>[^|%\r\n]{0,120}?)\s*\d{1,3}%\|[^|\r\n]{0,400}\|\s*(?P<done>\d+)/(?P<total>\d+) "
    rb"\[[\d:]+<[\d:?]+,\s*(?:(?P<pace>" + NUMBER + rb")(?P<unit>s/it|it/s)|\?it/s)"
    rb"(?:, (?P<postfix>[^\]\r\n]{1,2000}))?\]"
)
_EPOCH = re.compile(rb"(?i:epoch)[ :=\[]*(\d+)(?: ?(?:/|of) ?(\d+))?\]?[^\d]{0,40}$")
_NAMED = re.compile(rb"(?<![\w./@-])([A-Za-z][\w./@-]{0,80})\s{0,8}[=:]\s*(" + VALUE + rb")%?(?=[\s,\]]|$)")
_NOT_TRAINING = re.compile(rb"(?i:\bval|\beval|\btest|predict|infer|sanity|generat)")
_LOSS = re.compile(r"(?i:loss)(?!.*epoch)")
_VALIDATION = re.compile(r"(?i:^(?:val|valid|eval|test)[_/ ])")


class TqdmReader:
    """`Epoch 0:  22%|##  | 4/18 [00:17<01:02, 4.47s/it, loss=9.947, v_num=193315]`.

    Only bars that carry a loss are training; a description such as Validation
    excludes them. Validation values in a training bar are repeated with every
    picture: they count when they change.
    """

    _ALIASES: ClassVar = dict.fromkeys(("avr_loss", "train_loss_step", "loss_step"), "train/loss")

    def __init__(self) -> None:
        self._row = RowMaker("tqdm", self._ALIASES)
        self._first_epoch: int | None = None
        self._pending: tuple[tuple[object, ...], Row] | None = None
        self._validation: dict[str, float] = {}

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one picture of a bar."""
        if b"%|" not in line or b"]" not in line:
            return None
        found = _TQDM.match(line)
        if found is None or found["postfix"] is None or float(found["done"]) == 0:
            return None
        items = [
            (m[1].decode("ascii"), number(m[2]))
            for m in _NAMED.finditer(found["postfix"])
            if m[1] != b"v_num"
        ]
        text = found["text"]
        if _NOT_TRAINING.search(text) or not any(
            _LOSS.search(n) and not _VALIDATION.match(n) for n, _ in items
        ):
            return None
        place = self._place(text, float(found["done"]), float(found["total"]))
        out: list[Row] = []
        key = tuple(value for _, value in place)
        if self._pending is not None and self._pending[0] != key:
            out.append(self._pending[1])
        validation = {name: value for name, value in items if _VALIDATION.match(name)}
        if validation != self._validation:
            self._validation = validation
            if validation:
                out.append(self._row(EVAL, number_, [*place[:1], *validation.items()]))
        pace = []
        if found["pace"]:
            seconds = number(found["pace"])
            pace = [(STEP_TIME, seconds if found["unit"] == b"s/it" else 1.0 / seconds if seconds else 0.0)]
        metrics = [(name, value) for name, value in items if name not in validation]
        self._pending = key, self._row(TRAIN, number_, [*place, *pace, *metrics])
        return out

    def flush(self) -> list[Row]:
        """Return the bar's last picture."""
        pending, self._pending = self._pending, None
        return [pending[1]] if pending else []

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


_KERAS_EPOCH = re.compile(rb"Epoch (\d+)/(\d+)\s*$")
_KERAS = re.compile(
    rb"\s*(?P<done>\d+)/(?P<total>\d+) (?:\[[=>.]{10,80}\]|\S{10,200}) ?- (?P<rest>[^\r\n]{1,4000})"
    rb"|\s*(?P<done2>\d+)/(?P<total2>\d+) \xe2\x94[\x80-\xbf](?P<rest2>[^\r\n]{1,4000})"
)
_KERAS_ITEM = re.compile(rb" - ([A-Za-z][\w/.-]{0,80}): (" + VALUE + rb")(?= - |\s*$)")


class KerasReader:
    """`Epoch 3/10`, then `1875/1875 [=====] - 30s 16ms/step - loss: 0.4137 - val_loss: 0.4354`.

    A step is an epoch: the record is the full bar, in its last picture. A bar of
    another length, or one without an epoch, is an evaluation.
    """

    def __init__(self) -> None:
        self._row = RowMaker("keras")
        self._epoch: tuple[float, float] | None = None
        self._batches = b""
        """Length of the epoch's bar, as printed."""
        self._pending: list[Row] = []

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take an epoch's headline or a picture of its bar."""
        if line[:6] == b"Epoch ":
            found = _KERAS_EPOCH.match(line)
            if found is None:
                return None
            self._epoch, self._batches = (float(found[1]), float(found[2])), b""
            return self.flush()
        found = _KERAS.match(line) if b" - " in line and b"/" in line[:24] else None
        if found is None:
            return None
        done, total, rest = (found[a] or found[a + "2"] for a in ("done", "total", "rest"))
        items = [(m[1].decode("ascii"), number(m[2])) for m in _KERAS_ITEM.finditer(b" - " + rest)]
        if not any(name == "loss" for name, _ in items):
            return None
        if self._epoch is None or (self._batches or total) != total:  # model.evaluate()
            evaluated = [(f"evaluate/{name}", value) for name, value in items]
            return [self._row(EVAL, number_, evaluated)] if done == total else []
        self._batches = total
        if done == total:
            place = [("step", self._epoch[0]), ("total", self._epoch[1])]
            self._pending = [self._row(TRAIN, number_, [*place, *(i for i in items if i[0][:4] != "val_")])]
            validation = [item for item in items if item[0][:4] == "val_"]
            if validation:
                self._pending.append(self._row(EVAL, number_, [*place[:1], *validation]))
        return []

    def flush(self) -> list[Row]:
        """Return the epoch that is complete."""
        pending, self._pending = self._pending, []
        return pending
