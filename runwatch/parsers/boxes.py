"""Boxes of `| name | value |` lines between two rules, as stable-baselines3 prints them."""

from __future__ import annotations

import re
from typing import NamedTuple

from runwatch.batch import TRAIN
from runwatch.parsers.patterns import VALUE, Layout, number
from runwatch.parsers.readers import Row, RowMaker, floats

_CELL = re.compile(rb"\|\s+([\w./ -]{1,60}?)\s*\|\s*(" + VALUE + rb")?\s*\|\s*$")
_RULE = re.compile(rb"-{10,200}\s*$")
_MAX_ITEMS, _MAX_PLANS = 200, 64
_STEP = "total_timesteps"


class Boxed(NamedTuple):
    """A record and where in a text it was completed."""

    row: Row
    at: int


class _Plan(NamedTuple):
    """How boxes with the same names become records: which cells hold values, which are blank."""

    layout: Layout | None
    """None where a box tells no step."""
    values: list[int]
    kept: list[int]
    """Which of the values stand in the record."""
    blank: list[int]


class BoxReader:
    """A box of `| name | value |` rows between two rules, its sections ending in a slash.

    stable-baselines3 prints one per iteration; `time/total_timesteps` is the step.
    """

    def __init__(self) -> None:
        self._row = RowMaker("box", {_STEP: "step"})
        self._section = ""
        self._items: list[tuple[str, float]] | None = None
        self._plans: dict[tuple[bytes, ...], _Plan | None] = {}
        self._newest: tuple[tuple[bytes, ...], _Plan | None] = (), None

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a box."""
        if line[:2] == b"| ":
            cell = _CELL.match(line)
            if cell is None or self._items is None:
                return None
            name = cell[1].decode("ascii", "replace")
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
        if items and any(name == _STEP for name, _ in items):
            return [self._row(TRAIN, number_, items)]
        return []

    def flush(self) -> list[Row]:
        """Return nothing: a box that is not closed is no record."""
        return []

    # -- whole boxes -----------------------------------------------------------------------------

    def take(self, text: bytes, begin: int, end: int, number_: int) -> tuple[int, list[Boxed]]:
        """Take the whole boxes that text[begin:end], from line `number_` on, begins with.

        Returns where they end and what they tell, each as `feed` would line by line. It has to be
        asked about the line that stands there.
        """
        if self._items != [] or self._section or text[begin : begin + 2] != b"| ":
            return begin, []
        found: list[Boxed] = []
        rule = b""
        while True:
            stop = begin if text.startswith(b"-", begin) else text.find(b"\n-", begin, end) + 1
            rule = rule or text[stop : text.find(b"\n", stop, end) + 1]
            if stop < begin or not text.startswith(rule, stop) or not (found or _RULE.match(rule)):
                return begin, found
            if stop > begin:  # else two rules in a row
                cells = text[begin:stop].split(b"|")
                plan = self._plan_of(text[begin:stop], tuple(cells[1::3])) if _framed(cells) else None
                numbers = floats([cells[i] for i in plan.values]) if plan else None
                if plan is None or numbers is None or b"".join([cells[i] for i in plan.blank]).strip():
                    return begin, found
                number_ += len(cells) // 3
                if plan.layout is not None:
                    found.append(Boxed(Row(plan.layout, number_, [numbers[i] for i in plan.kept]), stop))
            begin, number_ = stop + len(rule), number_ + 1

    def _plan_of(self, text: bytes, names: tuple[bytes, ...]) -> _Plan | None:
        """Return how boxes with these names are read; `text` is one of them."""
        if names != self._newest[0]:  # comparing is quicker than hashing
            if names not in self._plans:
                if len(self._plans) > _MAX_PLANS:
                    self._plans.clear()
                self._plans[names] = self._plan(text)
            self._newest = names, self._plans[names]
        return self._newest[1]

    def _plan(self, text: bytes) -> _Plan | None:
        box = BoxReader()
        items = box._items = []
        held = []
        lines = text.splitlines()
        for line in lines:
            before = len(items)
            if box.feed(line, 0) is None or before >= _MAX_ITEMS:
                return None
            held.append(len(items) > before)
        names = [name for name, _ in items]
        kept = [i for i, name in enumerate(names) if name not in names[:i]]
        layout = self._row.layout(TRAIN, tuple(names[i] for i in kept)) if _STEP in names else None
        at = [2 + 3 * i for i in range(len(lines))]
        return _Plan(
            layout,
            [i for i, holds in zip(at, held, strict=True) if holds],
            kept,
            [i for i, holds in zip(at, held, strict=True) if not holds],
        )


def _framed(cells: list[bytes]) -> bool:
    """Return whether the parts between bars are those of lines of two cells each."""
    return len(cells) % 3 == 1 and not cells[0] and set(cells[3::3]) == {b"\n"}
