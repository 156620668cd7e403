"""Boxes of `| name | value |` lines between two rules, as stable-baselines3 prints them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runwatch.core.batch import TRAIN
from runwatch.parsers.api import Layout, Reader, Row
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.body.readers import RowMaker
from runwatch.parsers.lexicon.counters import place_of
from runwatch.parsers.lexicon.names import AS_PRINTED, meaning, united
from runwatch.parsers.lexicon.words import is_meaningful, is_val

_CELL = re.compile(  # each run of spaces is tried once: a line of spaces must not take quadratic time
    rb"\|\s+(?=\S)(?:((?:\|{1,2}g(?:rad)?\|{1,2}|[\w./%\x80-\xff-])"
    rb"(?:[\w./% ()\x80-\xff-]{0,79}?[^\s|])?)\s*|(?<=\s\s))"
    rb"\|\s*(?:(" + VALUE + rb")(?P<unit> ?[A-Za-z%][A-Za-z/%]{0,15})?\s*)?\|\s*$"
)
_RULE = re.compile(rb"-{10,200}\s*$")
_MAX_ITEMS = 200
_STEP = "total_timesteps"
_STEPS = (_STEP, f"misc/{_STEP}", "TimestepsSoFar", "total/steps", "TotalEnvInteracts")
"""What shows the step, of several the first: in stable-baselines3, baselines and, the last, Spinning Up."""
_OTHER_STEPS = (
    *("step", "global_step", "frame", "frames", "timesteps", "num_timesteps", "total_steps", "env_steps"),
    *("iteration", "iter", "itr", "nupdates", "n_updates", "update", "epoch", "num episodes", "episodes"),
)
"""What counts, in small letters, in the boxes of programs that took the logger of baselines: the first
that is there is the step, if it grows from one box to the next."""
_COUNTED = frozenset({"steps", "episodes"})
"""What the boxes of baselines' deepq count; the steps are of the first."""
_Items = list[tuple[str, float]]


def _placed(items: _Items, *, other: bool) -> _Items | None:
    """Return the values of a box with the one that shows the step under its name; None if none does.

    `other` says whether the step may have any name that counts.
    """
    names = [name for name, _ in items]
    step = next((name for name in _STEPS if name in names), "steps" if _COUNTED.issubset(names) else None)
    if step is None and other:
        step = _other_step(names)
    return None if step is None else [(_STEP if name == step else name, value) for name, value in items]


def _other_step(names: list[str]) -> str | None:
    if not any(is_meaningful(name.encode()) or is_val(name.encode()) for name in names):
        return None
    bare = {name.rpartition("/")[2]: name for name in reversed(names)}
    place = place_of(bare, _OTHER_STEPS)
    return None if place is None else bare[place]


class BoxReader(Reader):
    """A box of `| name | value |` rows between two rules, its sections ending in a slash.

    stable-baselines3 prints one per iteration; `time/total_timesteps` is the step. OpenAI's baselines
    had other names for it, and so has Spinning Up. Where none of these was seen, anything else that counts
    is the step, once another box followed in which it is larger.
    """

    begins = rb"-{10}|\| [^|]*\|[^|]*\|\s*\Z"
    awake = False

    def __init__(self, *, other: bool | None = None) -> None:
        """`other` says whether the step may have any name; None: that is not known yet."""
        self._row = RowMaker("box", {_STEP: "step"})
        self._other = other
        self._held: Row | None = None
        """A box whose step may have another name, until the next one shows."""
        self._section = ""
        self._items: _Items | None = []
        """Cells of the open box, which may have begun before the log; None where that is not read."""
        self._ruled = False
        """Whether a rule was seen: else these may be rows of any table."""
        self._converts = False
        """Whether a number was printed in another unit than ours."""

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one line of a box."""
        if line[:2] == b"| ":
            cell = _CELL.match(line)
            if cell is None or self._items is None:
                return None
            name = (cell[1] or b" ").decode("utf-8", "replace")
            if cell[2] is None:
                self._section = name if name.endswith("/") else ""
            elif len(self._items) < _MAX_ITEMS:
                name, value = self._section + name, number(cell[2])
                if cell["unit"]:
                    name, value = united(name, (cell[2] + cell["unit"]).decode()) or (name, value)
                meant = meaning(name)
                if meant.unit != AS_PRINTED:
                    name, value, self._converts = meant.metric, meant.unit.apply(value), True
                step = name.removeprefix(self._section).replace(" ", "_") == _STEP
                self._items.append((_STEP if step else name, value))
            return [] if self._ruled else None
        if line[:10] != b"----------" or not _RULE.match(line):
            return None
        items, self._items, self._section, self._ruled = self._items, [], "", True
        return self._take(items, number_) if items else []

    def _take(self, items: _Items, number_: int) -> list[Row]:
        """Return the records that a box completes: its own, and the one before it if that waited."""
        placed = _placed(items, other=bool(self._other))
        if placed is not None:
            self._other = bool(self._other)
            return [self._row(TRAIN, number_, placed)]
        placed = _placed(items, other=self._other is None)
        if placed is None:
            return []
        before, self._held = self._held, self._row(TRAIN, number_, placed)
        if before is None or not _grows(before, self._held):
            return []
        self._other, rows, self._held = True, [before, self._held], None
        return rows

    def prime(self, lines: list[bytes]) -> None:
        """See by the first boxes of a stream whose middle is read what its step is called."""
        for line in lines:
            self.feed(line, 0)
        self._items, self._held = None, None

    def take_all(self) -> None:
        """Take any box for one of the format, which is known, unless its step has another name there."""
        self._other = self._other is None or self._other

    def fresh(self) -> BoxReader:
        """Return a reader of the same boxes that has read nothing."""
        return BoxReader(other=self._other)

    def items(self, lines: Iterable[bytes]) -> list[bool] | None:
        """Return which lines between two rules hold a value, or None if they are not all of a box."""
        self._items, self._section, self._ruled, self._converts = [], "", True, False
        held = []
        for line in lines:
            before = len(self._items)
            if line[:1] != b"|" or before >= _MAX_ITEMS or self.feed(line, 0) is None:
                return None
            held.append(len(self._items) > before)
        return None if self._converts else held

    def columns(self) -> tuple[Layout | None, list[int]]:
        """Return the layout of the open box, None if it shows no step, and which of its values are kept."""
        placed = _placed(self._items or [], other=bool(self._other))
        names = [name for name, _ in placed or self._items or ()]
        kept = [i for i, name in enumerate(names) if name not in names[:i]]
        layout = None if placed is None else self._row.layout(TRAIN, tuple(names[i] for i in kept))
        return layout, kept


def _grows(before: Row, after: Row) -> bool:
    """Whether the step of a box is larger than that of the one before, and both hold the same."""
    steps = [row.values[row.layout.names.index("step")] for row in (before, after)]
    shared = len(set(before.layout.names) & set(after.layout.names))
    return steps[0] < steps[1] and 2 * shared > len(after.layout.names)
