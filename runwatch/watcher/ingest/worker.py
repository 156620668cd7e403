"""A disposable process that reads the sources of one mount and parses them.

What is watched can hang whoever touches it, so only this process does: it
stats, opens, reads and parses, and sends columns to the engine. The newest
lines go first, the history after them, then what is appended. It reads nothing
but files, changes nothing, and runs niced.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from typing import TYPE_CHECKING, cast

import msgspec

from runwatch.config.formats import use_names
from runwatch.core.errors import AbsentError, SourceError
from runwatch.parsers.api import Format
from runwatch.parsers.formats import in_use, troubles
from runwatch.system.stopwatch import Stopwatch
from runwatch.watcher.ingest import open_file_limit, wire
from runwatch.watcher.ingest.feeds import LogSource, Send, source_id
from runwatch.watcher.ingest.stdin import StdinSource
from runwatch.watcher.processes.handover import called, taken
from runwatch.watcher.processes.memory import give_back
from runwatch.watcher.processes.pipe import Pipe
from runwatch.watcher.sources import discover
from runwatch.watcher.sources.compressed import is_packed
from runwatch.watcher.sources.member import DIRECTORY, LOG, SCHEME, TENSORBOARD, WANDB, Member
from runwatch.watcher.sources.patterns import excluded, wanted
from runwatch.watcher.sources.rotated_history import rotated

if TYPE_CHECKING:
    from runwatch.watcher.ingest.directories import DirectorySource
    from runwatch.watcher.ingest.online import OnlineSource
    from runwatch.watcher.sources.wake import Waker

    AnySource = LogSource | StdinSource | DirectorySource | OnlineSource

IDLE = 1.0
"""Seconds between signs of life."""
RESCAN = 2.0
"""Seconds between two searches for new files; longer where a search takes long."""
SEARCH_REST = 150
"""Seconds without a search for each second that the last one took, without waits for a processor."""
PER_FILE = 0.01
"""Seconds for each file that a look at all of them is put off: with thousands a look is work."""
PER_LOG, SLOWEST = 0.03, 5.0
"""Seconds for each log written to that a daemon takes the lines of together, and how many at most."""
BATCH = 256
"""Files opened, or reported, between two signs of life."""
PIPE = 1 << 20
"""Bytes that may wait for the engine, where the system has such pipes: 64 KiB hold no batch of history."""


class Reader:
    """The sources behind the paths of a setup, in the order they are read: the newest run first."""

    def __init__(
        self,
        setup: wire.Setup,
        pulse: Callable[[], object] = lambda: None,
        logs: open_file_limit.OpenLogs | None = None,
    ) -> None:
        """Open what there is. `pulse` is called in between where a look may take long.

        `logs` keeps to the limit of open files. Raises SourceError if a path gives nothing.
        """
        self._setup, self._pulse = setup, pulse
        self._logs = open_file_limit.OpenLogs() if logs is None else logs
        self._formats = cache(partial(_formats, setup))
        use_names(setup.names)
        self._paths = [os.fsdecode(path) for path in setup.paths]
        self._search = [path for path in self._paths if path != "-" and discover.changing(path)]
        self._searched, self._pause = time.monotonic(), RESCAN
        self.sources: list[AnySource] = []
        self.behind = False
        """Whether there is history left to read."""
        self.hurried = False
        """Whether a source had more to give at the last sweep than was read of it."""
        self.notes: list[str] = []
        """What people should know of the search, each said once."""
        self._dropped: set[str] = set()
        """Paths that there was no room for: what they held then is no news."""
        self.complete = False
        """Whether the last sweep read what was due to its end; history that is still read does not count."""
        self._more: set[str] = set()
        """Sources that had something new at the last sweep."""
        self._others: list[AnySource] | None = None
        """What is no log, while no log has anything to do before it is written to; else None."""
        found = self._find(self._paths, wait=setup.wait or bool(setup.resume))
        self.missing = list(self._missing({source_id(each.path) for each in found}))
        """(source, why) of what was read before, is to be read, and cannot be found."""
        members = setup.members
        before = {each.path: members[key] for each in found if (key := source_id(each.path)) in members}
        new = (each for each in found if source_id(each.path) not in setup.resume)
        older = rotated(each.path for each in new if each.member.kind == LOG)
        for number, each in enumerate(_joined(found, before)):
            if number and number % BATCH == 0:
                pulse()  # thousands take a while to open
            source = self._open(each, older.get(each.path, ()))
            if (
                each.path not in before
                and setup.since is not None
                and wanted(os.fsencode(each.path), setup.before)
            ):
                source.arrived(setup.since)
            self.sources.append(source)
        runs = sorted(_by_run(self.sources).values(), key=_written, reverse=True)
        self.sources = list(chain.from_iterable(runs))  # what continues is known before what is over

    def _find(
        self, paths: Sequence[str], *, wait: bool = False, known: Container[str] = ()
    ) -> list[discover.Found]:
        note, unread, prefer = self._note, self._unread, self._setup.prefer
        try:
            found = discover.find(paths, wait=wait, prefer=prefer, note=note, unread=unread, known=known)
        except AbsentError as error:
            raise SourceError(f"{error} (--wait waits for it)") from None
        patterns = self._setup.exclude
        return [each for each in found if not excluded(each.path, patterns)] if patterns else found

    def _missing(self, found: Container[str]) -> Iterator[tuple[str, str]]:
        setup = self._setup
        for key in setup.resume:
            member = setup.members.get(key)
            if key in found or (member is not None and member.kind == DIRECTORY):
                continue
            if key.startswith(SCHEME) or not wanted(os.fsencode(key), setup.paths, setup.exclude):
                continue
            try:
                os.stat(key)
            except OSError as error:
                yield key, error.strerror or str(error)

    def _unread(self, error: SourceError) -> None:
        self._note(str(error))

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _open(self, found: discover.Found, older: Sequence[str] = ()) -> AnySource:
        resume, settled = self._setup.resume.get(source_id(found.path)), self._setup.format
        if found.path == "-":
            return StdinSource(self._formats, settled)
        if found.path.startswith(SCHEME):
            from runwatch.watcher.ingest.online import OnlineSource  # here: its decoder is large

            return OnlineSource(found, resume, self._setup.online)
        if found.member.kind == DIRECTORY:
            from runwatch.watcher.ingest.directories import DirectorySource  # here: most paths are files

            return DirectorySource(found, self._pulse, resume)
        if is_packed(found.path):
            raise SourceError("compressed: it will not grow", found.path, "read it with `runwatch check`")
        log = LogSource(found, resume, self._formats, settled, older)
        self._logs.add(log)
        return log

    @property
    def pace(self) -> float:
        """Seconds between two reads of what is written line by line, at least: a batch costs more."""
        return min(SLOWEST, max(self._setup.pace, len(self._more) * PER_LOG)) if self._setup.pace else 0.0

    def appeared(self) -> list[AnySource]:
        """Return the sources that came into being since the last search; it looks now and then."""
        if not self._search or time.monotonic() - self._searched < self._pause:
            return []
        watch = Stopwatch()
        known = {source.path: source.member for source in self.sources}
        new: list[AnySource] = []
        with contextlib.suppress(SourceError):  # it was emptied: what is open continues
            for found in _joined(self._find(self._search, known=known), known):
                if found.path in known:
                    continue
                source = self._open(found)
                if found.path not in self._dropped:
                    source.arrived()
                new.append(source)
        self.sources += new
        self._more.update(source.id for source in new)
        self._others = None if new else self._others
        self._searched = time.monotonic()
        self._pause = max(RESCAN, SEARCH_REST * watch.seconds)
        return new

    def too_many(self) -> list[AnySource]:
        """Return the sources that are read no longer, since newer ones have appeared than are read at once.

        They are of runs that a search found and that were written to longest ago.
        """
        runs = _by_run(self.sources)
        left, most = len(self.sources), discover.MAX_SOURCES
        if len(runs) <= discover.MAX_RUNS and left <= most:
            return []
        roots = [os.fsencode(path) for path in self._search]
        age = {key: _written(run) for key, run in runs.items()}
        dropped: list[AnySource] = []
        for key in sorted(runs, key=age.__getitem__):
            if len(runs) <= discover.MAX_RUNS and left <= most:
                break
            if all(wanted(os.fsencode(source.path), roots) for source in runs[key]):
                dropped += runs.pop(key)
                left = len(self.sources) - len(dropped)
        gone = {source.id for source in dropped}
        self._dropped.update(source.path for source in dropped)
        self.sources = [source for source in self.sources if source.id not in gone]
        self._others = None
        for source in dropped:
            if isinstance(source, LogSource):
                self._logs.drop(source)
        return dropped

    def sweep(self, send: Send, due: Collection[str] | None = None) -> bool:
        """Read a block of each source; return whether any had something new.

        `due` are paths of logs that are worth a look; None: all. What had more than a block to
        give is looked at again in any case. Of a group whose history is long, one source is read
        after the other: so it does not depend on their lengths who of them leads.
        """
        more: set[str] = set()
        busy, growing = set[str](), set[str]()
        self.hurried, self.complete = False, True
        others = self._others if due is not None and not due else None
        for source in self.sources if others is None else others:
            group = source.member.group or source.id
            if not self._is_due(source, due):
                continue
            if group in busy:
                more.add(source.id)
                continue
            if isinstance(source, LogSource) and not self._logs.may_look(source):
                more.add(source.id)  # once others are closed
                self.complete = False
                continue
            if group in growing and source.member.kind == DIRECTORY:
                cast("DirectorySource", source).hurry()
            news = False
            try:
                news = source.step(send)
            except SourceError as error:
                send(wire.Trouble(source.id, str(error)))
            if news:
                more.add(source.id)
                self.hurried |= not isinstance(source, LogSource) or source.behind
            if isinstance(source, LogSource):
                self._logs.looked(source, news=news)
                self.complete &= not source.behind or source.left > 0
                growing.update([group] if news else ())
            if _in_history(source):
                busy.add(group)
        self._more, self.behind = more, bool(busy)
        if more or busy:
            self._others = None
        elif others is None:
            self._others = self._without_logs()
        if self._logs.note:
            self._note(self._logs.note)
        return bool(more)

    def _without_logs(self) -> list[AnySource] | None:
        """Return the sources that are no logs: a look at thousands of logs each second is work.

        None while a log has something to do without being written to.
        """
        if any(isinstance(source, LogSource) and source.owes for source in self.sources):
            return None
        return [source for source in self.sources if not isinstance(source, LogSource)]

    def _is_due(self, source: AnySource, due: Collection[str] | None) -> bool:
        if not isinstance(source, LogSource) or due is None or source.path in due or source.id in self._more:
            return True
        return _in_history(source) or source.is_resting


def _formats(setup: wire.Setup) -> tuple[Format, ...]:
    """Return the formats that a setup allows, the user's own first."""
    return in_use((own.build() for own in setup.formats), setup.format)


def _by_run(sources: Iterable[AnySource]) -> dict[str, list[AnySource]]:
    """Return the sources of each run."""
    runs: dict[str, list[AnySource]] = {}
    for source in sources:
        runs.setdefault(source.member.group or source.id, []).append(source)
    return runs


def _written(run: Iterable[AnySource]) -> float:
    """Return when a run was written to last, in Unix time; 0 if that is unknown."""
    return max(source.written() or 0.0 for source in run)


def _in_history(source: AnySource) -> bool:
    """Return whether what was there at the beginning is still being read."""
    return source.history > 0 or (isinstance(source, LogSource) and source.older is not None)


def _joined(found: Sequence[discover.Found], known: Mapping[str, Member]) -> Iterator[discover.Found]:
    """Yield what was found, each the member of its run that it is by what was `known` before (by path).

    What is known stays what it was; what is new near it joins it, under its own name
    if it was alone.
    """
    joined = {
        each.member.group: known[each.path].group or source_id(each.path)
        for each in found
        if each.path in known and each.member.group
    }
    for each in found:
        member = known.get(each.path)
        if member is None:
            member = each.member
            group = joined.get(member.group, member.group)
            before = sum(m.kind == member.kind and m.group == group for m in known.values())
            if before and member.kind in (WANDB, TENSORBOARD) and group:  # the next launch of the same run
                member = msgspec.structs.replace(member, attempt=before)
            member = msgspec.structs.replace(member, group=group)
        yield each._replace(member=member)


def watch(reader: Reader, send: Send, setup: wire.Setup) -> None:
    """Read forever: everything there is, then whatever is appended or appears."""
    from runwatch.watcher.sources.wake import BUSY, SWEEP, Waker

    for source in reader.sources:
        send(_opened(source))
    for note in reader.notes:
        send(wire.Note("", note))
    for missing, why in reader.missing:
        send(wire.Sight(missing, why, time.time()))
    stdin = any(isinstance(source, StdinSource) for source in reader.sources)
    files = [source.path for source in reader.sources if isinstance(source, LogSource)]
    sweep = setup.interval if setup.poll and setup.interval else max(SWEEP, len(files) * PER_FILE)
    reported, failed, noted, looked, began, beaten = "", 0, len(reader.notes), 0.0, 0.0, 0.0
    waker = Waker(files, poll=setup.poll, sweep=sweep, busy=max(BUSY, setup.pace))
    busy = reader.sweep(send)
    seen = waker.until if reader.complete else None
    with contextlib.closing(waker):
        while True:
            if time.monotonic() - looked >= IDLE or not busy:  # also while a log is written without a pause
                looked = time.monotonic()
                if looked - beaten >= IDLE:
                    beaten = looked
                    send(wire.Beat(seen))
                _look_for_new(reader, send, waker)
                if waker.note != reported:
                    reported = waker.note
                    send(wire.Note("", reported))
                for trouble in troubles()[failed:]:  # with formats of other packages
                    send(wire.Note("", trouble))
                failed = len(troubles())
                for note in reader.notes[noted:]:
                    send(wire.Note("", note))
                noted = len(reader.notes)
            rest = 0.0 if reader.hurried else began + reader.pace - time.monotonic()
            if rest > 0:  # lines that come one by one are taken together, also where others continue coming
                time.sleep(rest)
            due = waker.wait(0.0 if busy else 0.05 if stdin else IDLE)
            began, behind = time.monotonic(), reader.behind
            busy = reader.sweep(send, due)
            seen = waker.until if reader.complete else seen
            if behind and not reader.behind:
                give_back()


def _look_for_new(reader: Reader, send: Send, waker: Waker) -> None:
    """Read what has appeared, and no longer what there is no room for any more."""
    appeared = reader.appeared()
    for source in appeared:
        send(_opened(source))
        if isinstance(source, LogSource):
            waker.add(source.path)
    for source in reader.too_many() if appeared else ():
        send(wire.Dropped(source.id))
        waker.remove(source.path)


def _opened(source: AnySource) -> wire.Opened:
    path = os.fsencode(source.path)
    problem = source.problem if isinstance(source, LogSource) else ""
    return wire.Opened(source.id, source.name, path, source.left, source.written(), source.member, problem)


def _widen(descriptor: int) -> None:
    """Let a pipe hold more, so that we continue reading while the engine is at work."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE)


def main() -> None:
    """Run as a worker: its argument names the descriptor of the setup, messages go to standard output.

    A second one names that of a pipe at which to wait until the setup is there.
    """
    with contextlib.suppress(OSError):
        os.nice(5)
    limit = open_file_limit.raise_limit()
    gc.freeze()  # of what modules hold nothing is garbage
    if sys.argv[2:] and not called(sys.argv[2]):
        return
    setup = taken(sys.argv[1], wire.Setup)
    _widen(1)
    send = Pipe(os.dup(1), wire.encode)
    os.dup2(2, 1)  # a stray print must not break the stream
    try:
        watch(Reader(setup, lambda: send(wire.Beat()), open_file_limit.OpenLogs(limit)), send, setup)
    except SourceError as error:
        send(wire.Trouble("", str(error), fatal=True))
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # the engine is gone, and with it the reason to be


if __name__ == "__main__":
    main()
