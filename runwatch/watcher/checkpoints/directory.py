"""One directory of checkpoints, looked at again and again: what is new, what has changed, what is gone.

A look costs one listing of the directory and a stat of what is new or was
still changing. What has settled is measured again in turn, a few at a time;
files are opened newest checkpoint first, a bounded number per look.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from runwatch.core import text
from runwatch.core.checkpoint import MAX_KNOWN, Checkpoint, Look, State
from runwatch.watcher.checkpoints.contents import Inside, inspect
from runwatch.watcher.checkpoints.pointers import Pointers
from runwatch.watcher.layouts import plain
from runwatch.watcher.layouts.grouping import ITSELF, Group, grouped, layout_of
from runwatch.watcher.layouts.layout import (
    QUIET,
    STALE,
    Grid,
    Judgement,
    Layout,
    Pieces,
    Size,
    Usual,
    judge,
    shape_of,
)
from runwatch.watcher.sources import files

OPENED = 256
"""Files opened per look; of the newest checkpoint as many as it has."""
AGAIN = 128
"""Settled checkpoints that are measured again per look, in turn."""
NEWEST = 8
"""Newest checkpoints that are measured again at every look; those before one that are asked what is usual."""
_SURE = 2.0
"""Seconds after which a directory's time of change shows that nothing was added since."""
_RELIST = 16
"""Looks after which the directory is listed whatever its time says."""


@dataclass(slots=True)
class _Record:
    """What is remembered of one checkpoint, or of a directory that is not one (yet)."""

    group: Group
    layout: Layout | None
    seen: float | None
    """When it appeared, or began to be written again, if that was while we looked."""
    since: float = 0.0
    """Files older than this are from an earlier writing."""
    changed: float = 0.0
    mark: int = 0
    """Identifies names, sizes and times of all its files."""
    files: dict[str, Size] | None = None
    """None while it is settled."""
    shape: Pieces = field(default_factory=Pieces)
    """Which pieces are there; of a settled one only `grids` is kept."""
    grids: dict[str, Grid] = field(default_factory=dict)
    sealed: bool = False
    inside: Inside = field(default_factory=Inside)
    checked: bool = False
    unreadable: str = ""
    public: Checkpoint | None = None
    """As it was reported last."""
    whole: tuple[int, int] = (0, 0)
    """How many files and bytes it had when it was complete, where nothing may be written after that."""


class CheckpointSource:
    """The checkpoints in one directory, or the one that the directory is. No threads.

    What it says depends on the files and on the times of the looks alone.
    """

    def __init__(
        self,
        directory: str,
        *,
        quiet: float = QUIET,
        most: int | None = None,
        pulse: Callable[[], object] = lambda: None,
    ) -> None:
        """`quiet`: seconds without a change after which a writer is taken to have stopped.

        `most`: checkpoints that are kept track of, the newest; None: MAX_KNOWN.

        `pulse` is called before each checkpoint that is measured or looked into: a look
        at a slow file system may take long, and whoever asked for it shows a sign of life.
        """
        self.directory = directory
        self._quiet = quiet
        self._most = MAX_KNOWN if most is None else most
        self._pulse = pulse
        self._records: dict[str, _Record] = {}
        self._groups: dict[str, Group] = {}
        self._listed = (0, 0.0)
        """The directory's time of change in ns when it was listed, and when that was."""
        self._looks = 0
        self._turn = 0
        self._left_out = 0
        self._device: int | None = None
        self._pointers = Pointers()
        self._settings: Mapping[str, str] = {}
        """Those that were reported last."""

    def look(self, now: float) -> Look:
        """Return what is new or has changed since the last look; `now` is Unix time."""
        where = text.path(self.directory)
        try:
            self._list(now)
        except OSError as error:
            if not isinstance(error, FileNotFoundError) or not self._records:
                return Look(where, problem=error.strerror or str(error), present=self._present())
            self._groups, self._listed = {}, (0, 0.0)
        changes = list(self._forget(now))
        for key in self._due():
            self._pulse()
            self._measure(key, now)
        self._open(now)
        self._read_pointers()
        changes += self._judge(now)
        settings = self._new_settings()
        self._settle(now)
        self._looks += 1
        waiting = sum(not record.checked and record.layout is not None for record in self._records.values())
        free = files.free_bytes(self.directory)
        return Look(where, tuple(changes), self._present(), waiting, self._left_out, free, settings)

    def widen(self) -> None:
        """Keep track of as many checkpoints as there may be; those that come in now were there before."""
        self._most, self._looks = MAX_KNOWN, 0

    def _present(self) -> int:
        return sum(record.public is not None for record in self._records.values())

    # -- what is there -------------------------------------------------------------------------

    def _list(self, now: float) -> None:
        """List the directory, unless its time of change shows that no name was added or removed."""
        status = os.stat(self.directory)
        moved = self._device not in (None, status.st_dev)
        changed, at = self._listed
        sure = changed == status.st_mtime_ns and at - changed / 1e9 > _SURE
        if sure and not moved and self._looks % _RELIST:
            return
        inside = files.listing(self.directory)
        groups = grouped(inside.files, inside.directories, os.path.basename(os.path.abspath(self.directory)))
        if moved and self._records and not self._records.keys() & groups.keys():
            raise OSError(0, "another file system is there now")  # unmounted: nothing was deleted
        self._device, self._listed = status.st_dev, (status.st_mtime_ns, now)
        self._left_out = max(0, len(groups) - self._most)
        if self._left_out:
            newest = heapq.nlargest(self._most, groups, key=lambda key: (groups[key].at, key))
            groups = {key: groups[key] for key in newest}
        self._groups = groups

    def _forget(self, now: float) -> Iterator[Checkpoint]:
        """Drop what is gone, and report it."""
        for key in [key for key in self._records if key not in self._groups]:
            last = self._records.pop(key).public
            if last is not None:
                yield msgspec.structs.replace(last, state=State.DELETED, reason="", deleted=now)

    def _due(self) -> list[str]:
        """Return which checkpoints are measured at this look."""
        due, settled = [], []
        for key, group in self._groups.items():
            record = self._records.get(key)
            if record is None or record.files is not None or record.group.names != group.names:
                due.append(key)
            else:
                settled.append(key)
        again = heapq.nlargest(NEWEST, settled, key=lambda key: self._records[key].changed)
        if settled:
            turn = self._turn % len(settled)
            again += (settled[turn:] + settled[:turn])[:AGAIN]
            self._turn = turn + AGAIN
        return [*due, *dict.fromkeys(again)]

    # -- measuring -----------------------------------------------------------------------------

    def _measure(self, key: str, now: float, *, hold: bool = False) -> None:
        """Stat the files of one checkpoint and hold them if anything is different, or `hold` is true."""
        group = self._groups[key]
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = _Record(group, None, now if self._looks else None)
        record.group = group
        try:
            held = self._files(record)
            record.unreadable = ""
        except FileNotFoundError:  # gone since it was listed: the next listing shows
            return
        except OSError as error:
            record.unreadable = error.strerror or str(error)
            record.layout = record.layout or group.named.layout
            held = {}
        if not held and not group.folder:  # gone as well
            return
        mark = hash((group.named.temporary, record.unreadable, frozenset(held.items())))
        if mark == record.mark:
            if hold and record.files is None and record.layout is not None:
                record.files, record.shape = held, shape_of(record.layout, held)
            return
        first = record.mark == 0
        last = record.public
        if last is not None and last.state is State.COMPLETE and now - record.changed >= self._quiet:
            record.seen, record.since = now, last.written or 0.0  # it is written again
        record.changed = min(self._newest(record, held, now), now) if first else now
        record.mark, record.checked, record.files = mark, False, held
        if record.layout is not None:
            record.shape = shape_of(record.layout, held)
            record.grids = record.shape.grids
            record.sealed = record.layout.seal in record.shape.places

    def _files(self, record: _Record) -> dict[str, Size]:
        group = record.group
        if not group.folder:
            record.layout = group.named.layout
            return files.sizes(self.directory, group.names)
        top = self._top(record)
        good = record.public is not None and record.public.state is State.COMPLETE
        if record.layout is None or not good:
            record.layout = layout_of(group.named, files.listing(top, files.MAX_FILES).names)
        return files.walk(top) if record.layout is not None else {}

    def _newest(self, record: _Record, held: dict[str, Size], now: float) -> float:
        """Return when the files of a checkpoint, or its empty directory, were changed last."""
        try:
            empty = os.stat(self._top(record)).st_mtime if not held else 0.0
        except OSError:
            empty = now
        return max([empty, *(size.changed for size in held.values())])

    def _top(self, record: _Record) -> str:
        """Return the directory that the names of a checkpoint's files start from."""
        group = record.group
        return os.path.join(self.directory, group.names[0]) if group.folder else self.directory

    # -- looking into files --------------------------------------------------------------------

    def _open(self, now: float) -> None:
        """Look into files that were not looked into as they are now, the newest checkpoints first."""
        waiting = (
            (r.changed, r.group.at, key) for key, r in self._records.items() if not r.checked and r.layout
        )
        left = OPENED
        for _, _, key in heapq.nlargest(OPENED, waiting):
            if left <= 0:
                break
            record = self._records[key]
            self._pulse()
            if record.files is None:
                self._measure(key, now, hold=True)
            if record.files is not None:
                record.inside = inspect(self._top(record), record.files, record.inside)
                record.checked = True
                left -= max(1, record.inside.opened)

    def _new_settings(self) -> dict[str, str]:
        """Return the settings that the newest checkpoint holds, if they are not those reported last."""
        meaningful = (record for record in self._records.values() if record.inside.settings)
        newest = max(meaningful, key=lambda record: record.changed, default=None)
        if newest is None or newest.inside.settings == self._settings:
            return {}
        self._settings = newest.inside.settings
        return {text.plain(name, 300): text.plain(value, 300) for name, value in self._settings.items()}

    def _read_pointers(self) -> None:
        """Read which checkpoint the files next to them name as the newest."""
        wanted = {r.layout.pointer for r in self._records.values() if r.layout and r.files is not None}
        nearby = os.path.join(self.directory, "..") if ITSELF in self._groups else self.directory
        self._pointers.read(nearby, filter(None, wanted))

    # -- judging -------------------------------------------------------------------------------

    def _judge(self, now: float) -> Iterator[Checkpoint]:
        """Judge what is not settled, oldest first: those before it show what is usual."""
        if all(record.files is None for record in self._records.values()):
            return
        ordered = sorted(
            (r for r in self._records.values() if r.layout is not None),
            key=lambda r: (r.group.at, r.changed, r.group.lead),
        )
        for index, record in enumerate(ordered):
            if record.files is None:
                continue
            public = self._public(record, self._usual(ordered, index, now), now)
            if public != record.public:
                record.public = public
                yield public

    def _settle(self, now: float) -> None:
        """Let go of the files of what will stay as it is judged, and of what is no checkpoint at all."""
        for record in self._records.values():
            if record.files is None:
                continue
            state = None if record.public is None else record.public.state
            good = state is State.COMPLETE or (state is State.UNKNOWN and not record.unreadable)
            if now - record.changed >= (self._quiet if good else STALE) and (good or record.layout is None):
                record.files, record.shape = None, Pieces()
                if record.checked:
                    record.inside = Inside(metrics=record.inside.metrics)

    def _public(self, record: _Record, usual: Usual, now: float) -> Checkpoint:
        """Return what is to be reported of a checkpoint whose files are held."""
        layout, held, before = record.layout, record.files, record.public
        assert layout is not None
        assert held is not None
        named, lead = record.group.named, record.group.lead
        said = self._said(record, layout, held, usual, now)
        if layout.atomic and said.state is State.COMPLETE:
            said = self._kept(record, held, said, now)
        was = 0 if before is None or before.state not in (State.COMPLETE, State.DELETED) else before.files
        if len(held) < was and said.state is State.WRITING:
            left = f"being removed: {len(held)} of {was} files left"
            said = Judgement(State.DELETED, left, said.missing, said.ranks, said.ranks_expected)
        gone = said.state is State.DELETED
        times = [size.changed for size in held.values()]
        first = [when for when in times if when > record.since]
        begun = min([*first, *([] if record.seen is None else [record.seen])], default=None)
        return Checkpoint(
            id=text.path(os.path.join(self.directory, named.key)),
            path=text.path(os.path.normpath(os.path.join(self.directory, lead))),
            kind=layout.kind,
            state=said.state,
            reason=text.plain(said.reason, 300),
            step=named.step,
            epoch=named.epoch,
            bytes=sum(size.bytes for size in held.values()),
            files=was if gone else len(held),
            begun=begun,
            written=max(times, default=None),
            ranks=said.ranks,
            ranks_expected=said.ranks_expected,
            missing=tuple(text.path(name) for name in said.missing),
            checked=record.checked,
            metrics={**plain.metrics(lead), **record.inside.metrics},
            deleted=record.changed if gone else None,
        )

    def _kept(self, record: _Record, held: dict[str, Size], said: Judgement, now: float) -> Judgement:
        """Return the judgement of a complete one to which nothing may be written: it must stay as it was."""
        count, size = len(held), sum(each.bytes for each in held.values())
        record.whole = files, whole = max(record.whole, (count, size))
        if (count, size) == (files, whole):
            return said
        if count < files:
            state = State.WRITING if now - record.changed < self._quiet else State.INCOMPLETE
            return replace(said, state=state, reason=f"lost {files - count} of {files} files")
        reason = f"was {whole:,} bytes when it was complete, now {size:,}"
        return replace(said, state=State.DAMAGED, reason=reason)

    def _said(
        self, record: _Record, layout: Layout, held: dict[str, Size], usual: Usual, now: float
    ) -> Judgement:
        if record.unreadable:
            return Judgement(State.UNKNOWN, f"cannot be read: {record.unreadable}")
        lasted = record.public.seconds if record.public is not None else None
        return judge(
            layout,
            held,
            record.shape,
            record.inside.verdicts,
            usual,
            max(0.0, now - record.changed),
            quiet=max(self._quiet, min(2 * (lasted or 0.0), STALE)),
            temporary=record.group.named.temporary,
            listed=record.inside.listed,
            pointed=self._pointers.names(layout.pointer or "", record.group.named.step, held),
        )

    def _usual(self, ordered: list[_Record], index: int, now: float) -> Usual:
        """Return what the neighbors of a checkpoint, one after and some before it, show about it."""
        record, followed = ordered[index], False
        for other in ordered[index + 1 : index + 2]:
            if other.layout is record.layout:
                followed = other.changed > record.changed
                if other.grids == record.grids and now - other.changed >= self._quiet:
                    return Usual(followed=followed)  # there are now as many ranks as that
        for other in reversed(ordered[max(0, index - NEWEST) : index]):
            public = other.public
            if public is not None and public.state is State.COMPLETE and other.layout is record.layout:
                return Usual(True, other.grids, other.sealed, followed)
        return Usual(followed=followed)
