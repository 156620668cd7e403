"""What is known of a run's checkpoints, and what follows from all of them together.

A source looks at a directory and says what is new or has changed; `Checkpoints`
keeps it; `summarise` is a pure function of it. Times are Unix seconds, sizes bytes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import pairwise

import msgspec

MAX_KNOWN = 20_000
"""Checkpoints remembered; of more, those deleted longest ago are forgotten first."""
LOOK_EVERY = 5.0
"""Seconds between two looks at a directory of checkpoints; longer where a look takes long."""
_RECENT = 16
"""Newest gaps, sizes and durations that make up what is usual."""
_ALIKE = 3
"""Newest gaps and sizes that are compared with one another."""
_SPREAD = 0.1
"""By how much the greatest of them may exceed the least."""


class State(str, Enum):
    """What a checkpoint is good for."""

    COMPLETE = "complete"
    WRITING = "writing"
    INCOMPLETE = "incomplete"
    """A part is missing and nothing is being written any more."""
    DAMAGED = "damaged"
    """A file is truncated, empty or does not begin as it must."""
    DELETED = "deleted"
    UNKNOWN = "unknown"
    """It cannot be read, or is not recognized as what its name says; nothing is claimed."""


_BROKEN = (State.INCOMPLETE, State.DAMAGED)


class Checkpoint(msgspec.Struct, frozen=True):
    """One checkpoint: a file, a family of files that share a number, or a directory."""

    id: str
    """Stays the same from the first temporary file to the deletion."""
    path: str
    """Safe text: the directory, or the file that holds the weights."""
    kind: str
    """nanochat, hf, lightning, megatron, deepspeed, dcp, orbax, torch or safetensors."""
    state: State
    reason: str = ""
    """Why it is not complete, or what could not be checked; one line."""
    step: int | None = None
    epoch: int | None = None
    bytes: int = 0
    files: int = 0
    begun: float | None = None
    """When the first of its files was done, or when writing was first seen, whichever is earlier."""
    written: float | None = None
    """When it was last written to."""
    ranks: int = 0
    """Ranks whose shards are there; 0 where the layout has none."""
    ranks_expected: int | None = None
    missing: tuple[str, ...] = ()
    """Names of what is not there, the first few."""
    checked: bool = False
    """Whether the files themselves were looked into; otherwise names and sizes speak."""
    metrics: dict[str, float] = {}
    """Canonical name -> value, from the metadata next to it or its file name."""
    deleted: float | None = None
    """When it was seen to be gone."""

    @property
    def at(self) -> int | None:
        """Where in the training it was made: the step, or the epoch where no step is known."""
        return self.epoch if self.step is None else self.step

    @property
    def seconds(self) -> float | None:
        """Duration of the write, a lower bound: the first file's own is not known unless it was seen."""
        if self.begun is None or self.written is None or self.written <= self.begun:
            return None
        return self.written - self.begun


class Look(msgspec.Struct, frozen=True):
    """What one look at a directory of checkpoints gave."""

    directory: str
    changes: tuple[Checkpoint, ...] = ()
    """Those that are new or not what they were, deleted ones included."""
    present: int = 0
    unchecked: int = 0
    """How many of them wait for their files to be looked into."""
    left_out: int = 0
    """How many more there are than are kept track of."""
    free: int | None = None
    """Bytes free for the user on this file system."""
    settings: dict[str, str] = {}
    """What the newest one says the run was trained with, where that is new."""
    every: float = LOOK_EVERY
    """Seconds until the next one."""
    problem: str = ""
    """Why the directory cannot be seen; what was known stays, neither good nor deleted."""


class Summary(msgspec.Struct, frozen=True):
    """What all checkpoints of a run say together. None: not known (yet)."""

    present: int = 0
    deleted: int = 0
    newest: Checkpoint | None = None
    last_good: Checkpoint | None = None
    """The newest complete one: from which the run could continue now."""
    broken: Checkpoint | None = None
    """The newest one that is damaged or incomplete."""
    interval: float | None = None
    """Usual distance in steps (epochs, where no steps are known)."""
    interval_seconds: float | None = None
    gaps: int = 0
    """How many distances that is made of; trust it from two on."""
    regular: bool = False
    """The newest distances, three or more, are alike."""
    next_at: int | None = None
    next_time: float | None = None
    rotates: bool = False
    """Old ones are deleted as new ones come, or the first ones are gone already."""
    usual_bytes: int | None = None
    size_ratio: float | None = None
    """The newest complete one's size over the median of the three before it that are alike.

    None where those differ in size themselves."""
    room: int | None = None
    """How many more of the usual size fit into the free space."""
    full_time: float | None = None
    """When the first one that does not fit is due; None where old ones make room."""
    every: float = 0.0
    """Seconds between two looks; what was saved since the last one is not seen."""


def in_order(checkpoints: Iterable[Checkpoint]) -> list[Checkpoint]:
    """Return checkpoints oldest first.

    By time of writing: a run that went back writes smaller steps later. A copied
    directory has times in no order at all; then steps decide.
    """
    listed = sorted(checkpoints, key=lambda c: (c.written or 0.0, -1 if c.at is None else c.at))
    placed = [c.at for c in listed if c.at is not None]
    falls = sum(after < before for before, after in pairwise(placed))
    if falls > 2 + len(placed) // 10:
        listed.sort(key=lambda c: (-1 if c.at is None else c.at, c.written or 0.0))
    return listed


def last_good(checkpoints: Iterable[Checkpoint], until: int | None = None) -> Checkpoint | None:
    """Return the newest complete checkpoint, of those not after step `until` if that is given."""
    good = [
        c
        for c in checkpoints
        if c.state is State.COMPLETE and (until is None or (c.step is not None and c.step <= until))
    ]
    ordered = in_order(good)
    placed = [c for c in ordered if c.at is not None] or ordered
    return placed[-1] if placed else None


def summarise(checkpoints: Iterable[Checkpoint], free: int | None = None, every: float = 0.0) -> Summary:
    """Return what the checkpoints of one directory, looked at so often, say together; `free` is in bytes."""
    everything = in_order(checkpoints)
    present = [c for c in everything if c.state is not State.DELETED]
    series = [c for c in everything if c.at is not None]  # last.ckpt and best.pt are copies of others
    whole = [c for c in present if c.state is State.COMPLETE]
    interval, seconds, gaps, regular = _cadence(series)
    newest = next((c for c in reversed(present) if c.at is not None), present[-1] if present else None)
    sizes = [c.bytes for c in whole if c.at is not None or not series][-_RECENT:]
    usual = int(_median(sizes)) if sizes else None
    rotates = _rotates(series, interval)
    room = free // usual if free is not None and usual else None
    next_at = next_time = full = None
    if newest is not None and newest.at is not None and interval is not None:
        next_at = round(newest.at + interval)
    if newest is not None and newest.written is not None and seconds is not None:
        next_time = newest.written + seconds
        if room is not None and not rotates:
            full = next_time + room * seconds
    return Summary(
        present=len(present),
        deleted=len(everything) - len(present),
        newest=newest,
        last_good=last_good(whole),
        broken=next((c for c in reversed(present) if c.state in _BROKEN), None),
        interval=interval,
        interval_seconds=seconds,
        gaps=gaps,
        regular=regular,
        next_at=next_at,
        next_time=next_time,
        rotates=rotates,
        usual_bytes=usual,
        size_ratio=_size_ratio(everything),
        room=room,
        full_time=full,
        every=every,
    )


def _cadence(series: Sequence[Checkpoint]) -> tuple[float | None, float | None, int, bool]:
    """Return the usual distance in steps and seconds, of how many distances, and if the newest are alike.

    Medians: a pause, a restart or a deleted one in between does not change what is usual.
    """
    steps: list[float] = []
    paces: list[float] = []
    for one, two in pairwise(series[-_RECENT - 1 :]):
        if one.at is None or two.at is None or two.at <= one.at:
            continue
        steps.append(two.at - one.at)
        if one.written is not None and two.written is not None and two.written > one.written:
            paces.append((two.written - one.written) / (two.at - one.at))
    if not steps:
        return None, None, 0, False
    interval = _median(steps)
    newest = steps[-_ALIKE:]
    regular = len(newest) == _ALIKE and max(newest) <= (1 + _SPREAD) * min(newest)
    return interval, _median(paces) * interval if paces else None, len(steps), regular


def _rotates(series: Sequence[Checkpoint], interval: float | None) -> bool:
    """Return whether the newest saves each made an old one go, or the first were gone before we looked."""
    first = series[0].step if series else None
    if first is not None and interval is not None and first > 1.5 * interval:
        return True
    gone = [c.deleted for c in series if c.deleted is not None]
    kept = [c.written for c in series if c.state is not State.DELETED and c.written is not None]
    return bool(gone) and len(kept) >= 1 and max(gone) >= (kept[-2] if len(kept) > 1 else kept[-1])


def _size_ratio(everything: Sequence[Checkpoint]) -> float | None:
    at = next((n for n in reversed(range(len(everything))) if everything[n].state is State.COMPLETE), -1)
    newest = everything[at] if at >= 0 else None
    if newest is None:
        return None
    alike = [
        c.bytes
        for c in everything[:at]
        if c.state in (State.COMPLETE, State.DELETED)  # rotation deletes those it is compared with
        and (c.kind, c.ranks, c.at is None) == (newest.kind, newest.ranks, newest.at is None)
    ][-_ALIKE:]
    if len(alike) < _ALIKE or not 0 < max(alike) <= (1 + _SPREAD) * min(alike):
        return None
    return newest.bytes / _median(alike)


def _inside(key: str, directory: str) -> bool:
    """Whether a checkpoint's id is one of those that a look at this directory gives."""
    return posixpath.dirname(key) == directory.rstrip("/")


def _same(known: Checkpoint | None, seen: Checkpoint) -> bool:
    """Whether nothing was written since: then who saw it being written knows more."""
    return known is not None and (known.state, known.bytes, known.files, known.written) == (
        seen.state,
        seen.bytes,
        seen.files,
        seen.written,
    )


class Checkpoints:
    """All that is known of one run's checkpoints. Its size is bounded by MAX_KNOWN."""

    def __init__(self) -> None:
        self._known: dict[str, Checkpoint] = {}
        self._free: dict[str, int] = {}
        self._every: dict[str, float] = {}
        self.problems: dict[str, str] = {}
        """Directory -> why it cannot be seen."""
        self.version = 0
        """How often it was looked."""
        self._summary: Summary | None = None

    def fold(self, look: Look, first: float | None = None) -> None:
        """Take in what a look gave.

        The `first` one (then its Unix time) of a new observer contains all that is
        there: what is not among it was deleted meanwhile.
        """
        self._summary = None
        self.version += 1
        if first is not None and not look.problem:
            look = self._compared(look, first)
        self.problems.pop(look.directory, None)
        if look.problem:
            self.problems[look.directory] = look.problem
        self._every[look.directory] = look.every
        if look.free is not None:
            self._free[look.directory] = look.free
        for change in look.changes:
            self._known.pop(change.id, None)
            self._known[change.id] = change
        if len(self._known) > MAX_KNOWN:
            gone = [key for key, c in self._known.items() if c.state is State.DELETED]
            for key in (gone + list(self._known))[: len(self._known) - MAX_KNOWN]:
                self._known.pop(key, None)

    def release(self, ids: Iterable[str]) -> list[Checkpoint]:
        """Return those of these ids, and forget them."""
        self._summary = None
        self.version += 1
        return [known for key in ids if (known := self._known.pop(key, None)) is not None]

    def adopt(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Take over what another run released."""
        self._summary = None
        self.version += 1
        self._known.update((known.id, known) for known in checkpoints)

    def _compared(self, look: Look, now: float) -> Look:
        """Return a look at everything as the changes since the last one."""
        there = {change.id: change for change in look.changes}
        gone = [
            msgspec.structs.replace(known, state=State.DELETED, reason="", deleted=now)
            for key, known in self._known.items()
            if key not in there and known.state is not State.DELETED and _inside(key, look.directory)
        ]
        new = [change for change in there.values() if not _same(self._known.get(change.id), change)]
        return msgspec.structs.replace(look, changes=(*gone, *new))

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Checkpoint]:
        return iter(in_order(self._known.values()))

    def last_good(self, until: int | None = None) -> Checkpoint | None:
        """Return the newest complete checkpoint, of those not after step `until` if that is given."""
        return last_good(self._known.values(), until)

    def summary(self) -> Summary:
        """Return what they say together; free space is that of the fullest directory."""
        if self._summary is None:
            free, every = min(self._free.values(), default=None), max(self._every.values(), default=0.0)
            self._summary = summarise(self._known.values(), free, every)
        return self._summary


def _median(numbers: Sequence[float]) -> float:
    from statistics import median  # here: workers, which summarise nothing, do without

    return median(numbers)
