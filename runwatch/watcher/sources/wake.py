"""When to look at files again: file events where they can be had, polling where they cannot.

An event is only a hint. Events get lost (full queues, other clients of a
network file system, writes through another hard link), so everything is also
looked at every SWEEP seconds, and a wake-up never says what happened.

File events come from watchdog. It starts a thread for each directory, so files
in one directory share a watch, and it is imported by the thread that needs it.
"""

from __future__ import annotations

import logging
import os
import select
import stat
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from runwatch.watcher.sources.mounts import events_reliable, mount_of, mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers.api import BaseObserver, ObservedWatch

SWEEP = 2.0
"""Seconds after which every path is due, event or not."""
BUSY = 0.1
"""Seconds between two looks at a polled path that has just changed."""
_SLOWER = 1.5
_CLOSE_WAIT = 5.0


@dataclass(frozen=True)
class _Watched:
    """One watched directory, as it was when the watch was set."""

    watch: ObservedWatch
    identity: tuple[int, int]


@dataclass(frozen=True)
class _Plan:
    """What a set of paths asks for."""

    names: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """Directory -> file name in it -> the paths that are due when it changes."""
    polled: set[str] = field(default_factory=set)
    """Paths whose changes raise no event, or not every time."""


class Waker:
    """Says which of some paths are worth a look, soon after they change.

    `wait` blocks; an event loop instead watches `fileno` for reading and calls
    `wait(0)`. With `poll` no file events are asked for. Everything is looked at every `sweep`
    seconds at least. Paths need not exist.
    """

    def __init__(self, paths: Iterable[str] = (), *, poll: bool = False, sweep: float = SWEEP) -> None:
        self.note = ""
        """Why some paths are polled although events were wanted, for people; "" if none are."""
        self._poll = poll
        self._sweep = sweep
        self._paths = set(paths)
        self._due: set[str] = set()
        self._lock = threading.Lock()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._nudge = threading.Event()
        self._closing = False
        self._observer: BaseObserver | None = None
        self._watched: dict[str, _Watched] = {}
        self._plan = _Plan()
        self._seen: dict[str, object] = {}
        self._thread = threading.Thread(target=self._run, name="runwatch-wake", daemon=True)
        self._thread.start()

    def add(self, path: str) -> None:
        """Look after `path` too; it is due as soon as it is looked after."""
        with self._lock:
            self._paths = self._paths | {path}
        self._nudge.set()

    def remove(self, path: str) -> None:
        """Forget `path`."""
        with self._lock:
            self._paths = self._paths - {path}
            self._due.discard(path)
        self._nudge.set()

    def fileno(self) -> int:
        """Return a descriptor that is readable while something is due."""
        return self._reader

    def wait(self, timeout: float | None = None) -> frozenset[str]:
        """Return the paths that are due, after at most `timeout` seconds; empty if none became due."""
        poller = select.poll()
        poller.register(self._reader, select.POLLIN)
        poller.poll(None if timeout is None else timeout * 1000)
        with self._lock:
            due, self._due = frozenset(self._due), set()
            with suppress(BlockingIOError):
                os.read(self._reader, 64)
        return due

    def close(self) -> None:
        """End the threads. One that hangs on a dead mount is left behind; it cannot hold up the exit."""
        if self._closing:
            return
        self._closing = True
        self._nudge.set()
        self._thread.join(_CLOSE_WAIT)
        if self._thread.is_alive():
            return  # it may still write to the pipe, whose number must not come to mean another file
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(_CLOSE_WAIT)
        os.close(self._reader)
        os.close(self._writer)

    def _wake(self, paths: Iterable[str]) -> None:
        with self._lock:
            idle = not self._due
            self._due |= self._paths.intersection(paths)
            if idle and self._due:
                os.write(self._writer, b"!")

    def _run(self) -> None:
        """Keep the watches up, sweep, and look at what is polled: the life of the thread."""
        sweep_at, pause = 0.0, BUSY
        while not self._closing:
            if self._nudge.is_set() or time.monotonic() >= sweep_at:
                self._nudge.clear()
                paths = self._paths
                try:
                    self._plan = self._arm(paths)
                except OSError:  # no working directory, no mount list: then without events
                    self._plan = _Plan(polled=set(paths))
                self._wake(paths)  # after the watches stand, so that nothing falls in between
                sweep_at = time.monotonic() + self._sweep
            changed = self._changed(self._plan.polled)
            self._wake(changed)
            pause = BUSY if changed else min(pause * _SLOWER, self._sweep)
            left = sweep_at - time.monotonic()
            self._nudge.wait(max(0.0, min(left, pause) if self._plan.polled else left))

    def _changed(self, polled: set[str]) -> set[str]:
        before, self._seen = self._seen, {path: _signature(path) for path in polled}
        return {path for path, now in self._seen.items() if now != before.get(path)}

    def _arm(self, paths: set[str]) -> _Plan:
        """Watch the directories that the paths are in now; poll what events do not cover."""
        plan = _Plan()
        for path in paths:
            for directory, name in _places(path):
                plan.names.setdefault(directory, {}).setdefault(name, set()).add(path)
        table = mounts()
        watched = set() if self._poll else self._watch(set(plan.names))
        for directory, names in plan.names.items():
            if directory not in watched or not events_reliable(mount_of(directory, table).fstype):
                plan.polled.update(*names.values())
        return plan

    def _watch(self, wanted: set[str]) -> set[str]:
        """Watch these directories and no others; return those that are."""
        try:
            self._observer = self._observer or _start_observer()
        except (OSError, RuntimeError) as error:
            self.note = f"no file events ({error}): polling"
            return set()
        alive = {emitter.watch for emitter in self._observer.emitters if emitter.is_alive()}
        for directory, held in tuple(self._watched.items()):
            if directory in wanted and held.watch in alive and held.identity == _identity(directory):
                continue
            del self._watched[directory]
            self._observer.unschedule(held.watch)
        refused = [self._watch_one(self._observer, name) for name in wanted - self._watched.keys()]
        self.note = next(filter(None, refused), "")
        return set(self._watched)

    def _watch_one(self, observer: BaseObserver, directory: str) -> str:
        """Set a watch; return why that is refused, or "". A directory that is not there is no refusal."""
        from watchdog import events

        # Without a filter our own opening and closing of the logs would wake us.
        kinds = [
            events.FileCreatedEvent,
            events.FileModifiedEvent,
            events.FileMovedEvent,
            events.FileDeletedEvent,
            events.DirCreatedEvent,
            events.DirMovedEvent,
            events.DirDeletedEvent,
        ]
        handler = cast("FileSystemEventHandler", _Handler(self._on_event))
        identity = _identity(directory)  # before the watch: if it is swapped in between, the sweep notices
        try:
            if identity is not None:
                watch = observer.schedule(handler, directory, event_filter=kinds)
                self._watched[directory] = _Watched(watch, identity)
        except FileNotFoundError:
            return ""
        except (OSError, RuntimeError) as error:
            return f"no file events in {directory} ({error}): polling"
        return ""

    def _on_event(self, event: FileSystemEvent) -> None:
        names = self._plan.names
        for place in {os.fsdecode(event.src_path), os.fsdecode(event.dest_path)} - {""}:
            directory, name = os.path.split(place)
            if place in names:  # a watched directory itself came or went
                self._nudge.set()
            here = names.get(directory, {})
            self._wake(here.get(name) or _renamed_from(name, here))


class _Handler:
    """The one method of a watchdog handler that an observer calls."""

    def __init__(self, dispatch: Callable[[FileSystemEvent], None]) -> None:
        self.dispatch = dispatch


def _renamed_from(name: str, here: dict[str, set[str]]) -> set[str]:
    """Return the paths whose rotated file this may be: run.log.1 is still written to, as run.log."""
    return {path for known, paths in here.items() if name.startswith(known) for path in paths}


def _start_observer() -> BaseObserver:
    from watchdog.observers import Observer

    # What it logs (lost events, watches gone) the sweep repairs; on a terminal it would deface the screen.
    logging.getLogger("watchdog").addHandler(logging.NullHandler())
    observer = Observer()
    observer.start()
    return observer


def _places(path: str) -> list[tuple[str, str]]:
    """Return (directory, name) of the path and, if it is a symlink, of the file it leads to."""
    places = [os.path.split(os.path.abspath(path))]
    if os.path.islink(path):
        places.append(os.path.split(os.path.realpath(path)))
    return [(os.path.realpath(directory), name) for directory, name in places]


def _identity(directory: str) -> tuple[int, int] | None:
    try:
        now = Path(directory).stat()
    except OSError:
        return None
    return now.st_dev, now.st_ino


def _signature(path: str) -> tuple[int, ...] | None:
    """Return numbers that change when the file does; None if it is not there.

    A regular file is opened for it: that makes an NFS client ask its server
    instead of answering from its cache. (Opening a pipe would disturb its writer.)
    """
    try:
        now = os.stat(path)
        if stat.S_ISREG(now.st_mode):
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                now = os.fstat(fd)
            finally:
                os.close(fd)
    except OSError:
        return None
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns
