"""File events from watchdog, where there is no inotify. It starts a thread for each directory."""

from __future__ import annotations

import logging
import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from watchdog import events
from watchdog.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers.api import ObservedWatch

_CLOSE_WAIT = 5.0
# Without a filter our own opening and closing of the logs would wake us.
_KINDS: list[type[FileSystemEvent]] = [
    events.FileCreatedEvent,
    events.FileModifiedEvent,
    events.FileMovedEvent,
    events.FileDeletedEvent,
    events.DirCreatedEvent,
    events.DirMovedEvent,
    events.DirDeletedEvent,
]


class Watchdog:
    """Watches on directories, with the methods of Inotify."""

    def __init__(self) -> None:
        """Start its threads. Raises OSError or RuntimeError if that cannot be."""
        # What it logs (lost events, watches gone) a sweep repairs; on a terminal it would deface the screen.
        logging.getLogger("watchdog").addHandler(logging.NullHandler())
        self._observer = Observer()
        self._observer.start()
        self._handler = cast("FileSystemEventHandler", _Handler(self._take))
        self._watches: dict[str, ObservedWatch] = {}
        self._events: deque[tuple[str, str]] = deque()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def fileno(self) -> int:
        """Return a descriptor that is readable while there are events."""
        return self._reader

    def watched(self) -> set[str]:
        """Return the directories whose events are reported."""
        alive = {emitter.watch for emitter in self._observer.emitters if emitter.is_alive()}
        return {directory for directory, watch in tuple(self._watches.items()) if watch in alive}

    def watch(self, directory: str) -> None:
        """Report changes of this directory from now on. Raises OSError or RuntimeError."""
        self._watches[directory] = self._observer.schedule(self._handler, directory, event_filter=_KINDS)

    def forget(self, directory: str) -> None:
        """Report its changes no longer."""
        watch = self._watches.pop(directory, None)
        if watch is not None:
            self._observer.unschedule(watch)

    def events(self) -> set[tuple[str, str]]:
        """Return what changed, as (directory, name), without waiting.

        The name is "" of the directory itself, or if it can be anything in it.
        """
        with suppress(BlockingIOError):
            os.read(self._reader, 1 << 16)
        found: set[tuple[str, str]] = set()
        while self._events:
            found.add(self._events.popleft())
        return found

    def close(self) -> None:
        """Let go of all of them, and end the threads."""
        self._observer.stop()
        self._observer.join(_CLOSE_WAIT)
        os.close(self._reader)
        os.close(self._writer)

    def _take(self, event: FileSystemEvent) -> None:
        """Take an event, in a thread of watchdog's."""
        for place in {os.fsdecode(event.src_path), os.fsdecode(event.dest_path)} - {""}:
            self._events.append((place, "") if place in self._watches else _split(place))
        with suppress(BlockingIOError):  # it is full: who is to be woken will be
            os.write(self._writer, b"!")


def _split(place: str) -> tuple[str, str]:
    directory, name = os.path.split(place)
    return directory, name


class _Handler:
    """The one method of a watchdog handler that an observer calls."""

    def __init__(self, dispatch: Callable[[FileSystemEvent], None]) -> None:
        self.dispatch = dispatch
