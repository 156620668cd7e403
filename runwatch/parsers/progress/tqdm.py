"""Bars of tqdm that carry a loss, one or several below each other, or say by their epoch how far it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, cast

from runwatch.core.batch import EVAL
from runwatch.core.metrics import LOSS
from runwatch.core.text import decode
from runwatch.parsers.api import Layout, Match, Row
from runwatch.parsers.body.matchers import values
from runwatch.parsers.body.readers import RowMaker
from runwatch.parsers.framing.ansi import UP
from runwatch.parsers.progress.bar_frame import BarFrames, BarLayout
from runwatch.parsers.progress.epochs import begun, epoch_of, outer_of
from runwatch.parsers.progress.grammar import NEEDLES, Bar, bar_in, holds, is_drawn, named
from runwatch.parsers.progress.held_out import HeldOutLines, may_show
from runwatch.parsers.progress.names import counts_other, is_loss, is_validation, part_of
from runwatch.parsers.progress.stacked import apart, apart_until, newest, seen
from runwatch.parsers.progress.tracker import BarReader
from runwatch.parsers.progress.validation import Frame, ValidationBars, has_total

if TYPE_CHECKING:
    from runwatch.parsers.body.frames import Floats, Frames

_NEAR = 64
"""Lines behind a bar within which what was measured on held-out data is of its step."""
_MOST_ENDED = 256
_SURE = 16
"""Records from which these lines are nobody else's."""
_MAY = re.compile(rb"%\||poch|POCH|[Vv]al|[Tt]est|[Ee]val|[Dd]ev|oss|LOSS| \[|%\] in |\xe2")
"""What a line holds that is a bar or describes one: most hold none of it."""

_COUNTED = (b"epoch", b"step", b"iteration")
"""What names no value of a description."""
_DESC_LOSS = re.compile(rb"oss|OSS|(?<![A-Za-z])(?:Tot|mse|MSE|nll|NLL)[:=]")
"""What a description holds that contains a loss."""
_DESC_NAME = re.compile(rb"([^\s:=]{1,80})(?:: ?|=)\d{1,9}\.\d")
"""A value in a description, which may be a loss by another name: `Epoch 3 xent: 2.5:  12%|`."""
_BARE = re.compile(rb"Epoch:? \[?\d{1,6}(?: ?/ ?\d{1,6})?\]?:?\s*")  # an epoch and nothing else


class _TqdmFrames(BarFrames):
    holds_out = True

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a bar with a postfix shows."""
        bar = bar_in(line, start)
        return None if bar is None else self.read(line, bar)

    def read(self, line: bytes, bar: Bar) -> Match | None:
        """Return what a bar that is drawn in a line shows."""
        self.redrawn |= bar.redrawn
        items = [] if bar.postfix is None else named(line, *bar.postfix)
        inside = _DESC_LOSS.search(line, *bar.desc) and not any(is_loss(decode(name)) for name, _ in items)
        if items and not inside:
            epoch = next((s for name, s in items if name == b"epoch" and line[slice(*s)].isdigit()), None)
            return self.frame(line, bar, items, epoch=epoch)
        begin, end = bar.desc
        text = line[begin:end]
        loss = _DESC_LOSS.search(text) or next(
            (m for m in _DESC_NAME.finditer(text) if is_loss(decode(m[1]))), None
        )
        held_out = loss is None and part_of(text)
        if not held_out and (loss is None or counts_other(text[: loss.start()])):  # held out may be behind it
            return None
        # `Epoch 3 loss: 2.5:  12%|`: the values are in the description
        reported = named(line, begin, begin + len(text.rstrip(b": ")))
        own = [(name, span) for name, span in reported if name.lower() not in _COUNTED]
        end = min((span[0] - len(name) for name, span in own), default=begin)
        return self.frame(line, bar, [*own, *items], desc=line[begin : end - 1]) if own else None


class TqdmReader(BarReader):
    """`Epoch 0:  22%|##  | 4/18 [00:17<01:02, 4.47s/it, loss=9.947, v_num=193315]`.

    Processes that share a terminal draw their bars below each other: where those at positions 0 and 1
    have the same text and total, the position is the rank.
    """

    begins = b""  # `%|` is looked for in any case
    remembers = reads_redraws = observes = True
    awake = False
    """Whether the next lines may contain held-out data."""
    needles = NEEDLES

    def __init__(self) -> None:
        self._bar = _TqdmFrames("tqdm")
        super().__init__(self._bar)
        self._top: tuple[bytes, bytes] = b"", b""
        """Text and total of the newest bar at the top."""
        self._row = RowMaker("tqdm")
        self._validation_bars = ValidationBars()
        self._held_out_lines = HeldOutLines()
        self._ended: dict[tuple[Layout, tuple[float, ...]], None] = {}
        """Bars of rich that have ended, as they were last."""
        self._under = False
        """Whether there is a bar of epochs above."""
        self._nested = False
        """Whether there were bars below one of epochs that showed a loss."""
        self._line = -_NEAR
        """Line number of the newest bar."""
        self._records = 0
        """Records so far, as long as they are few."""
        self._waiting: list[Row] = []
        """What was measured on held-out data before there were enough of them."""

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one frame of a bar."""
        above, bar = line.count(UP), bar_in(line)
        if bar is not None and (above or not self._stacked):
            shown_by = seen(line, bar)
            self._stacked |= above > 0 and shown_by == self._top
            self._top = self._top if above else shown_by or self._top
        match = None if bar is None else self._bar.read(line, bar)
        if bar is None or match is None:
            self._observe(line)
            return self._held_out(line, number_)
        self._line, self.awake = number_, True
        self._note(line)
        shown = values(line, match)
        layout = cast("BarLayout", match.layout)
        if not layout.held_out:
            self._held_out_lines.trains(layout)
        if self._again(layout, shown):
            return []
        rows = self._one(layout, shown, number_)
        if self._records < _SURE:
            self._records += len(rows)
            rows, self._waiting = self._waiting + rows, []
        return rows

    def _again(self, layout: BarLayout, shown: Sequence[float]) -> bool:
        """Return whether a bar that has ended is drawn once more: rich draws all, whichever moves."""
        if not layout.redrawn or shown[0] != shown[1]:
            return False
        full = layout, tuple(shown)
        again = full in self._ended
        self._ended[full] = None
        if len(self._ended) > _MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        return again

    def flush(self) -> list[Row]:
        """Return the last frame of the bar, or of each rank's."""
        waiting, self._waiting = self._waiting, []
        waiting += self._report(*self._validation_bars.end())
        self._validation_bars = ValidationBars()  # what comes next is of another run
        return waiting + super().flush()

    def prime(self, lines: list[bytes]) -> None:
        """Look for the first epoch among the first lines of a stream whose middle is read."""
        for line in lines:
            match = self._bar.match(line)
            self._note(line)
            if match is None:
                self._observe(line)
                continue
            layout = cast("BarLayout", match.layout)
            if not layout.held_out:
                self._epochs.take(layout.counts(values(line, match)))
        self._epochs.forget_lengths()

    def fold(self, frames: Frames) -> Iterator[tuple[Layout, Floats]]:
        """Take many frames, each as if by itself; return the records they complete."""
        self._line, self._records = int(frames.line[-1]), _SURE  # else there would be no block
        for part in frames.parts:
            if not cast("BarLayout", part.layout).held_out:
                self._held_out_lines.trains(part.layout)
        kept = frames.spread((), 1.0) > 0
        kept[self._drawn_again(frames)] = False
        for part in frames.parts if self._stacked else ():
            kept[part.at] &= not cast("BarLayout", part.layout).held_out
        frames = frames.only(kept)
        if not len(frames):
            return iter(())
        outer = [cast("BarLayout", part.layout).outer for part in frames.parts]
        nested = any(outer) and (self._nested or not all(outer))
        if nested or not (self._stacked or self._validation_bars.quick(frames)):
            return frames.one_by_one(0, len(frames), self._one)
        return super().fold(frames)

    def _drawn_again(self, frames: Frames) -> list[int]:
        """Return the frames of bars that had ended before."""
        ended = [
            (int(part.at[i]), layout, part.columns[:, i].tolist())
            for part in frames.parts
            if (layout := cast("BarLayout", part.layout)).redrawn
            for i in (part.columns[0] == part.columns[1]).nonzero()[0].tolist()
        ]
        ended.sort(key=lambda one: one[0])
        return [at for at, layout, shown in ended if self._again(layout, shown)]

    def _one(self, layout: Layout, shown: Sequence[float], number_: int) -> list[Row]:
        """Take one frame of a bar, which may be one of epochs above another that trains."""
        layout = cast("BarLayout", layout)
        self._under |= layout.outer
        if layout.outer and self._nested:
            for bar in self.bars:
                bar.around.note_outer(int(shown[0]) + 1, int(shown[1]))
            return []
        frame, bars = Frame(layout, shown, number_), self._validation_bars
        alone = has_total(layout) and not self._stacked
        if layout.held_out:
            return self._report(*bars.take(frame)) if alone else []
        reported = alone and (bars.waits or LOSS in self._bar.columns(layout).train.names)
        if not reported or bars.continues(frame):
            return self._trained(frame)
        return self._report(*bars.take(frame))

    def _report(self, validated: Frame | None, trained: list[Frame]) -> list[Row]:
        """Return what was validated, at the step at which the bar is, and what trains."""
        rows: list[Row] = []
        if validated is not None and self.step is not None:
            layout, shown, line = validated
            values = zip(layout.values, shown[layout.first :], strict=False)
            part = self._held_out_lines.part(layout.held_out)
            items = [(name if is_validation(name) else f"{part}_{name}", value) for name, value in values]
            rows = [self._row(EVAL, line, [("step", self.step), *items])]
        return [*rows, *(row for frame in trained for row in self._trained(frame))]

    def _trained(self, frame: Frame) -> list[Row]:
        """Return the records that a frame of training completes."""
        self._nested |= self._under and not frame.layout.outer
        return self.take(frame.layout, frame.shown, frame.line)

    def of_rank(self) -> TqdmReader:
        """Return a reader of one rank's lines, which has seen what lines without a rank said about epochs."""
        reader = TqdmReader()
        reader._epochs = deepcopy(self._epochs)
        return reader

    def observe(self, line: bytes) -> None:
        """Take what a line without a rank means to the reader of a rank."""
        if b"poch" in line or b"POCH" in line:
            self._observe(line, for_all=True)

    def _observe(self, line: bytes, *, for_all: bool = False) -> None:
        """Take what a line that is no frame says about epochs; `for_all`: each rank may print it."""
        reported = epoch_of(line)
        drawn = is_drawn(line)
        outer = outer_of(line) if drawn else None
        total = begun(line) if drawn and outer is None else None
        self._under |= outer is not None
        bars = self.bars
        for bar in bars:
            if reported is not None:
                bar.around.set_epoch(*reported, for_all=for_all or len(bars) > 1)
            elif outer is not None:
                bar.around.note_outer(*outer)
            elif total is not None and len(bars) == 1:
                bar.begin(total)

    def _note(self, line: bytes) -> None:
        """See whether Lightning draws the bar: it counts epochs from 0, and repeats values at 0."""
        if self._epochs.first is None and b"v_num=" in line:
            self._epochs.first, self._moved, self._lasts = 0, True, True

    def _held_out(self, line: bytes, number_: int) -> list[Row] | None:
        """Return what a line near a bar says about held-out data, at the step at which the bar is."""
        self.awake = number_ - self._line < _NEAR
        if self.step is None or not self.awake or not may_show(line):
            return None
        items = self._held_out_lines.scores(line)
        if not items:
            return None
        row = self._row(EVAL, number_, [("step", self.step), *items])
        if self._records >= _SURE:
            return [row]
        self._waiting = [*self._waiting[-_NEAR:], row]
        return None  # others may know better what it is

    def may(self, line: bytes) -> bool:
        """Return whether a line may hold a bar, or a loss of held-out data."""
        return self.concerns(line) or (_MAY.search(line) is not None and holds(line))

    def concerns(self, line: bytes) -> bool:
        """Return whether a line may show a loss of held-out data, or of epochs."""
        if is_drawn(line):
            return b" 0/" in line or b"poch" in line
        if b"poch" in line or b"POCH" in line:
            return True
        return may_show(line)

    def passes(self, line: bytes) -> bool:
        """Return whether a redraw shows nothing of any bar, whichever its numbers."""
        if self._bar.match(line) is not None or may_show(line):
            return False
        return outer_of(line) is None if is_drawn(line) else epoch_of(line) is None

    def pass_by(self, text: bytes) -> bool:
        """Take redraws that show nothing of their own; return False if they have to be read one by one."""
        if not self._stacked:
            if UP in text and not apart(text, self._top[0]):
                return False
            self.took(text)
        return True

    def took(self, text: bytes) -> None:
        """Take note of the bars of a text that was read at once."""
        if not self._stacked:
            self._top = newest(text) or self._top

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return where a bar is that is drawn below others and may say the same: it is read singly."""
        if self._stacked or block.find(UP[:1], begin, end) < 0:  # one byte is found at once
            return end
        return apart_until(block, begin, end, self._top[0])


class _LosslessFrames(BarFrames):
    lossless = True

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a bar shows that is Lightning's, or is of an epoch and shows nothing of training."""
        bar = bar_in(line, start)
        if bar is None:
            return None
        shown = [] if bar.postfix is None else named(line, *bar.postfix)
        bare = _BARE.fullmatch(line, *bar.desc) and all(is_validation(name.decode()) for name, _ in shown)
        return self.frame(line, bar, shown) if bare or b"v_num=" in line else None


class LosslessReader(BarReader):
    """`Epoch 0:  22%|##  | 4/18 [00:17<01:02, 4.47s/it, v_num=193315]`: how far training is.

    Lightning counts epochs from 0; a script draws `Epoch 1/40:  22%|##  | 4/18 [00:17<01:02, 4.47s/it]`.
    """

    begins = rb"Epoch "
    awake = False

    def __init__(self) -> None:
        super().__init__(_LosslessFrames("epoch-bar"))
