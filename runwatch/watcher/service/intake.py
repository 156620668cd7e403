"""What workers say, taken into the fold: sources that appear, batches, looks at directories, and losses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from runwatch.alerts.incidents.incidents import Change
from runwatch.core.notice import Notice
from runwatch.core.readability import unheard, unread
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.group import FRESH
from runwatch.watcher.engine.views.views import Shown
from runwatch.watcher.ingest import wire
from runwatch.watcher.persistence.keeper import Keeper
from runwatch.watcher.sources.patterns import wanted


class Listener(Protocol):
    """Who receives what the messages of workers led to."""

    def changed(self, changes: Iterable[Change]) -> None:
        """Take the changes of incidents."""

    def notice(self, text: str) -> None:
        """Take something that people should know about runwatch itself."""

    def wake(self, *, at_once: bool = False) -> None:
        """Take note that there is something new."""

    def found(self, source: str, group: str) -> None:
        """Take note of a new source, and the name of its group."""

    def forgotten(self, group_id: str) -> None:
        """Take note that a group is watched no longer."""

    def whole(self) -> None:
        """Take note that the last of a group's history is in."""

    def give_up(self, why: str) -> None:
        """Take note that a worker found nothing to watch."""


@dataclass(slots=True)
class Load:
    """How much work the fold had since the start."""

    lines: int = 0
    unrecognized: int = 0
    batches: int = 0
    errors: int = 0
    seconds: float = 0.0
    """CPU time."""


class Intake:
    """Which sources there are, and what of them is shown."""

    def __init__(self, engine: Engine, keeper: Keeper, listener: Listener) -> None:
        """Take up what `keeper` has restored into `engine`."""
        self._engine, self._keeper, self._listener = engine, keeper, listener
        self.opened = asyncio.Event()
        """Set once it is known what there is to watch, or that there is nothing."""
        self.any_read = asyncio.Event()
        """Set once a worker has said anything."""
        self.shown = {key: Shown.kept(group) for key, group in engine.groups.items()}
        self.places = keeper.paths()
        """Group -> source -> where it is, as the system spells it."""
        self.load = Load()
        self._now = 0.0
        """Unix time at which the newest message came."""
        self._handlers = {
            wire.Opened: self._open,
            wire.Read: self._read,
            wire.Provisional: self._suppose,
            wire.Looked: self._look,
            wire.Preview: self._preview,
            wire.Sight: self._sight,
            wire.Dropped: self._drop,
            wire.Trouble: self._trouble,
            wire.Note: self._note,
            wire.Beat: self._beat,
            wire.Ended: self._end,
        }

    def receive(self, message: wire.Message, now: float) -> None:
        """Take one message of a worker at Unix time `now`.

        What cannot be folded is reported, and the rest continues.
        """
        self.any_read.set()
        self._now = now
        begun = time.thread_time()
        source = getattr(message, "source", "")
        known = not source or source in self._engine.sources  # else the last words of a worker
        try:
            if known or isinstance(message, wire.Opened):
                self._handlers[type(message)](message)  # type: ignore[operator]  # each takes its own
        except Exception as error:  # whatever it was, watching the other sources must continue
            self.load.errors += 1
            self._listener.notice(
                f"a batch could not be taken in, its part is missing: {type(error).__name__}: {error}"
            )
        self.load.seconds += time.thread_time() - begun
        if not isinstance(message, wire.Beat):
            self._listener.wake()

    def keep(self, paths: Collection[bytes], exclude: Collection[str]) -> None:
        """Forget what is not of these paths."""
        for group, places in tuple(self.places.items()):
            for source, path in tuple(places.items()):
                if not wanted(path, paths, exclude):
                    self._forget(source)
            if not places:  # it never had any
                self.places.pop(group, None)
                self.shown.pop(group, None)

    def _forget(self, source: str) -> None:
        """Watch a source no longer, and forget the runs of its group if it was the last of it."""
        group = self._engine.sources[source][0].id
        self.places[group].pop(source, None)
        self._engine.drop_source(source)
        self._keeper.dropped(source, group)
        if not self.places[group]:
            del self.places[group], self.shown[group]
            self._listener.forgotten(group)

    # -- one method a message --------------------------------------------------------------------

    def _open(self, message: wire.Opened) -> None:
        if message.source not in self._engine.sources:
            group = self._engine.add_source(message.source, message.name, message.source, message.member)
            stale = message.written is not None and self._now - message.written > FRESH
            group.stale = stale and (group.stale or len(group.sources) == 1)
            self.shown.setdefault(group.id, Shown(group))
            self._listener.found(message.source, group.name)
        shown = self._shown(message.source)
        shown.opened(message.source, message.backlog, message.written)
        if message.problem:  # which is reported by itself
            shown.looked_at(message.source)
        group = self._engine.sources[message.source][0]
        self.places.setdefault(group.id, {})[message.source] = message.path
        self._keeper.opened(message)
        self._sight(wire.Sight(message.source, message.problem, self._now))
        self.opened.set()

    def _read(self, message: wire.Read) -> None:
        self.load.batches += 1
        self.load.lines += message.batch.lines
        self.load.unrecognized += message.batch.unparsed
        all_in = self._shown(message.source).read(message.source, message.left)
        self._keeper.took(message)
        changes = self._engine.fold(
            message.source,
            message.batch,
            live=message.live,
            arrival=message.arrival,
            written=message.written,
            late=message.late,
        )
        self._listener.changed(self._keeper.late(changes, late=message.late))
        if all_in:
            self._listener.whole()

    def _suppose(self, message: wire.Provisional) -> None:
        changes = self._engine.suppose(
            message.source, message.batch, live=message.live, arrival=message.arrival, late=message.late
        )
        self._keeper.supposed(message.source)
        self._listener.changed(self._keeper.late(changes, late=message.late))

    def _look(self, message: wire.Looked) -> None:
        self._shown(message.source).looked_at(message.source)
        self._keeper.took(message)
        changes = self._engine.look(
            message.source,
            message.look,
            message.sidecars,
            live=message.live,
            arrival=message.arrival,
            partial=message.partial,
        )
        self._listener.changed(changes)
        if not message.live:  # the first picture of a directory
            self._listener.wake(at_once=True)

    def _preview(self, message: wire.Preview) -> None:
        shown = self._shown(message.source)
        first = shown.preview is None
        shown.take_preview(message.source, message.batch, message.written)
        if first:
            self._listener.wake(at_once=True)

    def _sight(self, message: wire.Sight) -> None:
        """Note that a source, or all that a worker reads, cannot be read, or can again."""
        now, why, since = self._now, message.why, message.since
        if not message.source:
            for places in self.places.values():
                for source, path in places.items():
                    if wanted(path, message.paths):
                        self._engine.lose(source, unheard(source, why, since), now)
        elif why:
            self._engine.lose(message.source, unread(message.source, why, since, brief=message.brief), now)
            self._shown(message.source).lost(message.source)
        else:
            self._engine.see(message.source, now)

    def _drop(self, message: wire.Dropped) -> None:
        self._forget(message.source)

    def _trouble(self, message: wire.Trouble) -> None:
        if message.fatal:
            self._listener.give_up(message.message)
        else:
            self._listener.notice(Notice(message.message, message.source))

    def _note(self, message: wire.Note) -> None:
        self._listener.notice(Notice(message.message, message.source if message.resolved else ""))

    def _beat(self, message: wire.Beat) -> None:
        self.opened.set()  # what there is was read; there may be nothing yet

    def _end(self, message: wire.Ended) -> None:
        self._engine.sources[message.source][1].ended = True
        self._listener.changed(self._engine.finish(self._now))

    def _shown(self, source: str) -> Shown:
        return self.shown[self._engine.sources[source][0].id]
