"""Bars that know no total, as those over a stream of data: what those that ended came to.

Epoch 1: 120it [00:10, 11.90it/s, loss=0.5]

They are laid end to end like others; of a run that is read from its middle on, only what was seen counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from runwatch.parsers.patterns import Layout
from runwatch.parsers.progress.picture import Shown

if TYPE_CHECKING:
    from runwatch.parsers.pictures import Pictures


class Lengths:
    """Tells how many steps there were before the bar that is under way began."""

    def __init__(self) -> None:
        self._before = 0.0
        self._done, self._epoch = 0.0, -1.0

    def take(self, done: float, epoch: float) -> float:
        """Return the steps before the bar of a picture; `epoch` is -1 where none is known.

        One that begins anew within its epoch, or is of an earlier one, was started again.
        """
        if epoch > self._epoch or (epoch < 0 and done < self._done and epoch == self._epoch):
            self._before += self._done
        elif epoch < self._epoch:
            self._before = 0.0
        self._done, self._epoch = done, epoch
        return self._before

    def fold(self, pictures: Pictures) -> None:
        """Take many pictures, each as if by itself: those of such bars get what was before as their total."""
        import numpy as np

        parts = [part for part in pictures.parts if is_open(part.layout)]
        if not parts:
            return
        at = np.concatenate([part.at for part in parts])
        order = np.argsort(at)
        done = np.concatenate([part.columns[0] for part in parts])[order]
        epoch = np.concatenate(
            [epochs_of(part.layout, [*part.columns], np.full(len(part.at), -1.0)) for part in parts]
        )[order]
        anew = (done[1:] < done[:-1]) | (epoch[1:] != epoch[:-1])
        edges = [0, *(np.flatnonzero(anew) + 1).tolist(), len(done)]
        before = np.empty(len(done))
        for begin, end in pairwise(edges):
            before[begin:end] = self.take(float(done[begin]), float(epoch[begin]))
            self._done = float(done[end - 1])
        at = at[order]
        for i, part in enumerate(pictures.parts):
            if is_open(part.layout):
                told = before[np.searchsorted(at, part.at)]
                columns = np.concatenate([part.columns[:1], told[None], part.columns[2:]])
                pictures.parts[i] = part._replace(columns=columns)


def epochs_of(layout: Layout, columns: Sequence[Any], none: Any = -1.0) -> Any:
    """Return the epoch that a picture, or columns of them, show; `none` if there is none."""
    return columns[2] if isinstance(layout, Shown) and layout.numbers else none


def is_open(layout: Layout) -> bool:
    """Return whether pictures are of bars without a total."""
    return isinstance(layout, Shown) and layout.open
