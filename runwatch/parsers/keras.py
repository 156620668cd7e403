"""Keras: a bar per epoch, redrawn until the epoch ends; a step is an epoch."""

from __future__ import annotations

import re

from runwatch.batch import EVAL, TRAIN
from runwatch.parsers.patterns import VALUE, number
from runwatch.parsers.readers import Row, RowMaker

_EPOCH = re.compile(rb"Epoch (\d+)/(\d+)\s*$")
_BAR = re.compile(
    rb"\s*(?P<done>\d+)/(?P<total>\d+|Unknown) "
    rb"(?:(?:\[[=>.]{10,80}\]|\S{10,200}) ?- |(?=\xe2\x94[\x80-\xbf])\S{1,400} )(?P<rest>[^\r\n]{1,4000})"
    rb"|(?:\s*(?P<all>\d+)/(?P=all) |\s)- (?P<whole>\d+m?s [^\r\n]{1,4000})"  # verbose=2
)
_ITEM = re.compile(rb" - ([A-Za-z][\w/.-]{0,80}): (" + VALUE + rb")(?= - |\s*$)")
_Items = list[tuple[str, float]]


class KerasReader:
    """`Epoch 3/10`, then `1875/1875 [=====] - 30s 16ms/step - loss: 0.4137 - val_loss: 0.4354`.

    The record is the full bar, in its last picture. A bar that follows a full one without a
    headline is an evaluation. fit() prints no headline for a single epoch: what a bar
    without one was is known when the next bar, headline or the end comes.
    """

    def __init__(self) -> None:
        self._row = RowMaker("keras", {"epoch": "step"})
        self._epoch: tuple[float, float] | None = None
        """Epoch and epochs of the newest headline; None before the first."""
        self._open = True
        """Whether the next bar trains: nothing was full since the headline or the beginning."""
        self._done, self._total = 0.0, b""
        """The newest picture of a bar."""
        self._full: tuple[int, _Items] | None = None
        """Line and values of a bar that is full, in its newest picture."""

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take an epoch's headline or a picture of a bar."""
        if line[:6] == b"Epoch ":
            found = _EPOCH.match(line)
            if found is None:
                return None
            epoch, epochs = float(found[1]), float(found[2])
            if self._epoch is None and self._full and epoch > 1:  # the log begins within a run
                self._epoch = epoch - 1, epochs
            rows = self._complete(headline=True)
            self._epoch, self._open, self._done, self._total = (epoch, epochs), True, 0.0, b""
            return rows
        found = _BAR.match(line) if b" - " in line else None
        if found is None:
            return None
        rest = found["rest"] or found["whole"]
        items = [(m[1].decode("ascii"), number(m[2])) for m in _ITEM.finditer(b" - " + rest)]
        if not any(name == "loss" for name, _ in items):
            return None
        if found["total"] == b"Unknown":
            return []
        total = found["total"] or found["all"] or b"1"
        done = float(found["done"] or total)
        begins = done < self._done or total != self._total or found["whole"] is not None
        if self._full and self._full[0] != number_:  # a redraw shows the same loss
            begins |= items[0] != self._full[1][0]
        rows = self._complete() if begins else []
        self._done, self._total = done, total
        if done == float(total):
            self._full = number_, items
        return rows

    def flush(self) -> list[Row]:
        """Return the bar that is complete."""
        return self._complete()

    def _complete(self, *, headline: bool = False) -> list[Row]:
        """Return the records of the full bar, now that another one begins."""
        full, self._full = self._full, None
        if full is None:
            return []
        line, items = full
        validation = [item for item in items if item[0][:4] == "val_"]
        trains, self._open = self._open, False
        if self._epoch is None and headline and not validation:
            trains = False  # an evaluation before training
        if not trains:
            return [self._row(EVAL, line, [(f"evaluate/{name}", value) for name, value in items])]
        epoch, epochs = self._epoch or (1.0, 1.0)
        place = [("epoch", epoch), ("total", epochs)]
        rows = [self._row(TRAIN, line, [*place, *(item for item in items if item not in validation)])]
        if validation:
            rows.append(self._row(EVAL, line, [*place[:1], *validation]))
        return rows
