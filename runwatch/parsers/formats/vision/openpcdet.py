"""OpenPCDet; up to version 0.5 two bars: the one below counts, the one above shows the loss.

    epochs:   0%|          | 0/80 [00:05<?, ?it/s, loss=9.95, lr=0.0003, b_time=0.60(2.44)]
    train:    0%|          | 2/464 [00:04<16:16,  2.11s/it, total_it=2]

Both are drawn several times an iteration. tqdm rounds what is long: `total_it=1e+4` is any of 50, and then
the iterations of the epoch count on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from runwatch.core.batch import TRAIN
from runwatch.core.metrics import STEP_TIME
from runwatch.core.text import decode
from runwatch.parsers.api import Format, Layout, Match, Matcher, Row, as_printed
from runwatch.parsers.body.matchers import NUMBER, training
from runwatch.parsers.body.readers import FoldingReader, RowMaker
from runwatch.parsers.framing.ansi import UP
from runwatch.parsers.progress.grammar import bar_in, emptied, named

if TYPE_CHECKING:
    from runwatch.parsers.body.frames import Floats, Frames

_EXACT = re.compile(rb"total_it=(\d+)\Z")
_TOOK = re.compile(rb"\bb_time=(" + NUMBER + rb")\(")
_PLACE = ("done", "total")
_BELOW = "pcdet-train"


class _Frames(Matcher):
    """What either bar shows: done and total, then its values, or iterations if they are not rounded."""

    def match(self, line: bytes, start: int = 0) -> Match | None:
        bar = bar_in(line, start)
        if bar is None or bar.total is None or bar.postfix is None:
            return None
        desc, postfix = line[slice(*bar.desc)].strip(b": "), line[slice(*bar.postfix)]
        if desc == b"train" and postfix.startswith(b"total_it="):
            exact = _EXACT.match(line, *bar.postfix)
            spans = {"at": exact.span(1)} if exact else {}
        elif desc == b"epochs" and b"loss=" in postfix:
            spans = {decode(name): span for name, span in reversed(named(line, *bar.postfix))}
            took = _TOOK.search(line, *bar.postfix)
            spans = {name: span for name, span in spans.items() if name not in _PLACE}
            spans |= {STEP_TIME: took.span(1)} if took else {}
        else:
            return None
        pattern = _BELOW if desc == b"train" else "pcdet-epochs"
        return Match(as_printed("frame", pattern, (*_PLACE, *spans)), (bar.n, bar.total, *spans.values()))


class PcdetReader(FoldingReader):
    """Reads what the bar above shows at the iteration that the bar below counts."""

    begins = b""
    awake = False

    def __init__(self) -> None:
        self.frames = (_Frames(),)
        self._row = RowMaker("pcdet")
        self._counted: tuple[float, float, float] | None = None
        """Done, total and iterations of the newest bar below; NaN where they are rounded."""
        self._base = 0.0
        """Iterations before the bars began."""
        self._pending: tuple[float, Row] | None = None

    def take(self, layout: Layout, shown: Sequence[float], number_: int) -> list[Row]:
        """Take one frame; return the record that it completes."""
        if layout.pattern == _BELOW:
            self._counted = shown[0], shown[1], shown[2] if len(shown) > 2 else math.nan
            return []
        if self._counted is None:
            return []
        done, per, at = self._counted
        drawn = shown[0] * per + done
        self._base = self._base if math.isnan(at) else at - drawn
        step, total = self._base + drawn, self._base + shown[1] * per
        out = self.flush() if self._pending is not None and self._pending[0] != step else []
        self._pending = step, Row(self._reported(layout), number_, [step, total, *shown[2:]])
        return out

    def _reported(self, layout: Layout) -> Layout:
        return self._row.layout(TRAIN, ("step", "total", *layout.names[2:]))

    def flush(self) -> list[Row]:
        """Return the record of the newest iteration."""
        pending, self._pending = self._pending, None
        return [] if pending is None else [pending[1]]

    def fold(self, frames: Frames) -> Iterator[tuple[Layout, Floats]]:
        """Take many frames, each as if by itself; return the records they complete.

        One after the other they take twice as long (2.7 and 5.0 us a line of benchmarks/formats.py).
        """
        import numpy as np

        counts = [part for part in frames.parts if part.layout.pattern == _BELOW]
        shows = [part for part in frames.parts if part.layout.pattern != _BELOW]
        if self._counted is None or not (counts and shows):
            yield from frames.one_by_one(0, len(frames), self.take)
            return
        reported = np.sort(np.concatenate([part.at for part in shows]))
        place = np.full((3, len(frames)), np.nan)  # of the bar below
        for part in counts:
            place[: len(part.columns), part.at] = part.columns
        below = np.concatenate([part.at for part in counts])
        below.sort()
        # what the bar below showed last, for each frame of the one above; -1: before these frames
        known = np.concatenate([place[:, below], np.array([self._counted]).T], axis=1)
        done, per, at = known[:, np.searchsorted(below, reported) - 1]
        epochs = np.empty((2, len(reported)))
        for part in shows:
            epochs[:, np.searchsorted(reported, part.at)] = part.columns[:2]
        drawn = epochs[0] * per + done
        base = np.append(at - drawn, self._base)
        newest = np.maximum.accumulate(np.where(np.isnan(base[:-1]), -1, np.arange(len(reported))))
        base = base[newest]
        step, total = base + drawn, base + epochs[1] * per
        if self._pending is not None and self._pending[0] != step[0]:
            yield frames.single(self.flush()[0], int(reported[0]))
        last = np.append(step[1:] != step[:-1], False)
        next_offset = np.append(frames.offset[reported[1:]], 0.0)
        for part in shows:
            i = np.searchsorted(reported, part.at)
            row = np.stack([next_offset[i], frames.line[part.at], step[i], total[i], *part.columns[2:]])
            yield self._reported(part.layout), row[:, last[i]]
            if part.at[-1] == reported[-1]:
                shown = row[2:, -1].tolist()
                self._pending = (
                    shown[0],
                    Row(self._reported(part.layout), int(frames.line[reported[-1]]), shown),
                )
        self._base = float(base[-1])
        self._counted = tuple(known[:, len(below) - 1].tolist())

    def thin(self, text: bytes) -> bytes:
        """Return the text with empty bars and no way up from one to the other."""
        return emptied(text, redrawn=False).replace(UP, b"")


FORMAT = Format(
    name="openpcdet",
    title="OpenPCDet",
    example="Train:    2/90 (  2%) [  40/900 (  4%)]  Loss: 2.125 (2.25)  LR: 1.250e-04  ...",
    matchers=(
        training(
            rb"Train: +{epoch}/{epochs} \( *\d+%\) \[ *\d+/{per} \( *\d+%\)\] +"
            rb"Loss: {loss} [^\r\n]{0,40}?LR: {lr}(?=[^\r\n]{0,120}?Acc_iter {step}(?!\d))"
            rb"(?:(?=[^\r\n]{0,300}?Batch time: {time}))?",
            aliases={"time": STEP_TIME},
            first_epoch=1,
        ),
        training(  # as 0.6 prints it
            rb"epoch: {epoch}/{epochs}, acc_iter={step}, cur_iter=\d+/{per}, (?=[^\r\n]{0,400}? loss={loss})"
            rb"(?:(?=[^\r\n]{0,400}? b_time={time}\())?"
            rb"(?:(?=[^\r\n]{0,400}? norm={norm}))?(?:(?=[^\r\n]{0,500}? lr={lr}))?",
            "train-iter",
            aliases={"time": STEP_TIME},
            first_epoch=0,
        ),
    ),
    logged=True,
)

BARS = Format(
    name="openpcdet-bars",
    title="OpenPCDet up to 0.5 (two bars)",
    example="epochs:   2%|2         | 2/90 [00:05<00:30,  2.50s/it, loss=2.125, lr=0.00125]",
    readers=(PcdetReader,),
)
