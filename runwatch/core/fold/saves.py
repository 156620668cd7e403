"""The checkpoints that logs report, each once, and which of them a directory shows.

One save is reported by many lines: that it begins and that it is done, by every rank, by a tracker's copy
of the console. They are of one save if they name the same step; where a line names none, if no training
record is between them. Where directories are seen they are the truth: logs add what is not seen there.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runwatch.core.batch import Event
from runwatch.core.checkpoint import Checkpoint

MAX_SAVES = 256
KIND = "checkpoint"
"""Kind of the events that report one."""
FAILED = "failed"
"""State of one, in an event of any kind, that came to nothing."""
AFTER = "after"
"""What such an event says of the newest step that its own log printed before it."""
UNTIL = "until"
"""And of the step that its log shows next, if records continue as far apart."""
_FILE = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,15}$")
_DIGITS = re.compile(r"\d+")
_DEEP = 3
"""Last parts of a path in which the name of a checkpoint is looked for."""


def is_about_save(event: Event) -> bool:
    """Return whether an event reports a save, or of one that failed."""
    return event.kind == KIND or event.data.get("state") == FAILED


@dataclass(frozen=True, slots=True)
class Save:
    """A checkpoint that a log says was saved."""

    step: int | None
    """As a line names it."""
    after: int | None
    """The newest step before it in the same log."""
    epoch: int | None
    line: int
    path: str = ""
    source: str = ""
    until: int | None = None
    """The step that the log shows next, about."""
    done: bool = False
    """A line said so, not only that it began."""
    again: int = 0
    """Line that reported it again, after the run had gone back."""

    @classmethod
    def of(cls, event: Event) -> Save:
        """Return what an event reports."""
        numbers = (event.data.get(name) for name in (AFTER, UNTIL, "epoch"))
        after, until, epoch = (int(number) if number else None for number in numbers)
        path, source = event.data.get("path", ""), event.data.get("source", "")
        done = event.data.get("state") == "saved"
        return cls(event.step, after, epoch, event.line, path, source, until, done)

    @property
    def at(self) -> int | None:
        """The step it was made at, as far as known."""
        return self.after if self.step is None else self.step

    def is_same(self, other: Save) -> bool:
        """Return whether two lines report the same save."""
        if self.step is not None and other.step is not None:
            return self.step == other.step
        if self.epoch is not None and other.epoch is not None and self.epoch != other.epoch:
            return False
        if self.placeless and other.placeless:
            return True
        if self.after is not None and self.after == other.after:
            return True
        named = _agree(self.path, other.path)
        numbered = _DIGITS.search(_parts(self.path)[-1]) if named else None
        return named and (numbered is not None or None in (self.after, other.after))

    def words(self) -> Iterator[tuple[str, int | str]]:
        """Yield what another line about the same save may have in common with this one."""
        name = next(reversed(_parts(self.path)), None)
        known = {"step": self.step, "name": name, "after": self.after}
        yield from ((word, value) for word, value in known.items() if value is not None)
        if self.placeless:
            yield "placeless", 0

    @property
    def placeless(self) -> bool:
        """Whether nothing shows which save is meant."""
        return self.step is None and self.after is None and self.epoch is None and not self.path


class Saves:
    """All that logs reported of one run's checkpoints, oldest first; the newest are kept."""

    def __init__(self) -> None:
        self._known: dict[int, Save] = {}
        self._where: dict[tuple[str, int | str], int] = {}
        """What distinguishes a save -> its key; may contain some that are forgotten."""
        self._count = 0
        self.version = 0
        """How often anything was new."""

    def __iter__(self) -> Iterator[Save]:
        return iter(self._known.values())

    def __len__(self) -> int:
        return len(self._known)

    def newest(self, line: int | None = None) -> list[Save]:
        """Return those that were not overwritten, the newest first.

        All, or those reported up to a line, as they were then.
        """
        reported = [save for save in self if line is None or save.line <= line]
        if line is not None:
            reported.sort(key=lambda save: save.again if save.line < save.again <= line else save.line)
        return _present(reported)[::-1]

    def repeats(self, event: Event) -> bool:
        """Return whether an event repeats what another source has reported."""
        save = Save.of(event)
        key = self._find(save) if event.kind == KIND else None
        if key is None:
            return event.kind == KIND and save.placeless and bool(self._known)
        return self._known[key].source != save.source

    def holds(self, event: Event) -> bool:
        """Return whether an event reports a save of this run, and of no other's: it names the same path."""
        save = Save.of(event)
        key = self._find(save) if event.kind == KIND else None
        known = None if key is None else self._known[key]
        return known is not None and known.source != save.source and _agree(known.path, save.path)

    def add(self, event: Event) -> Save:
        """Take in an event; return the save it is of, with all that is known of it."""
        save = Save.of(event)
        key = self._find(save)
        if key is None:
            self._put(save)
            return save
        known, newest = self._known[key], next(reversed(self._known.values()))
        whole = replace(
            known,
            step=save.step if known.step is None else known.step,
            after=save.after if known.after is None else known.after,
            until=save.until if known.after is None else known.until,
            epoch=save.epoch if known.epoch is None else known.epoch,
            path=known.path or save.path,
            done=known.done or save.done,
        )
        if known is not newest and known.source == save.source and (save.after or 0) < (newest.at or 0):
            del self._known[key]  # the run went back and saved it once more
            self._put(replace(whole, again=save.line))
        elif whole != known:
            self._put(whole, key)
        return whole

    def withdraw(self, event: Event) -> None:
        """Take in that a save failed: one that had only begun is none."""
        key = self._find(Save.of(event))
        if key is not None and not self._known[key].done:
            del self._known[key]
            self.version += 1

    def _find(self, save: Save) -> int | None:
        keys = (self._where.get(word) for word in save.words())
        return next(
            (k for k in keys if k is not None and k in self._known and self._known[k].is_same(save)), None
        )

    def _put(self, save: Save, key: int | None = None) -> None:
        self.version += 1
        self._count += key is None
        key = self._count if key is None else key
        self._known[key] = save
        self._where.update((word, key) for word in save.words())
        if len(self._known) > MAX_SAVES:
            del self._known[next(iter(self._known))]
        if len(self._where) > 8 * MAX_SAVES:
            self._where = {word: key for key, save in self._known.items() for word in save.words()}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What logs report, laid over what directories show."""

    unseen: tuple[Save, ...] = ()
    """Saves that only logs report, oldest first."""
    steps: Mapping[str, int] = field(default_factory=dict)
    """Id of a checkpoint whose name has no place -> the step at which it was written last."""
    marks: frozenset[int] = frozenset()
    """Steps of saves that are not among the checkpoints that directories show at a step."""


def reconcile(saves: Iterable[Save], seen: Iterable[Checkpoint]) -> Reconciled:
    """Return which saves no directory shows.

    One that a directory would show among others like it, if it were still there, is gone; one that is
    newer than all of those may not have been seen yet.
    """
    reported, disk = list(saves), _Disk(list(seen))
    standing = set(_present(reported))
    unseen: list[Save] = []
    steps: dict[str, int] = {}
    marks: set[int] = set()
    for save in reported:
        named = disk.named(save)
        if named is not None and named.at is None and save.at is not None:
            steps[named.id] = save.at
        elif named is not None or disk.shows(save):
            continue
        elif save in standing and not disk.would_show(save):
            unseen.append(save)
        marks.update([] if save.at is None else [save.at])
    return Reconciled(tuple(unseen), steps, frozenset(marks))


class _Disk:
    """The checkpoints that directories show, deleted ones included, by what lines may say of them."""

    def __init__(self, seen: Sequence[Checkpoint]) -> None:
        self._known = bool(seen)
        self._names = {_parts(c.path)[-1]: c for c in seen if _parts(c.path)}
        self._shapes = {_DIGITS.sub("0", name) for name in self._names}
        self._directories = {posixpath.dirname(c.path) for c in seen}
        self._steps = sorted({c.step for c in seen if c.step is not None})
        self._epochs = {c.epoch for c in seen if c.epoch is not None and c.step is None}

    def named(self, save: Save) -> Checkpoint | None:
        """Return the checkpoint that the path of a save names."""
        parts = reversed(_parts(save.path)[-_DEEP:])
        return next((self._names[part] for part in parts if part in self._names), None)

    def shows(self, save: Save) -> bool:
        """Return whether one is of the save's step, or of its epoch."""
        if save.epoch is not None and save.epoch in self._epochs:
            return True
        if save.step is not None or save.after is None:
            return save.step in self._steps
        first = bisect_left(self._steps, save.after - 1)  # some count from 0
        return first < len(self._steps) and self._steps[first] <= (save.until or save.after + 1)

    def would_show(self, save: Save) -> bool:
        """Return whether the save would be seen if it was still there."""
        if not self._known:
            return False
        alike = (_DIGITS.sub("0", part) in self._shapes for part in _parts(save.path)[-_DEEP:])
        inside = (_agree(save.path, directory) for directory in self._directories)
        if save.path and not any(alike) and not any(inside):
            return False
        if self._steps and save.at is not None:
            return save.at <= self._steps[-1]
        return save.epoch is None or not self._epochs or save.epoch <= max(self._epochs)


def _present(saves: Sequence[Save]) -> list[Save]:
    """Return saves, oldest first, but those into whose file a later one was written."""
    files = {save.path: save for save in saves if _FILE.search(save.path)}
    return [save for save in saves if files.get(save.path, save) is save]


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]


def _agree(one: str, two: str) -> bool:
    """Return whether two paths may be the same: one may be relative, or seen from another mount."""
    first, second = _parts(one), _parts(two)
    count = min(len(first), len(second))
    return count > 0 and first[-count:] == second[-count:]
