"""When to look at files again: file events where they can be had, polling where they cannot.

An event is only a hint. Events get lost (full queues, other clients of a
network file system, writes through another hard link), so everything is also
looked at every SWEEP seconds, and a wake-up never says what happened.

Events are taken by whoever waits, so that many writes that happen while nobody
waits cost one look. They come from inotify, elsewhere from watchdog.
"""

from __future__ import annotations

import os
import select
import stat
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Protocol

from runwatch.watcher.sources import inotify
from runwatch.watcher.sources.mounts import covering, events_reliable, mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SWEEP = 2.0
"""Seconds after which every path is due, event or not."""
BUSY = 0.1
"""Seconds between two looks at a polled path that has just changed."""
OTHERS = 0.05
"""Seconds that events of files that nobody asked for are let gather."""
_SLOWER = 1.5
_CLOSE_WAIT = 5.0
_STUCK = 60.0
"""Seconds after which a look at polled paths, or the setting of watches, is not waited for any longer."""


class Watches(Protocol):
    """Where file events come from: see Inotify, which says what each of these does."""

    def fileno(self) -> int: ...  # noqa: D102
    def watched(self) -> set[str]: ...  # noqa: D102
    def watch(self, directory: str) -> None: ...  # noqa: D102
    def forget(self, directory: str) -> None: ...  # noqa: D102
    def events(self) -> set[tuple[str, str]]: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class _Plan:
    """What a set of paths asks for."""

    names: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """Directory -> file name in it -> the paths that are due when it changes."""
    polled: set[str] = field(default_factory=set)
    """Paths whose changes raise no event, or not every time."""


class Waker:
    """Says which of some paths are worth a look, soon after they change.

    With `poll` no file events are asked for. Everything is looked at every `sweep` seconds at
    least, what is polled every `busy` seconds while it changes. Paths need not exist.
    """

    def __init__(
        self, paths: Iterable[str] = (), *, poll: bool = False, sweep: float = SWEEP, busy: float = BUSY
    ) -> None:
        self.note = ""
        """Why some paths are polled although events were wanted, for people; "" if none are."""
        self._poll = poll
        self._sweep, self._busy = sweep, busy
        self._paths = set(paths)
        self._due: set[str] = set()
        self._lock = threading.Lock()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._nudge = threading.Event()
        self._closing = False
        self._watches: Watches | None = None
        self._identities: dict[str, tuple[int, int]] = {}
        """Watched directory -> which one it was when the watch was set."""
        self._plan = _Plan()
        self._seen: dict[str, object] = {}
        self._armed: set[str] = set()
        """The paths that were made due once their watches were set; those of `_paths`, if that is so."""
        self._polled = 0.0
        """Unix time as of which what is polled was looked at."""
        self.until = time.time()
        """Unix time until which all that was written has made its path due, as of the last `wait`."""
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

    def wait(self, timeout: float | None = None) -> frozenset[str]:
        """Return the paths that are due, after at most `timeout` seconds; empty if none became due."""
        until = None if timeout is None else time.monotonic() + timeout
        poller = select.poll()
        poller.register(self._reader, select.POLLIN)
        if self._watches is not None:
            poller.register(self._watches.fileno(), select.POLLIN)
        while True:
            left = None if until is None else max(0.0, until - time.monotonic())
            poller.poll(None if left is None else left * 1000)
            until_now = self._covered(time.time())
            if self._watches is not None:
                for directory, name in self._watches.events():
                    self._on_event(directory, name)
            with self._lock:
                due, self._due = frozenset(self._due), set()
                with suppress(BlockingIOError):
                    os.read(self._reader, 64)
            self.until = until_now
            if due or (until is not None and time.monotonic() >= until):
                return due
            time.sleep(OTHERS if left is None else min(OTHERS, left))

    def close(self) -> None:
        """End the threads. One that hangs on a dead mount is left behind; it cannot hold up the exit."""
        if self._closing:
            return
        self._closing = True
        self._nudge.set()
        self._thread.join(_CLOSE_WAIT)
        if self._thread.is_alive():
            return  # it may still write to the pipe, whose number must not come to mean another file
        if self._watches is not None:
            self._watches.close()
        os.close(self._reader)
        os.close(self._writer)

    def _covered(self, now: float) -> float:
        """Return the Unix time until which what was written is known, once events are taken at `now`.

        Our thread may be late, or stuck on a mount: then for at most `_STUCK` seconds.
        """
        known = now
        if self._armed is not self._paths:
            known = self.until
        elif self._plan.polled:
            known = min(now, self._polled)
        return known if now - known < self._sweep + _STUCK else now

    def _wake(self, paths: Iterable[str]) -> None:
        with self._lock:
            idle = not self._due
            self._due |= self._paths.intersection(paths)
            if idle and self._due:
                os.write(self._writer, b"!")

    def _run(self) -> None:
        """Keep the watches up, sweep, and look at what is polled: the life of the thread."""
        sweep_at, pause = 0.0, self._busy
        while not self._closing:
            if self._nudge.is_set() or time.monotonic() >= sweep_at:
                self._nudge.clear()
                paths = self._paths
                try:
                    self._plan = self._arm(paths)
                except OSError:  # no working directory, no mount list: then without events
                    self._plan = _Plan(polled=set(paths))
                self._polled = time.time()
                self._wake(paths)  # once the watches are set, so that nothing falls in between
                self._armed = paths
                sweep_at = time.monotonic() + self._sweep
            began = time.time()
            changed = self._changed(self._plan.polled)
            self._wake(changed)
            self._polled = began
            pause = self._busy if changed else min(pause * _SLOWER, self._sweep)
            left = sweep_at - time.monotonic()
            self._nudge.wait(max(0.0, min(left, pause) if self._plan.polled else left))

    def _changed(self, polled: set[str]) -> set[str]:
        before, self._seen = self._seen, {path: _signature(path) for path in polled}
        return {path for path, now in self._seen.items() if now != before.get(path)}

    def _arm(self, paths: set[str]) -> _Plan:
        """Watch the directories that the paths are in now; poll what events do not cover."""
        plan, real = _Plan(), cache(os.path.realpath)
        for path in paths:
            for directory, name in _places(path, real):
                plan.names.setdefault(directory, {}).setdefault(name, set()).add(path)
        table = mounts()
        watched = set() if self._poll else self._watch(set(plan.names))
        for directory, names in plan.names.items():
            if directory not in watched or not events_reliable(covering(directory, table).fstype):
                plan.polled.update(*names.values())
        return plan

    def _watch(self, wanted: set[str]) -> set[str]:
        """Watch these directories and no others; return those that are."""
        try:
            self._watches = self._watches or _open_watches()
        except (OSError, RuntimeError) as error:
            self.note = f"no file events ({_reason(error)}): polling"
            return set()
        alive = self._watches.watched()
        for directory, identity in tuple(self._identities.items()):
            if directory in wanted and directory in alive and identity == _identity(directory):
                continue
            del self._identities[directory]
            self._watches.forget(directory)
        refused = [self._watch_one(self._watches, name) for name in wanted - self._identities.keys()]
        self.note = next(filter(None, refused), "")
        return set(self._identities)

    def _watch_one(self, watches: Watches, directory: str) -> str:
        """Set a watch; return why that is refused, or "". A directory that is not there is no refusal."""
        identity = _identity(directory)  # before the watch: if it is swapped in between, the sweep notices
        try:
            if identity is not None:
                watches.watch(directory)
                self._identities[directory] = identity
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except (OSError, RuntimeError) as error:
            return f"no file events in {directory} ({_reason(error)}): polling"
        return ""

    def _on_event(self, directory: str, name: str) -> None:
        names = self._plan.names
        here = names.get(directory, {})
        if not name or os.path.join(directory, name) in names:  # a watched directory itself came or went
            self._nudge.set()
        self._wake(here.get(name) or _renamed_from(name, here) if name else set().union(*here.values()))


def _open_watches() -> Watches:
    if inotify.AVAILABLE:
        return inotify.Inotify()
    from runwatch.watcher.sources.observer import Watchdog

    return Watchdog()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _renamed_from(name: str, here: dict[str, set[str]]) -> set[str]:
    """Return the paths whose rotated file this may be: run.log.1 is still written to, as run.log."""
    return {path for known, paths in here.items() if name.startswith(known) for path in paths}


def _places(path: str, real: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return (directory, name) of the path and, if it is a symlink, of the file it leads to.

    `real` gives a directory without symlinks.
    """
    places = [os.path.split(os.path.abspath(path))]
    if os.path.islink(path):
        places.append(os.path.split(os.path.realpath(path)))
    return [(real(directory), name) for directory, name in places]


def _identity(directory: str) -> tuple[int, int] | None:
    try:
        now = os.stat(directory)
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
