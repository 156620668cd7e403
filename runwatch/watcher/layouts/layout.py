"""The words in which a layout of checkpoints is described, and the judgement they share.

A layout names its parts by patterns. A part that ranks or shards write in
pieces has groups in its pattern: their numbers span a grid, and a hole in the
grid is a missing piece. What only siblings can show (how many ranks there
are, whether a last file follows) is asked of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from runwatch.core.checkpoint import State
from runwatch.watcher.layouts.signatures import Verdict, Whole

MAX_GRID = 1 << 16
MAX_MISSING = 16
"""Missing parts that are named; more are counted in the reason."""
QUIET = 30.0
"""Seconds without a change after which what is not complete will not become so by itself."""
STALE = 600.0
"""Seconds after which a temporary file or directory was left behind by a writer that died."""

Grid = tuple[int, ...]
Place = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Files of one role, by their path below the checkpoint."""

    role: str
    pattern: re.Pattern[str]
    """Matches the whole path. Its groups are the place in the grid; `of` is the number of pieces."""
    piece: str = ""
    """How a missing piece is called: `rank {}`."""
    ranked: bool = False
    """Its pieces are ranks."""
    sparse: bool = False
    """A hole in the grid means nothing: a rank that has nothing to write writes no file."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How one framework lays out a checkpoint."""

    kind: str
    parts: tuple[Part, ...]
    pattern: re.Pattern[str] = re.compile(r"(?!)")
    """A file (or, with a slash behind it, a directory) by which a checkpoint of this layout is known."""
    named: re.Pattern[str] | None = None
    """Directory names that are enough by themselves, with the step as a group. None: files side by side."""
    needs: tuple[frozenset[str], ...] = ()
    """Of each set of roles, one must be there."""
    seal: str | None = None
    """Role of the file that is written last."""
    pointer: str | None = None
    """File next to the checkpoints that names the newest one, written when that is complete."""
    atomic: bool = False
    """It gets its name when it is complete."""


class Size(NamedTuple):
    """One file of a checkpoint."""

    bytes: int
    changed: float
    """Unix time of its last change."""
    identity: int = 0


@dataclass(frozen=True, slots=True)
class Pieces:
    """Which pieces are there, by role."""

    places: Mapping[str, frozenset[Place]] = field(default_factory=dict)
    reported: Mapping[str, int] = field(default_factory=dict)
    """Role -> number of pieces that the names or an index show."""

    def grid(self, role: str) -> Grid:
        """Return how many pieces each dimension has, judged by the highest that is there."""
        places = self.places.get(role)
        return tuple(1 + max(axis) for axis in zip(*places, strict=True)) if places else ()

    @property
    def grids(self) -> dict[str, Grid]:
        """The grid of every role."""
        return {role: self.grid(role) for role in self.places}


@dataclass(frozen=True, slots=True)
class Usual:
    """What the siblings of a checkpoint show about it."""

    known: bool = False
    """There is a complete one to compare with."""
    grids: Mapping[str, Grid] = field(default_factory=dict)
    sealed: bool = False
    followed: bool = False
    """Training continued: a newer one was begun since."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a checkpoint's files say about it."""

    state: State
    reason: str = ""
    missing: tuple[str, ...] = ()
    ranks: int = 0
    ranks_expected: int | None = None


def shape_of(layout: Layout, names: Iterable[str]) -> Pieces:
    """Return which pieces of a layout these paths are."""
    places: dict[str, set[Place]] = {}
    reported: dict[str, int] = {}
    for name in names:
        for part in layout.parts:
            match = part.pattern.fullmatch(name)
            if match is None:
                continue
            groups = match.groupdict()
            of = groups.pop("of", None)
            if of is not None and len(of) < 7:
                reported[part.role] = max(reported.get(part.role, 0), int(of))
            place = tuple(int(number) for number in groups.values() if number is not None)
            held = places.setdefault(part.role, set())
            if not held or len(next(iter(held))) == len(place):
                held.add(place)
            break
    return Pieces({role: frozenset(held) for role, held in places.items()}, reported)


def judge(
    layout: Layout,
    files: Mapping[str, Size],
    shape: Pieces,
    verdicts: Mapping[str, Verdict],
    usual: Usual,
    idle: float,
    *,
    quiet: float = QUIET,
    temporary: bool = False,
    listed: Iterable[str] = (),
    pointed: bool | None = None,
) -> Judgement:
    """Judge a checkpoint of this shape that has not changed for `idle` seconds.

    `verdicts` are those of files that were looked into; `listed` are paths that
    an index names; `pointed` says whether the pointer file names this checkpoint or
    a newer one, None if there is no such file. What no longer grows and is not known
    from what was cut off except by time: a writer that pauses for longer than
    `quiet` shows as damaged or incomplete until it grows.
    """
    lost = [name for name in listed if name not in files]
    holes, ranks, expected = _holes(layout, shape, usual, lost)
    holes += lost
    there = {*shape.places, *shape_of(layout, lost).places}
    holes += [" or ".join(sorted(some)) for some in layout.needs if not some & there]
    if usual.sealed and layout.seal is not None and layout.seal not in there:
        holes.append(layout.seal)
    holes = list(dict.fromkeys(holes))
    broken = [f"{name} {verdict.reason}" for name, verdict in verdicts.items() if verdict.whole is Whole.NO]
    unknown = [
        f"{name} {verdict.reason}"
        for name, verdict in verdicts.items()
        if verdict.whole is Whole.UNKNOWN and _counts(layout, name)
    ]
    unsure = unknown + [
        f"{name} {verdict.reason}" for name, verdict in verdicts.items() if verdict.whole is Whole.UNCHECKED
    ]
    fresh = idle < (max(STALE, quiet) if temporary else quiet)
    if temporary:
        state, reason = State.INCOMPLETE, "its name is temporary" if fresh else "left under a temporary name"
    elif not files:
        state, reason = State.INCOMPLETE, "it has no files"
    elif broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        state, reason = State.DAMAGED, broken[0] + more
    elif holes:
        state, reason = State.INCOMPLETE, f"missing: {_list(holes)}"
    elif pointed is False:
        state, reason = State.INCOMPLETE, f"{layout.pointer} still names an older one"
    elif fresh and not _ended(layout, shape, usual, pointed):
        state, reason = State.WRITING, "more may follow: it was written to a moment ago"
    elif fresh and unsure:
        state, reason = State.WRITING, unsure[0]
    elif unknown:
        state, reason = State.UNKNOWN, unknown[0]
    else:
        state, reason = State.COMPLETE, unsure[0] if unsure else ""
    if state in (State.INCOMPLETE, State.DAMAGED):
        state = State.WRITING if fresh else state
    return Judgement(state, reason, tuple(holes[:MAX_MISSING]), ranks, expected)


def _counts(layout: Layout, name: str) -> bool:
    """Whether a file that is not recognized leaves open what its checkpoint is good for.

    Anything may be called `.bin`, such as a tokenizer: one counts if the layout has such a part.
    """
    return not name.endswith(".bin") or any(part.pattern.fullmatch(name) for part in layout.parts)


def _holes(
    layout: Layout, shape: Pieces, usual: Usual, lost: Iterable[str]
) -> tuple[list[str], int, int | None]:
    """Return what is missing of each grid, and how many ranks are there and expected.

    What an index names is `lost`: pieces of that role need not be called missing again.
    """
    holes: list[str] = []
    ranks, expected = 0, None
    for part in layout.parts:
        held = shape.places.get(part.role)
        if not held:
            continue
        own, reported = shape.grid(part.role), shape.reported.get(part.role)
        if not own:
            continue
        due: set[Place]
        grid = own
        if reported is not None:
            due = {(number,) for number in range(1, min(reported, MAX_GRID) + 1)}
        else:
            before = usual.grids.get(part.role, ())
            grid = tuple(map(max, own, before)) if len(before) == len(own) else own
            size = 1
            for axis in grid:
                size *= axis
            due = set(product(*map(range, grid))) if size <= MAX_GRID else set(held)
        if part.sparse:
            due = set(held)
        lacking = sorted(due - held)
        called = part.piece or f"{part.role} {{}}"
        if not any(part.pattern.fullmatch(name) for name in lost):
            holes += [called.format(_numbers(place, grid)) for place in lacking]
        if part.ranked and len(due) > (expected or 0):
            ranks, expected = len(held & due), len(due)
    return holes, ranks, expected


def _numbers(place: Place, grid: Grid) -> str:
    """Return a place in words: `3`, or `1_0` where pieces are counted in more than one dimension."""
    meaningful = [str(number) for number, size in zip(place, grid, strict=True) if size > 1]
    return "_".join(meaningful or map(str, place))


def _ended(layout: Layout, shape: Pieces, usual: Usual, pointed: bool | None) -> bool:
    """Return whether something shows that all of a checkpoint is there: its last file, or its siblings."""
    alone = len(layout.parts) == 1
    if layout.atomic or pointed or alone or usual.followed or layout.seal in shape.places:
        return True
    return usual.known and all(shape.grid(role) == grid for role, grid in usual.grids.items())


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
