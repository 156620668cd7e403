"""Bars of validation: their description says so, or they have another total and a plain loss.

100%|##########| 400/400 [01:20<00:00,  5.00it/s, loss=0.5]
100%|##########| 50/50 [00:05<00:00, 10.00it/s, loss=0.6]
100%|##########| 400/400 [01:20<00:00,  5.00it/s, loss=0.4]

The first such bar without a description shows what it is only when the longer one comes again. It waits
until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from runwatch.parsers.progress.bar_frame import BarLayout
from runwatch.parsers.progress.epochs import is_full

if TYPE_CHECKING:
    from runwatch.parsers.body.frames import Frames

_SHARE = 0.6
"""Validation is shorter than this share of training; batches of changing size change less."""
_MOST = 4096
"""Frames that wait at most."""


class Frame(NamedTuple):
    """What a bar shows."""

    layout: BarLayout
    shown: Sequence[float]
    line: int

    @property
    def full(self) -> bool:
        """Whether the bar has come to its end."""
        done, total = self.shown[:2]
        return is_full(done, total) and 2 * done > total


class ValidationBars:
    """Distinguishes bars of training from those between them."""

    def __init__(self) -> None:
        self._done, self._total = -1.0, -1.0
        """Of the newest bar that trains."""
        self._known: set[float] = set()
        """Totals of validation."""
        self._waiting: list[Frame] = []
        """What a bar between them has shown; of one that is known, the newest."""

    @property
    def waits(self) -> bool:
        """Whether a frame waits."""
        return self._waiting != []

    def continues(self, frame: Frame) -> bool:
        """Take a frame if it is of the bar that trains, and nothing waits; return whether it is."""
        if self._waiting or frame.shown[1] != self._total:
            return False
        self._done = frame.shown[0]
        return True

    def take(self, frame: Frame) -> tuple[Frame | None, list[Frame]]:
        """Return what a validation has come to, if one has just ended, and the frames that train."""
        done, total = frame.shown[:2]
        reported: Frame | None = None
        trained: list[Frame] = []
        if self._waiting:
            newest, last = self._waiting[-1].layout, self._waiting[-1].shown
            alike = total == last[1] and frame.layout.held_out == newest.held_out
            if alike and not (done < last[0] and 2 * done <= total):
                return None, self._wait(frame)
            reported, trained = self._ended(done, total)
        may = total in self._known or (not frame.layout.trains and 0 < total <= _SHARE * self._total)
        if frame.layout.held_out or (total != self._total and may):
            return reported, trained + self._wait(frame)
        self._done, self._total = done, total
        return reported, [*trained, frame]

    def end(self) -> tuple[Frame | None, list[Frame]]:
        """Return the same where a run has ended: what comes next is for another of these."""
        waiting = self._waiting
        if waiting and self._is_known(waiting[-1]):
            return (waiting[-1] if waiting[-1].full else None), []
        return None, waiting

    def quick(self, frames: Frames) -> bool:
        """Take many frames of bars of about the same total, which train; return False if they differ."""
        layouts = [cast("BarLayout", part.layout) for part in frames.parts]
        own = [part for part, layout in zip(frames.parts, layouts, strict=True) if has_total(layout)]
        if any(layout.held_out for layout in layouts):
            return False
        if not own:
            return True
        totals = [*(float(of) for part in own for of in (part.columns[1].min(), part.columns[1].max()))]
        totals += [self._total] * (self._total > 0)
        if self._waiting or not self._known.isdisjoint(totals) or min(totals) <= _SHARE * max(totals):
            return False
        newest = max(own, key=lambda part: int(part.at[-1]))
        self._done, self._total = newest.columns[:2, -1].tolist()
        return True

    def _is_known(self, frame: Frame) -> bool:
        return frame.layout.held_out != "" or frame.shown[1] in self._known

    def _wait(self, frame: Frame) -> list[Frame]:
        """Keep a frame of another bar; return those of which there are too many to wait longer."""
        done, total = frame.shown[:2]
        if self._is_known(frame):
            self._waiting = [frame]
        else:
            self._waiting.append(frame)
            if len(self._waiting) > _MOST:
                waiting, self._waiting = self._waiting, []
                self._done, self._total = done, total
                return waiting
        return []

    def _ended(self, done: float, total: float) -> tuple[Frame | None, list[Frame]]:
        """Take that the bar aside has given way to another one."""
        waiting, self._waiting = self._waiting, []
        newest = waiting[-1].shown
        if waiting[-1].layout.held_out:
            return (waiting[-1] if waiting[-1].full else None), []
        continues = total == self._total and (is_full(self._done, total) or done >= self._done)
        if newest[1] in self._known or (continues and is_full(*newest[:2])):
            self._known.add(newest[1])
            return waiting[-1], []
        self._done, self._total = newest[:2]
        return None, waiting


def has_total(layout: BarLayout) -> bool:
    """Return whether frames are of bars of steps that have a total, each by itself."""
    return not (layout.open or layout.ranked or layout.outer)
