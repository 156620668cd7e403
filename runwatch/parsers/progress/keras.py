"""Keras: a bar per epoch, redrawn until the epoch ends; a step is an epoch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from runwatch.core.batch import BY_FIT, EVAL, TRAIN
from runwatch.core.metrics import Unit
from runwatch.core.text import decode
from runwatch.parsers.api import Known, Layout, Match, Matcher, Row, as_printed
from runwatch.parsers.body.matchers import VALUE
from runwatch.parsers.body.readers import FoldingReader, RowMaker
from runwatch.parsers.progress.grammar import behind
from runwatch.parsers.progress.names import is_loss, unit_behind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runwatch.parsers.body.frames import Floats, Frames
    from runwatch.parsers.framing.lines import Ints

_COLOR = rb"(?:\[\d{1,2}m){0,3}"
"""Colors of Keras 3 whose escape characters were lost on the way."""
_EPOCH = re.compile(_COLOR + rb"Epoch (\d+)/(\d+)" + _COLOR + rb"\s*$")
_BAR = re.compile(
    _COLOR + rb"\s*(?P<done>\d+)/(?P<total>\d+|Unknown)" + _COLOR + rb" "
    rb"(?:(?:\[[=>.]{10,80}\]|\S{10,200}) ?- |(?<=Unknown )(?:- )?(?=\d+s )|"
    rb"(?=" + _COLOR + rb"(?:\xe2\x94[\x80-\xbf]|[\x80-\xff]{3,400} \d[\d:]*m?s? |\?{10}|={10}))\S{1,400} )"
    rb"(?P<rest>[^\r\n]{1,4000})"
    rb"|(?:(?:\s*(?P<all>\d+)/(?P<of>\d+) |\s)- |(?=\d+s - ))(?P<whole>\d+m?s [^\r\n]{1,4000})"  # verbose=2
)
_ITEM = re.compile(
    rb" - (?!ETA: )([A-Za-z\x80-\xff|][^\s:]{0,80}(?:[ :][^\s:]{1,80}){0,5}): (" + VALUE + rb")"
    rb"(?: ?[A-Za-z/%]{1,12})?(?= - |[\s\b]*$)"
)
_PLACE = re.compile(rb"/(\d+)(?= \[[=>.]{10,80}\] ?- )")
"""Where a bar shows its place; many in a line were glued together as carriage returns were lost."""
_FILLING = re.compile(rb"\[[=>.]{10,80}\]")
_HEAVY = re.compile(rb"\xe2\x94[\x80-\xbf\xe2]{4,300}")
HEADLINE, DRAWN, _UNKNOWN, _WHOLE = "headline", "drawn", "unknown", "whole"
"""What a line shows: an epoch's headline, a bar, a bar without a total, a bar that is printed once."""
_HEADLINE = as_printed("frame", HEADLINE, ("epoch", "epochs"))


class _KerasFrames(Matcher):
    """Matches headlines (epoch and epochs) and bars with a loss (done and total where drawn, then values)."""

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a line shows."""
        if b"Epoch " in line[:11]:
            head = _EPOCH.match(line)
            return head and Match(_HEADLINE, (head.span(1), head.span(2)))
        found = _BAR.match(line, _last_bar(line)) if b" - " in line else None
        if found is None:
            return None
        drawn = found["rest"] is not None
        before = found.start("rest" if drawn else "whole") - 3
        items = list(_ITEM.finditer(b" - " + found["rest" if drawn else "whole"]))
        names = tuple(decode(m[1]) for m in items)
        ended = int(found["all"] or 1) >= int(found["of"] or 1) or any(n[:4] == "val_" for n in names)
        if not ended or not any(name.endswith("loss") or is_loss(name) for name in names):
            return None
        if found["total"] == b"Unknown":
            return Match(as_printed("frame", _UNKNOWN, ()), ())
        spans = tuple((before + m.start(2), before + m.end(2)) for m in items)
        units = tuple(
            unit_behind(name, behind(line, end)) for name, (_, end) in zip(names, spans, strict=True)
        )
        if drawn:
            place = found.span("done"), found.span("total")
            layout = as_printed("frame", DRAWN, ("done", "total", *names), (Unit(), Unit(), *units))
            return Match(layout, (*place, *spans))
        # what is printed twice is no number that may change
        form = f"{_WHOLE} {(found['all'] or b'1').decode()}"
        return Match(as_printed("frame", form, names, units), spans)


def _last_bar(line: bytes) -> int:
    """Return where the last of the bars begins that are glued together; 0 for a bar alone."""
    places = list(_PLACE.finditer(line))
    if len(places) < 2:
        return 0
    return places[-1].start() - len(places[-1][1])  # what is done is padded to the total's width


class _Values:
    """Which numbers of a bar are those of training and which of validation; of two of one name the first."""

    def __init__(self, row: RowMaker, layout: Layout, evaluation: str) -> None:
        first = 2 if layout.pattern == DRAWN else 0
        self.first = first
        items: dict[str, int] = {}
        for i, name in enumerate(layout.names[first:], first):
            items.setdefault(name, i)
        train = {n: i for n, i in items.items() if n[:4] != "val_" and n not in ("epoch", "total")}
        validation = {n: i for n, i in items.items() if n[:4] == "val_"}
        self.train, self.validation = list(train.values()), list(validation.values())
        self.names = frozenset(items)
        self.every = list(items.values())
        self.train_row = row.layout(TRAIN, ("epoch", "total", *train))
        self.validation_row = row.layout(EVAL, ("epoch", *validation))
        self.every_row = row.layout(EVAL, tuple(evaluation + name for name in items))


class _Full(NamedTuple):
    """A bar that is full."""

    line: int
    layout: Layout
    shown: Sequence[float]
    total: float


class _Headless:
    """Counts epochs where no headline was ever seen: each fit() had one epoch, or they went elsewhere.

    The first bar trains, and each with values of validation. Another of its kind, with the same names and
    total, trains if evaluations are of another kind. One directly behind it may be an evaluation of the
    same data: it waits until a third one comes, or something else.
    """

    def __init__(self) -> None:
        self.epochs = 0.0
        self._kind: tuple[frozenset[str], float] | None = None
        """Names and total of the first bar."""
        self._sure = False
        """Whether each bar of its kind trains."""
        self._waiting: _Full | None = None

    def release(self) -> list[_Full]:
        """Return the bar that waits: it was an evaluation."""
        waiting, self._waiting = self._waiting, None
        return [] if waiting is None else [waiting]

    def take(self, full: _Full, values: _Values) -> tuple[list[_Full], list[tuple[float, _Full]]]:
        """Take a full bar; return which evaluated, and which trained, with their epochs."""
        kind = values.names, full.total
        self._kind = self._kind or kind
        waiting = self.release()
        if not self.epochs or values.validation:
            return waiting, self._count([full])
        if kind != self._kind:
            self._sure |= not waiting
            return [*waiting, full], []
        self._sure |= bool(waiting)
        if self._sure:
            return [], self._count([*waiting, full])
        self._waiting = full
        return [], []

    def _count(self, trained: list[_Full]) -> list[tuple[float, _Full]]:
        first, self.epochs = self.epochs + 1, self.epochs + len(trained)
        return [(first + i, full) for i, full in enumerate(trained)]


class KerasReader(FoldingReader):
    """`Epoch 3/10`, then `1875/1875 [=====] - 30s 16ms/step - loss: 0.4137 - val_loss: 0.4354`.

    The record is the full bar, in its last frame. A bar that follows a full one without a headline is an
    evaluation, unless it shows values of validation, as only training does, and the next headline begins
    again: then its own was lost. fit() prints no headline for a single epoch: what a bar without one was is
    known when the next bar, headline or the end comes. Where no headline was ever seen, see Headless.
    """

    begins = rb"(?:\[\d{1,2}m)*(?:Epoch |\s*\d+/(?:\d|Unknown))|\s- |\d+s - "
    awake = False
    pattern = "keras" + BY_FIT
    evaluation = "evaluate/"
    """What the names of an evaluation's numbers begin with."""

    def __init__(self, frames: Matcher | None = None) -> None:
        self.frames = (frames or _KerasFrames(),)
        self._row = RowMaker(self.pattern, {"epoch": "step"}, stored=True)
        self._values: Known[Layout, _Values] = Known(lambda of: _Values(self._row, of, self.evaluation))
        self.epoch: tuple[float, float] | None = None
        """Epoch and epochs of the newest headline; None before the first."""
        self._open = True
        """Whether the next bar trains: nothing was full since the headline or the beginning."""
        self._done, self._total = 0.0, -1.0
        """The newest frame of a bar."""
        self._full: _Full | None = None
        """A bar that is full, in its newest frame."""
        self._headless = _Headless()

    def flush(self) -> list[Row]:
        """Return the bar that is complete."""
        rows = self._complete()
        return [*rows, *(row for full in self._headless.release() for row in self._evaluated(full))]

    @property
    def ended(self) -> bool:
        """Whether the bar that is full is of the last epoch."""
        return self._full is not None and self.epoch is not None and self.epoch[0] == self.epoch[1]

    def take(self, layout: Layout, shown: Sequence[float], number_: int) -> list[Row]:
        """Take one frame; return the records it completes."""
        if layout.pattern == _UNKNOWN:
            return []
        if layout.pattern == HEADLINE:
            epoch, epochs = (*shown, math.nan)[:2]
            if self._full and epoch > 1 and (self.epoch is None or self._lost(self._full.layout, epoch)):
                self.epoch, self._open = (epoch - 1, epochs), True  # a log or run begins without one
            rows = self._complete(headline=True)
            self.epoch, self._open, self._done, self._total = (epoch, epochs), True, 0.0, -1.0
            return rows
        drawn = layout.pattern == DRAWN
        done, total = shown[:2] if drawn else 2 * (float(layout.pattern.split()[1]),)
        begins = not drawn or done < self._done or total != self._total
        if self._full and self._full.line != number_:  # a redraw shows the same loss
            other = self._first(layout, shown) != self._first(self._full.layout, self._full.shown)
            begins |= other and not self._closes(layout)
        rows = self._complete() if begins else []
        self._done, self._total = done, total
        if done == total:
            self._full = _Full(number_, layout, shown, total)
        return rows

    def _lost(self, layout: Layout, epoch: float) -> bool:
        """Whether a bar without a headline is of the epoch before the next one, of another run."""
        begins_again = self.epoch is not None and epoch <= self.epoch[0]
        return begins_again and not self._open and bool(self._values[layout].validation)

    def _closes(self, layout: Layout) -> bool:
        """Whether a full bar below a full one is its last frame, which shows more, as of the validation."""
        return self._full is not None and self._values[self._full.layout].names < self._values[layout].names

    def _first(self, layout: Layout, shown: Sequence[float]) -> tuple[str, float]:
        """Return name and value of the first number that has a name."""
        first = self._values[layout].first
        return layout.names[first], shown[first]

    def _complete(self, *, headline: bool = False) -> list[Row]:
        """Return the records of the full bar, now that another one begins."""
        full, self._full = self._full, None
        if full is None:
            return []
        trains, self._open = self._open, False
        if self.epoch is None:
            if headline and not self._values[full.layout].validation and not self._headless.epochs:
                return self._evaluated(full)  # before training
            evaluated, trained = self._headless.take(full, self._values[full.layout])
            rows = [row for one in evaluated for row in self._evaluated(one)]
            return [*rows, *(row for epoch, one in trained for row in self._trained(one, (epoch, epoch)))]
        return self._trained(full, self.epoch) if trains else self._evaluated(full)

    def _trained(self, full: _Full, epoch: tuple[float, float]) -> list[Row]:
        of = self._values[full.layout]
        rows = [Row(of.train_row, full.line, [*epoch, *(full.shown[i] for i in of.train)])]
        if of.validation:
            rows.append(
                Row(of.validation_row, full.line, [epoch[0], *(full.shown[i] for i in of.validation)])
            )
        return rows

    def _evaluated(self, full: _Full) -> list[Row]:
        of = self._values[full.layout]
        return [Row(of.every_row, full.line, [full.shown[i] for i in of.every])]

    # -- many frames at once ---------------------------------------------------------------------

    def may(self, line: bytes) -> bool:
        """Return whether a line may be a headline or hold a bar."""
        return b" - " in line or b"Epoch " in line[:11]

    def thin(self, text: bytes) -> bytes:
        """Return the text with bars that are filled alike."""
        if b">" in text:  # else all bars are full
            text = _FILLING.sub(b"[==========]", text)
        return _HEAVY.sub(b"\xe2\x94\x81", text) if b"\xe2\x94" in text else text

    def fold(self, frames: Frames) -> Iterator[tuple[Layout, Floats]]:
        """Take many frames, each as if by itself: whole epochs together, what is around them one by one.

        One after the other they take four times as long (1.4 and 5.9 us a line of benchmarks/formats.py).
        """
        heads = [part.at for part in frames.parts if part.layout.pattern == HEADLINE]
        first, last = (int(heads[0][0]), int(heads[0][-1])) if heads else (0, 0)
        done, total = self._places(frames)
        if first == last or (done > total)[first:last].any():
            first, last = -1, 0
        yield from frames.one_by_one(0, first + 1, self.take)
        if first >= 0:
            yield from self._epochs(frames, heads[0], done, total)
        yield from frames.one_by_one(last, len(frames), self.take)

    def _places(self, frames: Frames) -> tuple[Floats, Floats]:
        """Return done and total of each frame; -1 for headlines and bars without a total."""
        columns: list[list[tuple[Any, Any]]] = [[], []]
        for part in frames.parts:
            form, _, number_ = part.layout.pattern.partition(" ")
            for i in range(2):
                if form in (DRAWN, _WHOLE):
                    columns[i].append((part, part.columns[i] if form == DRAWN else float(number_)))
        return frames.spread(columns[0], -1.0), frames.spread(columns[1], -1.0)

    def _epochs(
        self, frames: Frames, heads: Ints, done: Floats, total: Floats
    ) -> Iterator[tuple[Layout, Floats]]:
        """Return the records of what is between the first headline and the last."""
        import numpy as np

        bars = np.flatnonzero(done >= 0)
        bars = bars[(bars > heads[0]) & (bars < heads[-1])]
        if not len(bars):
            return
        begins = self._beginnings(frames, bars, heads, done, total)
        full = np.flatnonzero(done[bars] == total[bars])
        if not len(full):
            return
        bar = np.cumsum(begins)[full]
        full = bars[full[np.append(bar[1:] != bar[:-1], True)]]  # in its last frame
        ends = np.sort(np.concatenate([heads, bars[begins]]))
        offset = np.zeros(len(frames))
        offset[full] = frames.offset[ends[np.searchsorted(ends, full, "right")]]
        epoch = np.searchsorted(heads, full) - 1
        headline = next(part for part in frames.parts if part.layout.pattern == HEADLINE)
        reported = np.vstack((headline.columns, heads * np.nan))[:2]
        place, following = np.zeros((2, len(frames))), reported[:, epoch + 1]
        place[:, full] = reported[:, epoch]
        changes = epoch[1:] != epoch[:-1]
        lost = np.append(False, ~changes) & np.append(changes, True) & self._may_train(frames)[full]
        lost &= (following[0] > 1) & (following[0] <= place[0, full])  # see _lost
        place[:, full[lost]] = following[:, lost] - np.array([[1.0], [0.0]])
        trains, evaluates = np.zeros((2, len(frames)), bool)
        trains[full] = np.append(True, changes) | lost
        evaluates[full] = ~trains[full]
        for part in frames.parts:
            if part.layout.pattern in (HEADLINE, _UNKNOWN):
                continue
            of = self._values[part.layout]
            epochs = [*place[:, part.at]]
            for layout, chosen, columns in (
                (of.train_row, trains, [*epochs, *part.columns[of.train]]),
                (of.validation_row, trains, [epochs[0], *part.columns[of.validation]]),
                (of.every_row, evaluates, [*part.columns[of.every]]),
            ):
                if of.validation or layout is not of.validation_row:
                    yield layout, frames.rows(part, chosen, columns, offset)

    def _may_train(self, frames: Frames) -> NDArray[np.bool_]:
        """Return which frames show values of validation, as only those of training do."""
        named = [part for part in frames.parts if part.layout.pattern not in (HEADLINE, _UNKNOWN)]
        return frames.spread([(part, bool(self._values[part.layout].validation)) for part in named]) > 0

    def _beginnings(
        self, frames: Frames, bars: Ints, heads: Ints, done: Floats, total: Floats
    ) -> NDArray[np.bool_]:
        """Return which of the frames `bars` begin a bar (see take)."""
        import numpy as np

        named = [part for part in frames.parts if part.layout.pattern not in (HEADLINE, _UNKNOWN)]
        reported = [self._values[part.layout].names for part in named]
        closes = np.array([[full < of for of in reported] for full in reported])
        names = sorted({self._first_name(part.layout) for part in named})
        firsts = [(part, part.columns[self._values[part.layout].first]) for part in named]
        loss = frames.spread(firsts)[bars]
        name = frames.spread([(p, names.index(self._first_name(p.layout))) for p in named])[bars]
        whole = frames.spread([(p, p.layout.pattern != DRAWN) for p in named])[bars] > 0
        kind = frames.spread((part, i) for i, part in enumerate(named))[bars].astype(np.intp)
        done, total, line = done[bars], total[bars], frames.line[bars]
        epoch = np.searchsorted(heads, bars)
        again = (line[1:] != line[:-1]) & (done == total)[:-1]
        again &= (loss[1:] != loss[:-1]) | (name[1:] != name[:-1])
        again &= ~closes[kind[:-1], kind[1:]]
        begins = again | (epoch[1:] != epoch[:-1]) | (done[1:] < done[:-1]) | (total[1:] != total[:-1])
        return np.append(True, begins | whole[1:])

    def _first_name(self, layout: Layout) -> str:
        return layout.names[self._values[layout].first]
