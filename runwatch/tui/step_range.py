"""Which steps charts show, the newest or those that a person moved to, and where the cursor is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from runwatch.core.snapshot import RunView
from runwatch.render import states

WINDOWS = (None, 100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100)
"""Steps shown by charts, longest first; None is the whole run."""
_LEAST_STEPS = 10
"""Charts show so many steps at least."""
_STRIDES = 32
"""Charts end at most one such part of what they show ahead of the newest step."""


@dataclass(kw_only=True)
class StepRange:
    """The range of steps that all charts share."""

    log_x: bool = False
    window: int | None = None
    right: int | None = None
    """Step at which charts end after panning; None follows the newest."""
    picked: tuple[float, float] | None = None
    """First and last step of the range that is being picked with the mouse."""
    cursor: float | None = None
    """Step of the hairline in all charts."""

    @property
    def run(self) -> RunView | None:
        """The run whose steps they are."""
        raise NotImplementedError

    @property
    def is_part(self) -> bool:
        """Whether charts show a part of the run."""
        return self.right is not None or self.window is not None

    def show_all(self) -> None:
        """Show the whole run again."""
        self.right = self.window = None

    def _newest(self) -> int | None:
        """Return the newest step of any metric."""
        run = self.run
        if run is None or run.progress.step is None:
            return None
        return max([run.progress.step, *(item.step for item in run.latest if item.step is not None)])

    def first_step(self) -> float | None:
        """Return the step at which charts begin, moving in coarse strides so that columns stay put."""
        step = self.right if self.right is not None else self.run.progress.step if self.run else None
        if self.window is None or step is None:
            return None
        stride = max(1, self.window // 50)
        return float(max(0, (step - self.window) // stride * stride))

    def last_step(self) -> float | None:
        """Return the step at which charts end: a little ahead of a live run, so that columns stay put.

        None is the newest step. Were that the end of the axis, every step would move
        every column, and each frame would paint all charts again.
        """
        if self.right is not None:
            return float(self.right)
        run, step = self.run, self._newest()
        if run is None or step is None or states.ended(run.phase):
            return None
        # After a restart there is data beyond the newest step.
        if step < _STRIDES or any(mark.kind == "restart" for mark in run.marks):
            return None
        shown = step if self.window is None else min(step, self.window)
        stride = _round(max(1, shown // _STRIDES))
        last, total = (step // stride + 1) * stride, run.progress.total
        return float(last if total is None or total < step else min(last, total))

    def pan(self, by: int) -> None:
        """Show earlier steps (-1) or later ones (1): a half of what is shown. At the newest, follow again."""
        newest = self._newest()
        if newest is None:
            return
        if self.window is None:  # all is shown; the newer half of it can be moved
            self.window = next((size for size in WINDOWS if size and size <= newest // 2), WINDOWS[-1])
        half = max(1, self.window // 2)
        at = (newest if self.right is None else self.right) + by * half
        self.right = None if at >= newest else max(min(self.window, newest), at)

    def show_steps(self, first: float, last: float) -> None:
        """Show the steps from `first` to `last`; where the newest is among them, or nearly so, follow it."""
        newest = self._newest()
        if newest is None:
            return
        first, last = max(0.0, first), max(last, first + _LEAST_STEPS)
        if last >= newest - (last - first) / _STRIDES:
            self.right, self.window = None, None if first < 1 else max(_LEAST_STEPS, round(newest - first))
        else:
            self.right, self.window = round(last), round(last - first)

    def scale_steps(self, at: float, by: float, begin: float = 0.0) -> None:
        """Show `by` times as many steps, with the step `at` where it is; all steps begin at `begin`."""
        newest = self._newest()
        if newest is None or (self.window is None and by > 1):
            return
        known, last = self.first_step(), self.last_step() or float(newest)
        first, last = begin if known is None else known, min(last, newest)  # what is ahead is empty
        if self.log_x and 0 < max(first, begin) <= at <= last:
            self.show_steps(at * (max(first, begin) / at) ** by, at * (last / at) ** by)
        else:
            self.show_steps(at - (at - first) * by, at + (last - at) * by)

    def look_at(self, step: float) -> None:
        """Put the cursor at a step, and move the charts to where it is."""
        first, last = self.first_step(), self.last_step()
        self.cursor = step
        if self.window is not None and not (first or 0) <= step <= (math.inf if last is None else last):
            self.right = int(step) + self.window // 2


def _round(x: int) -> int:
    """Return the largest of 1, 2, 5 x 10^n that is not above `x`."""
    power = int(10 ** (len(str(x)) - 1))
    return next(factor for factor in (5, 2, 1) if factor * power <= x) * power
