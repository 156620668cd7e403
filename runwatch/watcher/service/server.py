"""The engine process: workers in, clients out, the fold between them.

One event loop, no thread of its own; nothing here touches a watched path.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from runwatch.alerts.incidents.incidents import Change
from runwatch.alerts.routing.silences import InMemory, Silences
from runwatch.config.loader import Config, load
from runwatch.config.sections import ReportsConfig
from runwatch.core import sample
from runwatch.core.errors import UsageError
from runwatch.core.notice import Notice
from runwatch.core.redaction import redact
from runwatch.core.series import FULL, LEAN
from runwatch.watcher import protocol
from runwatch.watcher.engine import stacks
from runwatch.watcher.engine.attention import CALM, Attention, goes_on, newest
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.views import views
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.prewarmed_worker import PrewarmedWorker
from runwatch.watcher.ingest.readers import Readers
from runwatch.watcher.persistence.keeper import Keeper
from runwatch.watcher.processes.memory import give_back
from runwatch.watcher.recordings.recorder import Recorder
from runwatch.watcher.samplers import sampler
from runwatch.watcher.service.clients import Clients
from runwatch.watcher.service.clock import Clock
from runwatch.watcher.service.connection import CHUNK
from runwatch.watcher.service.frames import SAME, Frames
from runwatch.watcher.service.intake import Intake
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.notices import Notices
from runwatch.watcher.service.notify import Notifier
from runwatch.watcher.service.run_reports import RunReports
from runwatch.watcher.service.sampling import Samplers
from runwatch.watcher.service.unread_ends import UnreadEnds
from runwatch.watcher.service.watchlist import Watchlist

if TYPE_CHECKING:
    from runwatch.watcher.persistence.store import Store

UNKNOWN_AFTER = 3.0
"""Seconds after which logs without a run are reported to hold none yet."""
TICK = 1.0
"""Seconds between looks at the clock."""
SPELL = 0.25
"""Seconds a round spends on what silence says of groups, about; the others come first in the next."""
PER_GROUP = 0.005
"""Seconds for each group between two looks for those whose machine is worth sampling."""
FEW = 16
"""Groups judged before clients and workers get their turn."""


class Server:
    """Folds what the workers send and serves what clients show."""

    def __init__(
        self,
        assignment: Assignment,
        report: Callable[[str, str], object] = lambda kind, text: None,
        prewarmed: PrewarmedWorker | None = None,
        ours: Callable[[], bool] = lambda: True,
    ) -> None:
        """Make ready to `run`; `report` takes a kind of news and a line, for a log. Raises ConfigError.

        `ours` returns whether no other daemon took our place; one that did alerts people from then on.
        """
        self._loop = asyncio.get_running_loop()
        self._sought_next = 0.0
        """When to look again for groups whose machine is sampled, on the monotonic clock."""
        self._settling: asyncio.TimerHandle | None = None
        """When memory may be given back, if that is due."""
        self._ours = ours
        self.assignment, self._report = assignment, report
        remarks: list[str] = []
        self.config = self._load(remarks)
        self._watchlist = Watchlist(assignment, self.config)
        detail = FULL if assignment.private else LEAN
        self.engine = Engine(self.config.ruleset(), self.config.sources.order, detail)
        self.engine.deadline = assignment.deadline
        self.engine.belong_to(self.config.metrics.job)
        self.clock = Clock()
        self._judged = 0.0
        """Unix time as of which silence was judged last."""
        self.since = self.clock.now
        self._notices = Notices()
        self.clients = Clients(self)
        self.fatal: str | None = None
        self.stopped = asyncio.Event()
        self.beat: Callable[[], object] = lambda: None
        """Called after each look at the clock: the loop is well."""
        self._attention = Attention(0.0 if assignment.private else CALM)
        self._frames = Frames()
        self._recorder = self._record()
        self.store = self._open_store()
        self.keeper = Keeper(self.store, self.engine, self.notice)
        owed = self.keeper.restore(self.paths, self.since)
        self._intake = Intake(self.engine, self.keeper, self)
        self.opened, self.any_read = self._intake.opened, self._intake.any_read
        self.shown, self.load = self._intake.shown, self._intake.load
        self._silences: Silences = self.store or InMemory()
        self._reports = self._open_reports()
        self.notifier = self._notify()
        every = sampler.EVERY if assignment.private else sampler.CALM
        self._ends = UnreadEnds()
        self._samplers = Samplers(self.sampled, self.notice, assignment.pids, every)
        self._readers = Readers(
            self.receive,
            self.notice,
            self.give_up,
            patient=not assignment.private,
            known=self.keeper.ready,
            prewarmed=prewarmed,
        )
        if not assignment.private:
            self.opened.set()
        self._hand(owed)
        self.changed(self.engine.retired())  # a rule may have been switched off meanwhile
        for remark in remarks:
            self.notice(remark)

    async def run(self) -> None:
        """Work until asked to stop."""
        self._read()
        ticking = asyncio.create_task(self._tick())
        await self.stopped.wait()
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        await self._readers.stop()
        await self._samplers.stop()
        await self._reports.stop()
        self.clients.close()
        try:
            await asyncio.to_thread(self.notifier.close)
        except RuntimeError:  # no memory is left for a thread
            self.notifier.close()
        self.keeper.close()
        if self._recorder is not None:
            self._recorder.close()

    async def serve(self, sock: socket.socket) -> None:
        """Serve the one client of a private engine, and end with it."""
        reader, writer = await asyncio.open_connection(sock=sock, limit=CHUNK)
        try:
            await self.clients.admit(reader, writer)
        finally:
            self.stopped.set()

    # -- what is watched -------------------------------------------------------------------------

    @property
    def paths(self) -> tuple[bytes, ...]:
        """What is watched."""
        return self._watchlist.paths

    def add(self, paths: Sequence[bytes]) -> str:
        """Watch these too; return what was done, in words. Raises ValueError."""
        done = self._watchlist.add(paths)
        self._read()
        return done

    def drop(self, paths: Sequence[bytes]) -> str:
        """Watch these no longer, and forget their runs; return what was done, in words. Raises ValueError."""
        done = self._watchlist.drop(paths)
        self._read()
        self._notices.clear()
        return done

    def _read(self) -> None:
        """Have the workers read what is to be watched, and forget what is not."""
        setup = self._watchlist.setup()
        self._readers.want(self.paths, setup)
        self._intake.keep(self.paths, setup.exclude)
        self.keeper.roots = self.paths

    @property
    def connected(self) -> int:
        """How many clients there are."""
        return len(self.clients.connections)

    def reload(self) -> str:
        """Read the configuration again; return what was done. Raises ConfigError, changing nothing."""
        remarks: list[str] = []
        config = self._load(remarks)
        self._watchlist.check(config)
        self.engine.configure(config.ruleset())  # the last that can fail
        self._watchlist.use(config)
        self.engine.belong_to(config.metrics.job)
        self.engine.prefer(config.sources.order)
        if self.store is not None:
            self.store.limit(config.state.keep_days, config.state.max_mb)
        before, self.config = self.config, config
        if before.reports != config.reports:
            self._reports.use(config.reports, config.path)
        if before.notifying != config.notifying:
            self.notifier.close(0.0)  # first: the next one takes over what this one has reported
            self.notifier = self._notify()
        self.changed(self.engine.retired())
        self._read()
        self._notices.clear()
        for remark in remarks:
            self.notice(remark)
        return f"configuration: {config.path or 'none, the defaults'}"

    def _load(self, remarks: list[str]) -> Config:
        """Return the configuration; what people should know about its file is added to `remarks`."""
        assignment = self.assignment
        return load(assignment.config_path, found=assignment.config_found, report=remarks.append)

    def _notify(self) -> Notifier:
        return Notifier(
            self.config,
            self._notice_from_thread,
            self.engine,
            silences=self._silences,
            epoch=self.store.epoch if self.store is not None else "",
            report=self._reports.place,
        )

    def _open_reports(self) -> RunReports:
        """Return what writes reports; a private engine, which ends with its screen, writes none."""
        config = ReportsConfig() if self.assignment.private else self.config.reports
        return RunReports(config, self.assignment.state_path, self.config.path, self.notice, self._attach)

    def _attach(self, run_id: str, name: str, file: str, key: str) -> None:
        """Have the report of a run uploaded where that is wanted."""
        self.notifier.attach(run_id, name, file, key, self.clock.time())

    def _record(self) -> Recorder | None:
        """Return what records the watch, if that is wanted. Raises UsageError where it cannot be written."""
        path = os.fsdecode(self.assignment.record)
        if not path:
            return None
        try:
            return Recorder(path, self.since, self.notice, self.assignment.format)
        except OSError as error:
            raise UsageError("cannot record", path, error.strerror or str(error)) from error

    def _open_store(self) -> Store | None:
        """Return what keeps a daemon's state; a private engine's ends with it."""
        if self.assignment.private or not self.assignment.state:
            return None
        from runwatch.watcher.persistence.store import Store

        limits = self.config.state
        where = self.assignment.state_path
        return Store(where, self.notice, keep_days=limits.keep_days, max_mb=limits.max_mb, ours=self._ours)

    # -- what workers say ------------------------------------------------------------------------

    def receive(self, message: wire.Message) -> None:
        """Take one message of a worker."""
        self._look_for_a_jump()
        now = self.clock.time()
        if isinstance(message, wire.Read | wire.Provisional) and message.live and not message.late:
            message = msgspec.structs.replace(message, arrival=self.clock.noted(message.arrival))
        if self._recorder is not None:
            self._recorder.took(message, now)
        self._intake.receive(message, now)
        if isinstance(message, wire.Beat):
            self._end()

    def sampled(self, group: str, message: sample.Message) -> None:
        """Take what is said of the machine under a group, ends once all is read that preceded them."""
        self._look_for_a_jump()
        if not self._ends.holds(group, message, self._readers.seen(self.clock.time())):
            self._take_sample(group, message)

    def _end(self) -> None:
        """Take the ends of processes whose last lines have been read."""
        for group, event in self._ends.due(self._readers.seen(self.clock.time())):
            if group in self.engine.groups:
                self._take_sample(group, event)

    def _take_sample(self, group: str, message: sample.Message) -> None:
        """Take what is said of the machine: part of the next picture; events wake at once."""
        if self._recorder is not None:
            self._recorder.sampled(group, message, self.clock.time())
        try:
            self.changed(self.engine.sample(group, message))
        except Exception as error:  # as for the batches of a log
            self.notice(f"a machine sample could not be processed: {type(error).__name__}: {error}")
        if not isinstance(message, sample.Sample):
            self.wake()

    def found(self, source: str, group: str) -> None:
        """Take note of a new source, and the name of its group."""
        self._report("source", f"{source} ({group})")

    def forgotten(self, group_id: str) -> None:
        """Take note that a group is watched no longer."""
        self._attention.forget(group_id)

    def whole(self) -> None:
        """Take note that the last of a group's history is in."""
        self.wake(at_once=True)
        if self._settling is None:
            self._settling = self._loop.call_later(SAME, self._settle)

    def _settle(self) -> None:
        """Give memory back once all of the history is in, behind the picture that is waited for."""
        self._settling = None
        if not any(shown.left for shown in self.shown.values()):
            give_back()

    def give_up(self, why: str) -> None:
        """Take note that a worker found nothing to watch; if nobody else does, that is the end."""
        if self.opened.is_set():
            self.notice(why)
        else:
            self.fatal = why
            self.opened.set()

    # -- what people and clients receive -----------------------------------------------------------

    def changed(self, changes: Iterable[Change]) -> None:
        """Pass incident changes on to people and clients, and troubles to clients."""
        while self.engine.troubles:
            self.notice(self.engine.troubles.pop())
        changes = list(changes)
        mine = self._ours() if any(change.send for change in changes) else True
        self.keeper.before(changes)
        if mine:
            self._hand(changes)
        else:
            self.stopped.set()
        for change in changes:
            if (closer := stacks.wanted(self.engine, change)) is not None:
                self._samplers.look_closer(*closer)
            if change.send:
                row = change.row
                self._report("incident", f"{change.kind} {row.severity} {row.run}: {row.rule}: {row.title}")
            self.clients.incident(change)

    def _hand(self, changes: Iterable[Change]) -> None:
        """Hand changes that were committed to delivery."""
        for change in changes:
            self.notifier.submit(change)
            self.keeper.handed((change,))

    def _notice_from_thread(self, text: str) -> None:
        """Take a notice from an outbox's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: no receiver is left
            self._loop.call_soon_threadsafe(self.notice, text)

    def notice(self, text: str) -> None:
        """Send clients something about runwatch itself."""
        text = Notice(redact(text), text.about if isinstance(text, Notice) else "")
        if self._notices.add(text):
            self._spread(str(text))

    def _spread(self, notice: str) -> None:
        self._report("notice", notice)
        self.clients.notice(notice)
        self.wake()

    @property
    def notices(self) -> tuple[str, ...]:
        """What people should know about runwatch itself."""
        return self._notices.texts()

    def wake(self, *, at_once: bool = False) -> None:
        """Let every client know that there is something new."""
        self._frames.forget()
        self.clients.wake(at_once=at_once)

    def picture(self, view: protocol.View, now: float) -> bytes:
        """Return the frame for a view, encoded."""
        silences = self.notifier.silences()
        return self._frames.frame(tuple(self.shown.values()), view, now, self.notices, silences)

    def control(self, action: str, amount: float) -> str:
        """Refuse: what is watched cannot be played otherwise. Raises ValueError."""
        raise ValueError("this is no replay: runwatch replay FILE plays a finished run")

    def leave(self) -> None:
        """End once the answer is on its way. Raises ValueError."""
        if self.assignment.private:
            raise ValueError("this engine ends with its only client")
        self._loop.call_later(0.05, self.stopped.set)

    # -- the passing of time ---------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                await self._look_at_the_clock()
            except Exception as error:  # whatever it was, watching must continue
                self.notice(f"a check of the clock failed: {type(error).__name__}: {error}")
            self.beat()

    async def _look_at_the_clock(self) -> None:
        self._look_for_a_jump(TICK)
        self._end()
        now = self.clock.now
        unknown = views.unrecognized(self.shown.values(), now, UNKNOWN_AFTER)
        if self._notices.set_present(unknown):
            self._spread(unknown)
        self._sample(now)
        read = [item.group for item in self.shown.values() if not item.left]
        judged = [item.group for item in self.shown.values() if not item.left or item.group.lost]
        await self._judge(judged, now)
        self.changed(self.keeper.settled({group.id for group in read}))
        self.keeper.tick()
        self._reports.tick(read, now)
        try:
            self.notifier.tick(now, {group.id for group in read})
        except Exception as error:  # notices are not worth the clock
            self.notice(f"runs could not be checked: {type(error).__name__}: {error}")
        self.wake()

    def _look_for_a_jump(self, expected: float | None = None) -> None:
        """Move the times of runs with the clock, before anything is noted by it."""
        jump = self.clock.look(expected)
        if not jump:
            return
        self.engine.shift(jump)
        self._judged = 0.0
        if self._recorder is not None:
            self._recorder.jumped(self.clock.now, jump)
        self._attention.reset()
        self._report("clock", f"the clock jumped by {jump:+.0f} s, or the machine slept")

    def _sample(self, now: float) -> None:
        """Sample the machine under the groups that continue; among many they are sought more rarely."""
        if time.monotonic() < self._sought_next:
            return
        self._sought_next = time.monotonic() + PER_GROUP * len(self._intake.places)
        groups = newest(self.engine.groups[group] for group in self._intake.places)
        alive = [group.id for group in groups if self.assignment.private or goes_on(group, now)]
        self._samplers.want({group: self._intake.places[group].values() for group in alive})

    async def _judge(self, groups: Iterable[Group], now: float) -> None:
        """Judge what silence says of groups, those that wait for longest first, as far as time allows.

        What was written lately may not have been read yet: then they are judged as of the time before that.
        """
        now = self._judged = max(self._judged, self._readers.seen(now))
        due = self._attention.due(groups, now)
        until = time.monotonic() + SPELL
        for first in range(0, len(due), FEW):
            here = [group for group in due[first : first + FEW] if group.id in self.engine.groups]
            for group in here:
                self._attention.judged(group, now)
            ids = [group.id for group in here]
            if self._recorder is not None:
                self._recorder.ticked(now, ids)
            self.changed(self.keeper.late(self.engine.tick(now, ids)))
            if time.monotonic() > until:
                return
            await asyncio.sleep(0)
