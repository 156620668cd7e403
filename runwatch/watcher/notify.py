"""From incident changes to people: what was found live is routed and sent, history is only shown."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from runwatch.alerts.incidents import Change
from runwatch.alerts.settings import maintenance
from runwatch.alerts.silences import MOST, InMemory, Silence, Silences
from runwatch.config import Config
from runwatch.errors import ConfigError

if TYPE_CHECKING:
    from runwatch.alerts.grouping import Alert
    from runwatch.alerts.journal import Journal
    from runwatch.alerts.outbox import Outbox
    from runwatch.alerts.routing import Router
    from runwatch.watcher.engine import Engine

TREND_POINTS = 48
STATE_VARIABLE = "RUNWATCH_STATE"


class Notifier:
    """Hands changes to the configured channels; without one it does nothing."""

    def __init__(
        self,
        config: Config,
        notice: Callable[[str], None],
        engine: Engine | None = None,
        *,
        silences: Silences | None = None,
        epoch: str = "",
    ) -> None:
        """`engine` is asked for the last good checkpoint and the trend of a metric, if it is given.

        `silences` keeps silences; left out, they end with the process. `epoch` names a fold that the
        next process goes on with: changes that it submits again are known. Left out, the fold
        ends with this process.
        """
        self._engine, self._notice, self._epoch = engine, notice, epoch
        self._silences: Silences = InMemory() if silences is None else silences
        self._windows = maintenance(config.maintenance)
        self._changed = threading.Condition()
        self._closed = False
        self._outbox: Outbox | None = None
        if config.everyone():
            self._router, self._outbox = self._open(config)
            self._timer = threading.Thread(target=self._keep_time, name="routing", daemon=True)
            self._timer.start()

    def submit(self, change: Change) -> None:
        """Take a change; what is due at once is on its way when this returns. Waits for no channel."""
        if self._outbox is None or not change.send:
            return
        now = time.time()
        alert = self._alert(change, now)
        with self._changed:
            self._router.take(alert, now)
            self._flush(now)
            self._changed.notify()

    def silence(self, silence: Silence) -> None:
        """Let a silence hold. Raises ValueError if there are too many."""
        with self._changed:
            kept = {one.id: one for one in self._current(time.time())}
            if silence.id not in kept and len(kept) >= MOST:
                raise ValueError(f"there are {MOST} silences already")
            self._silences.put_silence(silence)
            self._mute(time.time())

    def unsilence(self, silence_id: str) -> bool:
        """End a silence; what it kept back and still fires is told. Return False if there is none."""
        with self._changed:
            dropped = self._silences.drop_silence(silence_id)
            self._mute(time.time())
        return dropped

    def silences(self) -> list[Silence]:
        """Return those that hold or will, the one that ends first first."""
        with self._changed:
            return self._current(time.time())

    def close(self) -> None:
        """Deliver what can be delivered in a few seconds; the rest is kept for the next process."""
        if self._outbox is None:
            return
        with self._changed:
            self._closed = True
            now = time.time()
            self._router.hurry(now)
            self._flush(now)
            self._router.forget()
            self._outbox.post((), self._router.changes())
            self._changed.notify()
        self._timer.join()
        self._outbox.close()

    # -- inside ----------------------------------------------------------------------------------

    def _open(self, config: Config) -> tuple[Router, Outbox]:
        from runwatch.alerts.channels.build import build
        from runwatch.alerts.outbox import Outbox
        from runwatch.alerts.queue import Queue
        from runwatch.alerts.routing import Router
        from runwatch.alerts.settings import policy

        channels = []
        for name, given in config.everyone().items():
            try:
                channels.append(build(name, given))
            except ConfigError as error:  # the others go on
                self._notice(f"channel {name} is off: {error}")
        journal = open_journal(self._notice)
        outbox = Outbox(
            channels,
            self._notice,
            queue=lambda: Queue(keep_trying=config.routing.give_up_after),
            journal=journal,
        )
        named = {"slack": config.slack, **config.channels}
        rules = policy(config.routing, named)
        router = Router(rules, epoch=self._epoch or os.urandom(6).hex(), lasting=bool(self._epoch))
        now = time.time()
        router.mute((*self._windows, *self._current(now)), now)
        router.resume(journal.routing(), now)
        return router, outbox

    def _current(self, now: float) -> list[Silence]:
        """Return the silences that are not over, and forget the others."""
        kept = []
        for silence in self._silences.silences():
            if silence.ends > now:
                kept.append(silence)
            else:
                self._silences.drop_silence(silence.id)
        return sorted(kept, key=lambda silence: silence.ends)

    def _mute(self, now: float) -> None:
        """Tell routing what holds. The lock is held."""
        if self._outbox is not None:
            self._router.mute((*self._windows, *self._current(now)), now)
            self._flush(now)
            self._changed.notify()

    def _flush(self, now: float) -> None:
        """Hand on what is due, and keep routing's state with it. The lock is held."""
        assert self._outbox is not None
        due = self._router.due()
        messages = self._router.flush(now) if due is not None and due <= now else []
        self._outbox.post(messages, self._router.changes())

    def _keep_time(self) -> None:
        """Speak for groups whose time has come."""
        with self._changed:
            while not self._closed:
                due = self._router.due()
                wait = None if due is None else min(3600.0, due - time.time())
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                else:
                    self._flush(time.time())

    def _alert(self, change: Change, now: float) -> Alert:
        from runwatch.alerts.grouping import Alert

        checkpoint: int | None = None
        trend: tuple[float, ...] = ()
        if self._engine is not None and change.kind != "resolved":
            checkpoint, trend = about(self._engine, change)
        return Alert(change.row, socket.gethostname(), now, checkpoint, trend, change.number, change.late)


def about(engine: Engine, change: Change) -> tuple[int | None, tuple[float, ...]]:
    """Return the last good checkpoint of a change's run, and the newest values of its metric."""
    for _, watched in engine.runs():
        if watched.run.id == change.run:
            good = watched.run.checkpoints.summary().last_good
            series = watched.run.series.get(change.row.metric or "")
            trend = () if series is None else tuple(float(value) for value in series.tail(TREND_POINTS))
            return (None if good is None else good.at), trend
    return None, ()


def state_directory() -> Path:
    """Return where undelivered messages are kept: $RUNWATCH_STATE, or the user's state directory."""
    import platformdirs

    named = os.environ.get(STATE_VARIABLE)
    return Path(named) if named else platformdirs.user_state_path("runwatch")


def open_journal(notice: Callable[[str], None]) -> Journal:
    """Open this process's journal. One that cannot be used is told, and delivery goes on in memory."""
    from runwatch.alerts.journal import Journal
    from runwatch.watcher.sources.mounts import events_reliable, mount_of

    directory = state_directory() / "outbox"
    local = events_reliable(mount_of(str(directory)).fstype)
    if not local:  # SQLite's write-ahead log needs shared memory, which no network file system has
        notice(f"undelivered alerts are kept on a network file system: {directory}: set ${STATE_VARIABLE}")
    return Journal(directory, notice, wal=local)
