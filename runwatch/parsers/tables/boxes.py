"""Boxes of `| name | value |` lines between two rules, as stable-baselines3 prints them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Layout, Reader, Row
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker

if TYPE_CHECKING:
    from runwatch.parsers.tables.boxes_bulk import WholeBoxes

_CELL = re.compile(  # each run of spaces is tried once: a line of spaces must not take quadratic time
    rb"\|\s+(?=\S)(?:([\w./%-][\w./% -]{0,59}?)\s*|(?<=\s\s))\|\s*(?:(" + VALUE + rb")\s*)?\|\s*$"
)
_RULE = re.compile(rb"-{10,200}\s*$")
_MAX_ITEMS = 200
_STEP = "total_timesteps"
_STEPS = (_STEP, f"misc/{_STEP}", "TimestepsSoFar", "total/steps", "TotalEnvInteracts")
"""What tells the step, of several the first: in stable-baselines3, baselines and, the last, Spinning Up."""
_COUNTED = frozenset({"steps", "episodes"})
"""What the boxes of baselines' deepq count; the steps are of the first."""
_Items = list[tuple[str, float]]


def _placed(items: _Items) -> _Items | None:
    """Return the values of a box with the one that tells the step under its name; None if none does."""
    names = [name for name, _ in items]
    step = next((name for name in _STEPS if name in names), "steps" if _COUNTED.issubset(names) else None)
    return None if step is None else [(_STEP if name == step else name, value) for name, value in items]


class BoxReader(Reader):
    """A box of `| name | value |` rows between two rules, its sections ending in a slash.

    stable-baselines3 prints one per iteration; `time/total_timesteps` is the step. OpenAI's baselines
    had other names for it, and so has Spinning Up.
    """

    begins = rb"-{10}|\| [^|]*\|[^|]*\|\s*\Z"
    awake = False

    def __init__(self) -> None:
        self._row = RowMaker("box", {_STEP: "step"})
        self._section = ""
        self._items: _Items | None = None

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a box."""
        if line[:2] == b"| ":
            cell = _CELL.match(line)
            if cell is None or self._items is None:
                return None
            name = (cell[1] or b" ").decode("ascii", "replace")
            if cell[2] is None:
                self._section = name if name.endswith("/") else ""
            elif len(self._items) < _MAX_ITEMS:
                value = number(cell[2])
                step = name.replace(" ", "_") == _STEP
                self._items.append((_STEP if step else self._section + name, value))
            return []
        if line[:10] != b"----------" or not _RULE.match(line):
            return None
        items, self._items, self._section = self._items, [], ""
        placed = _placed(items) if items else None
        return [] if placed is None else [self._row(TRAIN, number_, placed)]

    def bulk(self) -> WholeBoxes:
        """Return what reads the boxes of a block, with this reader behind it."""
        from runwatch.parsers.tables.boxes_bulk import WholeBoxes

        return WholeBoxes(self, BoxReader)

    def items(self, lines: Iterable[bytes]) -> list[bool] | None:
        """Return which lines between two rules hold a value, or None if they are not all of a box."""
        self._items, self._section = [], ""
        held = []
        for line in lines:
            before = len(self._items)
            if line[:1] != b"|" or before >= _MAX_ITEMS or self.feed(line, 0) is None:
                return None
            held.append(len(self._items) > before)
        return held

    def columns(self) -> tuple[Layout | None, list[int]]:
        """Return the layout of the open box, None if it tells no step, and which of its values are kept."""
        placed = _placed(self._items or [])
        names = [name for name, _ in placed or self._items or ()]
        kept = [i for i, name in enumerate(names) if name not in names[:i]]
        layout = None if placed is None else self._row.layout(TRAIN, tuple(names[i] for i in kept))
        return layout, kept
