"""Keeps what the engine has folded, and begins where an engine before this one stopped.

A commit is only a shortcut: what was written after it is read again and folds
to the same. So commits are few: of a group that has changed every few seconds,
less often where bodies are large, and always before people are informed
anything. A group and the places of its sources are of one moment, since the
worker says with each batch where it is.

What people receive is committed with the fold it arose from, handed to
delivery, and then struck off. An engine that dies in between leaves it for the
next one to hand over; delivery drops what it was given before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from runwatch.alerts.incidents.incidents import Change
from runwatch.core import text
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.group import Group
from runwatch.watcher.ingest import wire
from runwatch.watcher.persistence import frozen, past_runs
from runwatch.watcher.persistence.saved import ReadPlace, Saved
from runwatch.watcher.sources.patterns import wanted

if TYPE_CHECKING:
    from runwatch.watcher.persistence.store import Store

EVERY = 5.0
"""Seconds between two commits of one group, at least."""
RATE = 100_000.0
"""Bytes a second that commits write in the long run."""
BURST = 8e6
"""Bytes that may be written at once."""
SPELL = 0.02
"""Seconds a round of commits takes, about; the rest waits for the next."""
SWEEP = 3600.0
"""Seconds between two looks for what is too old."""
PULSE = 30.0
"""Seconds after which at least the time is committed: until when somebody watched."""
LATE = 60.0
"""Seconds without a watch; after more, a message says that something was found late."""
SETTLING = 10.0
"""Seconds after the start in which what silence says arose before it."""
MOST_CHANGES = 10_000
"""Changes that wait to be committed."""


class Keeper:
    """Decides when what is committed, and restores at the start. Without a store it does nothing."""

    def __init__(
        self,
        store: Store | None,
        engine: Engine,
        notice: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives seconds that never go back."""
        self._store, self._engine, self._notice, self._clock = store, engine, notice, clock
        self._places: dict[str, ReadPlace] = {}
        """Source id -> where it is in the fold."""
        self._adrift: set[str] = set()
        """Sources whose newest batch had no place: their groups cannot be committed now."""
        self._dirty: dict[str, float] = {}
        """Group -> since when it differs from what is committed; the oldest first."""
        self._saved: set[str] = set()
        """Groups that were committed since this began: the first time is not put off."""
        self._urgent: set[str] = set()
        """Those, and such whose logs were rotated or truncated: what was read is there for no long time."""
        self._lived: set[str] = set()
        """Groups that were seen alive, of which that was noted: the next engine has to know."""
        self._changes: dict[str, Change] = {}
        self._handed: list[str] = []
        """Changes that delivery has taken, to be struck off."""
        self._gone: list[str] = []
        """Groups and sources that were dropped, to be removed."""
        self._room = BURST
        self._filled = self._committed = self._swept = clock()
        self._failed = False
        self.roots: tuple[bytes, ...] = ()
        """The paths to be watched."""
        self._kept_roots: tuple[bytes, ...] = ()
        self._since: float | None = None
        self._before: tuple[bytes, ...] = ()
        self._rebuilt: dict[str, dict[str, ReadPlace]] = {}
        """Groups that are read again from their logs -> where they were."""
        self._gap = 0.0
        """Seconds for which nobody had watched when this began."""
        self._restored = 0.0

    # -- the start -------------------------------------------------------------------------------

    def restore(self, roots: Sequence[bytes], now: float) -> tuple[Change, ...]:
        """Put what was kept into the engine, and return what is still to be handed to delivery.

        `roots` are the paths to be watched from now on; `now` is Unix time.
        """
        self.roots, self._restored = tuple(roots), self._clock()
        if self._store is None:
            return ()
        kept = self._store.load()
        broken: dict[str, list[str]] = {}
        for key, body in kept.groups.items():
            places = kept.places.get(key, {})
            try:
                group = frozen.thaw(body, self._engine.rules)
            except frozen.NotRestoredError as error:
                if not any(wanted(place.path, roots) for place in places.values()):
                    self._gone += [*places, key]  # nothing would read it again
                    continue
                self._rebuilt[key] = places
                if not isinstance(error, frozen.OtherShapeError):
                    broken.setdefault(str(error), []).append(key)
                continue
            self._engine.adopt(group)
            self._lived |= {key} if group.lived else set()
            self._places.update((source, places[source]) for source in group.sources if source in places)
        other = len(self._rebuilt) - sum(map(len, broken.values()))
        if other:
            total = len(kept.groups.keys() - self._gone)
            self._notice(
                f"{other} of {total} runs were kept by another version of runwatch: their logs are read again"
            )
        for why, keys in broken.items():
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            self._notice(f"{text.path(keys[0])}{more} is read again from its log: {why}")
        if kept.alive is not None:
            self._gap = max(0.0, now - kept.alive)
            self._since, self._before = kept.alive, kept.roots
            if now < kept.alive:  # the clock was set back: ages stay what they were
                self._engine.shift(now - kept.alive)
        self._commit(())
        return kept.changes

    def ready(self, setup: wire.Setup) -> wire.Setup:
        """Return a worker's setup with what it has to know of its sources from before."""
        known = {**{k: p for places in self._rebuilt.values() for k, p in places.items()}, **self._places}
        return msgspec.structs.replace(
            setup,
            resume={key: place.resume for key, place in self._places.items() if place.resume is not None},
            members={key: place.member for key, place in known.items()},
            since=self._since,
            before=self._before,
        )

    def paths(self) -> dict[str, dict[str, bytes]]:
        """Return where the sources are that were restored: group -> source -> path."""
        return {
            group.id: {key: place.path for key, place in self._of(group).items()}
            for group in self._engine.groups.values()
        }

    # -- the fold --------------------------------------------------------------------------------

    def opened(self, message: wire.Opened) -> None:
        """Note where a source is."""
        if self._store is not None:
            group, source = self._engine.sources[message.source]
            group.lived |= group.id in self._rebuilt and not group.stale  # as it was before, most likely
            member = source.member
            known = self._places.get(message.source)
            resume = None if known is None else known.resume
            self._places[message.source] = ReadPlace(message.path, member, resume)

    def took(self, message: wire.Read | wire.Looked) -> None:
        """Note where a source is once this is folded; to be called before its changes are handed."""
        known = self._places.get(message.source)
        if self._store is None or known is None:
            return
        group, place = self._engine.sources[message.source][0].id, message.resume
        if place is None:
            self._adrift.add(message.source)
            return
        self._adrift.discard(message.source)
        if place == known.resume and isinstance(message, wire.Read):
            return
        if group not in self._saved or _elsewhere(known.resume, place):
            self._urgent.add(group)
        self._places[message.source] = msgspec.structs.replace(known, resume=place)
        self._dirty.setdefault(group, self._clock())

    def supposed(self, source: str) -> None:
        """Note that a source reported something provisionally."""
        if self._store is not None and source in self._places:
            self._dirty.setdefault(self._engine.sources[source][0].id, self._clock())

    def late(self, changes: Iterable[Change], *, late: bool | None = None) -> list[Change]:
        """Return changes that say so if nobody had watched while they arose.

        `late` says whether what was folded was written meanwhile; None, of the passing of
        time: whether we have just begun.
        """
        began = self._clock() - self._restored < SETTLING
        if self._gap < LATE or not (began if late is None else late):
            return list(changes)
        return [msgspec.structs.replace(change, late=self._gap) for change in changes]

    def before(self, changes: Collection[Change]) -> None:
        """Commit what is about to be sent to people, with the fold it arose from."""
        if self._store is None or not changes:
            return
        groups = dict.fromkeys(change.run.rpartition("#")[0] for change in changes)
        for group in groups:
            self._dirty.setdefault(group, self._clock())
        for change in changes:
            self._changes[change.id] = change
        while len(self._changes) > MOST_CHANGES:  # nothing can be committed: the history has to do without
            del self._changes[next(iter(self._changes))]
        if any(change.send or change.kind == "acknowledged" for change in changes):
            self._commit(groups)

    def handed(self, changes: Iterable[Change]) -> None:
        """Note what delivery has taken."""
        if self._store is not None:
            self._handed += [change.id for change in changes if change.send]
            del self._handed[:-MOST_CHANGES]

    def settled(self, read: Collection[str]) -> list[Change]:
        """Return what arose while nobody watched in groups that had to be read again.

        `read` are the groups of which all history was read.
        """
        found: list[Change] = []
        for key in [key for key in self._rebuilt if key in self._engine.groups and key in read]:
            lines = [p.resume.line for p in self._rebuilt.pop(key).values() if p.resume is not None]
            found += self._reconcile(self._engine.groups[key], max(lines, default=0))
        return self.late(found, late=True)

    def tick(self) -> None:
        """Commit what is due, in the time that a round may take."""
        if self._store is None:
            return
        now = self._clock()
        for group in self._engine.groups.values():
            if group.lived and group.id not in self._lived:
                self._lived.add(group.id)
                self._dirty.setdefault(group.id, now)
        self._room = min(BURST, self._room + (now - self._filled) * RATE)
        self._filled = now
        if self._failed and now - self._committed < EVERY:
            return
        urgent = [group for group in self._urgent if group in self._dirty]
        due = [group for group, since in self._dirty.items() if now - since >= EVERY]
        if urgent or (due and self._room > 0):
            self._commit([*urgent, *due], spell=SPELL)
        elif self._gone or now - self._committed >= PULSE:
            self._commit(())
        if now - self._swept >= SWEEP:
            self._swept = now
            self._store.sweep()

    def dropped(self, source: str, group: str) -> None:
        """Forget a source that the engine has dropped; incidents of its group stay in the history."""
        self._places.pop(source, None)
        self._adrift.discard(source)
        self._rebuilt.pop(group, None)
        self._lived.discard(group)
        if self._store is not None:
            self._gone.append(source)
            if group in self._engine.groups:
                self._dirty.setdefault(group, self._clock())
            else:
                self._dirty.pop(group, None)
                self._gone.append(group)

    def close(self) -> None:
        """Commit everything."""
        if self._store is not None:
            self._commit(list(self._dirty))
            self._store.close()

    # -- inside ----------------------------------------------------------------------------------

    def _commit(self, groups: Iterable[str], *, spell: float | None = None) -> None:
        """Commit groups, as many as fit into `spell` seconds, with all changes that wait."""
        assert self._store is not None
        begun = time.perf_counter()
        done: list[str] = []
        saved: list[Saved] = []
        for key in dict.fromkeys(groups):
            if spell is not None and saved and time.perf_counter() - begun > spell:
                break
            done.append(key)
            group = self._engine.groups.get(key)
            if group is None or not self._adrift.isdisjoint(group.sources):
                continue
            try:
                runs = past_runs.of(group)
                saved.append(Saved(key, frozen.freeze(group, self._notice), self._of(group), runs))
            except Exception as error:  # whatever a batch has left in it
                self._notice(f"{group.name} cannot be kept: {type(error).__name__}: {error}")
        changes, handed = list(self._changes.values()), list(self._handed)
        self._committed = self._clock()
        roots = None if self.roots == self._kept_roots else self.roots
        self._failed = not self._store.commit(saved, changes, handed=handed, dropped=self._gone, roots=roots)
        if self._store.lost:  # the file is a new one: all there is has to go into it
            self._store.lost, self._kept_roots = False, ()
            self._dirty = dict.fromkeys(self._engine.groups, self._clock() - EVERY)
        elif not self._failed:
            for key in done:
                self._dirty.pop(key, None)
                self._urgent.discard(key)
            self._saved.update(group.id for group in saved)
            self._room -= sum(len(group.body) for group in saved)
            self._changes.clear()
            self._gone.clear()
            self._kept_roots = self.roots
            del self._handed[: len(handed)]

    def _of(self, group: Group) -> dict[str, ReadPlace]:
        return {key: self._places[key] for key in group.sources if key in self._places}

    def _reconcile(self, group: Group, line: int) -> Iterable[Change]:
        """Let incidents that were sent to people be live again; yield those that began behind `line`."""
        assert self._store is not None
        kept = self._store.incidents([watched.run.id for watched in group.runs])
        for watched in group.runs[-1:]:
            books = [watched.incidents, *([group.twin.incidents] if group.twin is not None else [])]
            for row in watched.incidents.every():
                if row.state in ("resolved", "pending"):
                    continue
                known = kept.get(row.id)
                if known is not None:
                    for book in books:
                        book.recall(known.row)
                if known.sent if known is not None else (row.line is None or row.line > line):
                    change, *_ = [book.announce(row.id) for book in books]
                    if change is not None and known is None:
                        yield change


def _elsewhere(old: wire.Resume | None, new: wire.Resume) -> bool:
    """Whether a source continues in another file, or begins again in the same."""
    if old is None or old.position is None or new.position is None:
        return False
    moved = (old.position.device, old.position.inode) != (new.position.device, new.position.inode)
    return moved or new.position.offset < old.position.offset
