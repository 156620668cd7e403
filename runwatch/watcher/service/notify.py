"""From incident changes to people: what was found live is routed and sent, history is only shown."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from runwatch.alerts.delivery.message import severity
from runwatch.alerts.incidents.incidents import Change
from runwatch.alerts.routing.silences import MOST, InMemory, Silence, Silences, muted
from runwatch.alerts.settings import Mode, actions, maintenance
from runwatch.config.loader import Config
from runwatch.core.errors import ConfigError
from runwatch.core.text import quoted_path
from runwatch.watcher.engine.views.surroundings import Surroundings, around, looks, processes, threads
from runwatch.watcher.service.sockets import STATE_VARIABLE, state_directory

if TYPE_CHECKING:
    from runwatch.alerts.channels.alertmanager import Pusher
    from runwatch.alerts.delivery.actions import Actions, Waiting
    from runwatch.alerts.delivery.journal import Journal
    from runwatch.alerts.delivery.outbox import Outbox
    from runwatch.alerts.delivery.run_notices import Lifecycle
    from runwatch.alerts.routing.grouping import Alert
    from runwatch.alerts.routing.notification import Notification
    from runwatch.watcher.engine.engine import Engine


class Notifier:
    """Hands changes to the configured channels; where nothing is configured it does nothing."""

    def __init__(
        self,
        config: Config,
        notice: Callable[[str], None],
        engine: Engine | None = None,
        *,
        silences: Silences | None = None,
        epoch: str = "",
        report: Callable[[str, str], str] = lambda run_id, name: "",
    ) -> None:
        """`engine` is asked about runs, if it is given.

        `silences` keeps silences; left out, they end with the process. `epoch` names a fold that the
        next process continues with: changes that it submits again are known. Left out, the fold
        ends with this process. `report` returns where the report of a run is written when it ends.
        """
        self._report = report
        self._uploads: list[str] = []
        self._engine, self._notice, self._lasting = engine, notice, bool(epoch)
        self._epoch = epoch or os.urandom(6).hex()
        self._host = socket.gethostname()
        self._silences: Silences = InMemory() if silences is None else silences
        self._windows = maintenance(config.maintenance)
        self._mode = config.alerts.mode
        self._fallen = False  # no Alertmanager can be reached
        self._changed = threading.Condition()
        self._closed = False
        self._digest_due = 0.0
        self._held: list[Notification] = []  # notices that wait for the end of quiet hours
        self._begun: Counter[str] = Counter()  # severity -> incidents since the last digest
        self.channels = {name: name for name in config.everyone()}
        """Name of a channel -> the name as people see it, which says so if the channel is off."""
        self._outbox: Outbox | None = None
        self._pusher: Pusher | None = None
        self._actions: Actions | None = None
        self._lifecycle: Lifecycle | None = None
        if config.everyone() or config.actions or self._mode is Mode.ALERTMANAGER:
            self._open(config)
            self._timer = threading.Thread(target=self._keep_time, name="routing", daemon=True)
            self._timer.start()

    def submit(self, change: Change) -> None:
        """Take a change; what is due at once is on its way when this returns. Waits for no channel."""
        if self._outbox is None or not change.send:
            return
        now = time.time()
        alert = self._alert(change, now)
        if change.kind == "firing":
            self._begun[change.row.severity] += 1
        with self._changed:
            if self._pusher is not None:
                self._outbox.post((), self._pusher.take(alert, now))
            # Without an Alertmanager we inform people; who received the begin receives the end too.
            if self._mode is Mode.LOCAL or self._fallen or not alert.firing:
                self._router.take(alert, now)
            self._flush(now)
            silent = alert.row.state == "firing" and self._muted(alert, now) > 0
            if self._actions is not None and not silent and change.kind != "eased":
                for waiting in self._actions.take(alert, now, lambda: processes(self._engine, change)):
                    self._announce(waiting, now)
            self._changed.notify()

    def tick(self, now: float, read: Iterable[str] | None = None) -> None:
        """Look at how the runs are, for notices that they began or ended. Called where the engine lives.

        `read` are the groups whose history is read to its end; left out, all are.
        """
        if self._outbox is None:
            return
        self._outbox.look()
        if self._lifecycle is None or self._engine is None:
            return
        every = looks(self._engine, now, self._look)
        every = [msgspec.structs.replace(each, report=self._report(each.id, each.name)) for each in every]
        fresh = self._lifecycle.fold(every, now, self._engine.groups if read is None else read)
        self._held += [reported for reported in fresh if not self._hushed(reported, now)]
        quiet = self._router.policy.quiet
        if quiet is not None and quiet.left(now) > 0:
            due = [
                reported for reported in self._held if severity(reported.incident).rank >= quiet.override.rank
            ]
        else:
            due = self._held
        self._held = [reported for reported in self._held if reported not in due]
        posts = [
            (name, reported)
            for reported in due
            for name in (self._uploads if reported.attachment else self._reported_runs)
        ]
        if self._digests and now >= self._digest_due:
            from runwatch.alerts.delivery.run_notices import daily, next_digest

            self._digest_due = next_digest(self._digest_minute, now)
            reported = daily(self._epoch, self._host, every, self._begun, now)
            posts += [(name, reported) for name in self._digests]
            self._begun.clear()
        self._outbox.post(posts, self._lifecycle.changes())

    def queued(self) -> int:
        """Return how many messages wait to be delivered."""
        return 0 if self._outbox is None else self._outbox.left()

    def attach(self, run_id: str, name: str, file: str, key: str, now: float) -> None:
        """Have channels upload the report of a run that ended; `key` names that end.

        It goes where the message about the end is, else below an incident of the run.
        """
        if self._lifecycle is None or not self._uploads:
            return
        place = self._report(run_id, name)
        reported = self._lifecycle.report(run_id, name, file, place, key, now)
        incidents = threads(self._engine, run_id) if self._engine is not None else ()
        end = self._lifecycle.end(run_id)
        below = (*([end] if end else []), *map(reported.thread, incidents))
        if not self._hushed(reported, now):
            self._held.append(msgspec.structs.replace(reported, below=below))

    def silence(self, silence: Silence) -> None:
        """Let a silence hold. Raises ValueError if there are too many."""
        with self._changed:
            kept = {one.id: one for one in self._current(time.time())}
            if silence.id not in kept and len(kept) >= MOST:
                raise ValueError(f"there are {MOST} silences already")
            self._silences.put_silence(silence)
            self._mute(time.time())

    def unsilence(self, silence_id: str) -> bool:
        """End a silence; what it kept back and still fires is reported. Return False if there is none."""
        with self._changed:
            dropped = self._silences.drop_silence(silence_id)
            self._mute(time.time())
        return dropped

    def silences(self) -> list[Silence]:
        """Return those that hold or will, the one that ends first first."""
        with self._changed:
            return self._current(time.time())

    def waiting(self) -> list[Waiting]:
        """Return the actions that will be done unless somebody stops them, the next first."""
        with self._changed:
            return [] if self._actions is None else self._actions.waiting()

    def cancel(self, waiting_id: str, author: str = "") -> bool:
        """Stop an action; return False if none of that id waits."""
        why = f"cancelled by {author}" if author else "cancelled"
        with self._changed:
            return self._actions is not None and self._actions.cancel(waiting_id, why)

    def close(self, seconds: float = 5.0) -> None:
        """Deliver what can be delivered in a few seconds; the rest is kept for the next process.

        With 0 seconds nothing is hurried: another notifier of the same fold continues at once.
        """
        if self._outbox is None:
            return
        with self._changed:
            self._closed = True
            now = time.time()
            if self._actions is not None:
                self._actions.close()
            if seconds > 0:
                self._router.hurry(now)
            self._flush(now)
            self._router.forget()
            self._outbox.post((), self._router.changes())
            self._changed.notify()
        self._timer.join()
        if self._pusher is not None:
            self._pusher.close(seconds)
        self._outbox.close(seconds)

    # -- inside ----------------------------------------------------------------------------------

    def _open(self, config: Config) -> None:
        from runwatch.alerts.channels.build import build
        from runwatch.alerts.delivery.outbox import Outbox
        from runwatch.alerts.delivery.queue import Queue
        from runwatch.alerts.routing.router import Router
        from runwatch.alerts.settings import policy

        journal = open_journal(self._notice)
        channels = []
        for name, given in config.everyone().items():
            try:
                channels.append(build(name, given, journal, config.messages.wording()))
            except ConfigError as error:  # the others continue
                self._notice(f"channel {name} is off: {error}")
                self.channels[name] = f"{name} (off)"
        saved, now = journal.routing(), time.time()
        self._outbox = Outbox(
            channels,
            self._notice,
            queue=lambda: Queue(keep_trying=config.routing.give_up_after),
            journal=journal,
        )
        rules = policy(config.routing, {"slack": config.slack, **config.channels})
        self._router = Router(rules, epoch=self._epoch, lasting=self._lasting)
        self._router.mute((*self._windows, *self._current(now)), now)
        self._router.resume(saved, now)
        if not self._lasting:  # what others kept of their own runs is of no use here
            self._outbox.post((), {key: None for key in saved if key.startswith(("run/", "pushed/"))})
            saved = {}
        self._open_lifecycle(config, saved, now)
        self._open_pager(config, saved)
        if config.actions:
            from runwatch.alerts.delivery.actions import Actions, Trail

            trail = Trail(state_directory() / "actions.jsonl")
            self._actions = Actions(actions(config.actions), trail, notice=self._notice)

    def _open_lifecycle(self, config: Config, saved: Mapping[str, bytes], now: float) -> None:
        everyone = config.everyone().items()
        self._reported_runs = [name for name, channel in everyone if channel.lifecycle]
        self._digests = [name for name, channel in everyone if channel.digest]
        self._uploads = [name for name, channel in everyone if channel.uploads()]
        if self._uploads and not config.reports.enabled:
            self._notice(f"channel {self._uploads[0]} uploads reports, but [reports] enabled is false")
        if self._reported_runs or self._digests or self._uploads:
            from runwatch.alerts.delivery.run_notices import Lifecycle, next_digest

            self._lifecycle = Lifecycle(self._epoch, self._host, saved)
            self._digest_minute = config.alerts.minute()
            self._digest_due = next_digest(self._digest_minute, now)

    def _open_pager(self, config: Config, saved: Mapping[str, bytes]) -> None:
        if self._mode is Mode.ALERTMANAGER:
            from runwatch.alerts.channels.alertmanager import PushedAlerts, Pusher

            self._pusher = Pusher(
                config.alerts.peers,
                config.alerts.token.reveal(),
                PushedAlerts(saved),
                notice=self._notice,
                fallen=self._fall,
                muted=self._muted,
                patience=config.alerts.fallback,
            )

    def _fall(self, fallen: bool) -> None:
        """Send people what fires while no Alertmanager can be reached. Called in the pusher's thread."""
        assert self._pusher is not None
        now, firing = time.time(), self._pusher.firing()
        with self._changed:
            self._fallen = fallen
            for alert in firing if fallen else ():
                self._router.take(alert, now)
            self._flush(now)
            self._changed.notify()

    def _muted(self, alert: Alert, now: float) -> float:
        return muted(alert.labels(), self._mutes, now)

    def _hushed(self, notice: Notification, now: float) -> bool:
        """Whether a notice about a run is silenced: it has no end for which it could wait."""
        row = notice.incident
        labels = {"run": row.run, "rule": row.rule, "severity": row.severity, "host": notice.host}
        return muted(labels, self._mutes, now) > 0

    def _current(self, now: float) -> list[Silence]:
        """Return the silences that are not over, and forget the others."""
        kept = []
        for silence in self._silences.silences():
            if silence.ends > now:
                kept.append(silence)
            else:
                self._silences.drop_silence(silence.id)
        self._mutes = (*self._windows, *kept)
        return sorted(kept, key=lambda silence: silence.ends)

    def _mute(self, now: float) -> None:
        """Give routing what holds. The lock is held."""
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
        if self._actions is not None:
            self._actions.flush(now, self._muted)

    def _keep_time(self) -> None:
        """Speak for groups whose time has come, and do what was not stopped in time."""
        with self._changed:
            while not self._closed:
                acts = None if self._actions is None else self._actions.due()
                times = [due for due in (self._router.due(), acts) if due is not None]
                wait = min(3600.0, min(times) - time.time()) if times else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                else:
                    self._flush(time.time())

    def _announce(self, waiting: Waiting, now: float) -> None:
        """Inform people of an action while they can stop it. The lock is held."""
        from runwatch.alerts.delivery.actions import announcement
        from runwatch.alerts.routing.notification import Notification

        assert self._outbox is not None
        row = msgspec.structs.replace(
            waiting.alert.row, title=announcement(waiting, now), cause="", advice=""
        )
        alert = waiting.alert
        reported = Notification(
            f"{self._epoch}.{waiting.id}.{int(now)}", row.run, "notice", row, alert.host, now,
            look=alert.look, answer=alert.answer, epoch=self._epoch,
        )  # fmt: skip
        for receiver in self._router.policy.receivers:
            if alert.rank >= receiver.min_severity.rank:
                self._outbox.post([(receiver.name, reported)])

    @property
    def _look(self) -> str:
        return f"runwatch attach {self._host}" if self._lasting else ""

    def _alert(self, change: Change, now: float) -> Alert:
        from runwatch.alerts.routing.grouping import Alert
        from runwatch.alerts.routing.notification import digest

        seen = Surroundings()
        if self._engine is not None and change.kind != "resolved":
            seen = around(self._engine, change)
        look = f"runwatch tail {quoted_path(seen.path)}" if seen.path else ""
        answer = ""
        if self._lasting:  # a daemon watches: others can come and look
            look, answer = self._look, f"runwatch ack {change.row.id}"
        return Alert(
            change.row,
            self._host,
            now,
            seen.checkpoint,
            seen.trend,
            number=change.number,
            late=change.late,
            span=seen.span,
            look=look,
            answer=answer,
            report=self._report(*seen.over) if seen.over is not None else "",
            scope=digest(repr((change.run, change.row.rule, change.row.metric, change.row.rank))),
        )


def open_journal(notice: Callable[[str], None]) -> Journal:
    """Open this process's journal. One that cannot be used is reported, and delivery continues in memory."""
    from runwatch.alerts.delivery.journal import Journal
    from runwatch.watcher.sources.mounts import holds_wal

    directory = state_directory() / "outbox"
    local = holds_wal(str(directory))
    if not local:  # SQLite's write-ahead log needs shared memory, which no network file system has
        notice(f"undelivered alerts are kept on a network file system: {directory}: set ${STATE_VARIABLE}")
    return Journal(directory, notice, wal=local)
