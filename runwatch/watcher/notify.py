"""From incident changes to people: what was found live is routed and sent, history is only shown."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from runwatch.alerts.incidents import Change
from runwatch.config import Config
from runwatch.errors import ConfigError

if TYPE_CHECKING:
    from runwatch.alerts.journal import Journal
    from runwatch.alerts.outbox import Outbox
    from runwatch.alerts.routing import Alert, Router
    from runwatch.watcher.engine import Engine

TREND_POINTS = 48
TAKEN = "taken/"
"""What begins the keys under which the journal keeps the ids of changes that were submitted."""
MOST_TAKEN = 2000
STATE_VARIABLE = "RUNWATCH_STATE"


class Notifier:
    """Hands changes to the configured channels; without one it does nothing."""

    def __init__(
        self,
        config: Config,
        notice: Callable[[str], None],
        engine: Engine | None = None,
        *,
        ledger: str = "",
    ) -> None:
        """`engine` is asked for the last good checkpoint and the trend of a metric, if it is given.

        `ledger` names the state that outlives this process, if there is one. A change that was
        submitted under it is not taken again, and what people were told is not forgotten at the end.
        """
        self._engine, self._notice, self._ledger = engine, notice, ledger
        self._taken: dict[str, None] = {}
        """Ids of the newest changes that were submitted."""
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
            if change.id in self._taken:
                return
            self._router.take(alert, now)
            self._flush(now, self._take(change.id))
            self._changed.notify()

    def close(self) -> None:
        """Deliver what can be delivered in a few seconds; the rest is kept for the next process."""
        if self._outbox is None:
            return
        with self._changed:
            self._closed = True
            now = time.time()
            self._router.hurry(now)
            self._flush(now)
            if not self._ledger:
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
        router = Router(rules, epoch=os.urandom(6).hex())
        saved = journal.routing()
        head = f"{TAKEN}{self._ledger}/"
        self._taken = {key[len(head) :]: None for key in saved if self._ledger and key.startswith(head)}
        router.resume(
            {key: body for key, body in saved.items() if not key.startswith(head)},
            time.time(),
            self._open_ones(),
        )
        return router, outbox

    def _open_ones(self) -> set[str]:
        """Return the incidents whose end will be told: those of runs that were restored."""
        runs = self._engine.runs() if self._engine is not None and self._ledger else ()
        rows = (row for _, watched in runs for row in watched.incidents.every())
        return {row.id for row in rows if row.state != "resolved"}

    def _take(self, change: str) -> dict[str, bytes | None]:
        """Note that a change was submitted; return what to keep of that."""
        if not self._ledger:
            return {}
        head = f"{TAKEN}{self._ledger}/"
        self._taken[change] = None
        old = list(self._taken)[:-MOST_TAKEN]
        for key in old:
            del self._taken[key]
        return {head + change: b"", **{head + key: None for key in old}}

    def _flush(self, now: float, kept: Mapping[str, bytes | None] | None = None) -> None:
        """Hand on what is due, and keep routing's state and `kept` with it. The lock is held."""
        assert self._outbox is not None
        due = self._router.due()
        messages = self._router.flush(now) if due is not None and due <= now else []
        self._outbox.post(messages, {**self._router.changes(), **(kept or {})})

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
        from runwatch.alerts.routing import Alert

        checkpoint: int | None = None
        trend: tuple[float, ...] = ()
        if self._engine is not None and change.kind != "resolved":
            checkpoint, trend = about(self._engine, change)
        return Alert(change.row, socket.gethostname(), now, checkpoint, trend, late=change.late)


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
