"""Actions when an incident fires, if configured: a command, or a signal to the run.

Off by default, and a rehearsal (`dry_run`) until it says otherwise. An action waits for a while in
which a person can stop it, by acknowledging or silencing the incident; it is not done if the
incident is over by then, nor more often than its rate allows. Every step goes to an audit trail.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from runwatch.alerts.delivery.message import FACT, TITLE, clean
from runwatch.alerts.delivery.signals import Target, send
from runwatch.alerts.routing.grouping import Alert
from runwatch.alerts.routing.notification import Notification
from runwatch.alerts.routing.policy import Matcher, matches
from runwatch.system import private_files

MOST_WAITING = 256
LONGEST_RUN = 300.0
"""Seconds after which a command is killed."""
TRAIL_SIZE = 16 << 20
"""Size in bytes at which the audit log is rotated."""


class Action(msgspec.Struct, frozen=True):
    """One thing to do."""

    name: str
    matchers: tuple[Matcher, ...]
    command: tuple[str, ...] = ()
    """Program and arguments; gets the JSON document of a webhook on its standard input."""
    signal: str = ""
    """Name of the signal that the run's own processes get."""
    dry_run: bool = True
    delay: float = 60.0
    """Seconds in which a person can stop it."""
    every: float = 3600.0
    """Least seconds between two times for one run."""


class Waiting(NamedTuple):
    """A planned action, until someone cancels it."""

    id: str
    action: Action
    alert: Alert
    due: float
    """Unix time."""
    targets: tuple[Target, ...] = ()
    """The processes of the run, as they were when it fired."""


class Trail:
    """The audit log: one JSON object per line, readable only by its owner."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, step: str, waiting: Waiting, **more: object) -> None:
        """Add a line. If it cannot be written, the action is not run, but watching continues."""
        line = {
            "time": round(time.time(), 3),
            "step": step,
            "id": waiting.id,
            "action": waiting.action.name,
            "run": clean(waiting.alert.row.run, FACT),
            "rule": clean(waiting.alert.row.rule, FACT),
            "incident": waiting.alert.row.id,
            "title": clean(waiting.alert.row.title, TITLE),
            **more,
        }
        raw = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with self._lock:
            private_files.directory(self._path.parent)
            if self._path.exists() and self._path.stat().st_size > TRAIL_SIZE:
                os.replace(self._path, self._path.with_suffix(".old"))
            descriptor = private_files.opened(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, raw)
            finally:
                os.close(descriptor)


class Actions:
    """Plans actions and runs them in their own threads."""

    def __init__(
        self,
        actions: Sequence[Action],
        trail: Trail,
        *,
        notice: Callable[[str], None],
    ) -> None:
        self._actions, self._trail, self._notice = tuple(actions), trail, notice
        self._waiting: dict[str, Waiting] = {}
        self._done: dict[tuple[str, str], float] = {}  # (action, run) -> when it was last begun

    def take(
        self, alert: Alert, now: float, targets: Callable[[], Sequence[Target]] = tuple
    ) -> list[Waiting]:
        """Take the newest state of an incident; return the actions planned because of it.

        `targets` returns the processes of its run; it is asked if a signal is to be sent.
        """
        if alert.row.state != "firing":
            word = "the incident is acknowledged" if alert.firing else "the incident is over"
            for waiting in list(self._waiting.values()):
                if waiting.alert.row.id == alert.row.id:
                    self._stop(waiting, word)
            return []
        begun = []
        for action in self._actions:
            key = f"{alert.row.id}.{action.name}"
            if key in self._waiting or len(self._waiting) >= MOST_WAITING:
                continue
            if not matches(action.matchers, alert.labels()):
                continue
            processes = tuple(targets()) if action.signal else ()
            waiting = Waiting(key, action, alert, now + action.delay, processes)
            last = self._done.get((action.name, alert.row.run))
            if last is not None and now - last < action.every:
                self._record("held back", waiting, reason=f"not more often than every {action.every:g} s")
                continue
            if not self._record("waiting", waiting, until=waiting.due, dry_run=action.dry_run):
                continue
            self._done[action.name, alert.row.run] = now
            self._waiting[key] = waiting
            self._notice(announcement(waiting, now))
            begun.append(waiting)
        return begun

    def waiting(self) -> list[Waiting]:
        """Return the planned actions, the next first."""
        return sorted(self._waiting.values(), key=lambda waiting: waiting.due)

    def cancel(self, waiting_id: str, why: str = "cancelled") -> bool:
        """Cancel an action; return False if there is none with that id."""
        waiting = self._waiting.get(waiting_id)
        if waiting is not None:
            self._stop(waiting, why)
        return waiting is not None

    def close(self) -> None:
        """Cancel all planned actions: this process ends."""
        for waiting in self.waiting():
            self._stop(waiting, "runwatch stopped or read a new configuration before it was due")

    def due(self) -> float | None:
        """Return when `flush` has something to do; None if never."""
        return min((waiting.due for waiting in self._waiting.values()), default=None)

    def flush(self, now: float, muted: Callable[[Alert, float], float]) -> None:
        """Do what is due."""
        for waiting in self.waiting():
            if waiting.due > now:
                return
            if muted(waiting.alert, now):
                self._stop(waiting, "the incident is silenced")
                continue
            del self._waiting[waiting.id]
            if waiting.action.dry_run:
                self._record("dry run", waiting, **_details(waiting))
                self._notice(f"action {waiting.action.name}: dry run: nothing was done")
            else:
                threading.Thread(target=self._do, args=(waiting,), daemon=True).start()

    # -- inside ----------------------------------------------------------------------------------

    def _stop(self, waiting: Waiting, why: str) -> None:
        del self._waiting[waiting.id]
        self._record("cancelled", waiting, reason=why)
        self._notice(f"action {waiting.action.name} is not done: {why}")

    def _record(self, step: str, waiting: Waiting, **more: object) -> bool:
        """Write to the audit log; an action that cannot be recorded is not run."""
        try:
            self._trail.write(step, waiting, **more)
        except OSError as error:
            self._notice(
                f"action {waiting.action.name}: no audit trail, so nothing is done: {error.strerror}"
            )
            return False
        return True

    def _do(self, waiting: Waiting) -> None:
        action = waiting.action
        if not self._record("begun", waiting, **_details(waiting)):
            return
        said = send(action.signal, waiting.targets) if action.signal else ""
        if action.command:
            said = f"{said}; {_run(waiting)}" if said else _run(waiting)
        self._record("done", waiting, result=said)
        self._notice(f"action {action.name}: {said}")


def what(waiting: Waiting) -> str:
    """Return the description of an action."""
    action = waiting.action
    program = Path(action.command[0]).name if action.command else ""
    sent = f"{action.signal} is sent to {waiting.alert.row.run}" if action.signal else ""
    return clean(" and ".join(filter(None, (sent, f"{program} is run" if program else ""))), 2 * FACT)


def announcement(waiting: Waiting, now: float) -> str:
    """Return the text about a planned action."""
    action, row = waiting.action, waiting.alert.row
    rehearsal = " (dry run)" if action.dry_run else ""
    return clean(
        f"action {action.name}: in {waiting.due - now:.0f} s {what(waiting)}{rehearsal}, "
        f"unless someone acknowledges incident {row.id}: runwatch actions cancel {row.id}",
        4 * FACT,
    )


def _details(waiting: Waiting) -> dict[str, object]:
    pids = [target.pid for target in waiting.targets]
    return {"signal": waiting.action.signal, "pids": pids, "command": waiting.action.command}


def _run(waiting: Waiting) -> str:
    """Run the command with the alert as JSON on its standard input; return the outcome."""
    alert = waiting.alert
    reported = Notification(
        waiting.id, alert.row.run, "firing", alert.row, alert.host, alert.changed, checkpoint=alert.checkpoint
    )
    from runwatch.alerts.delivery.program import hand  # here: rarely needed

    return hand(waiting.action.command, reported, LONGEST_RUN)[1]
