"""A Prometheus Alertmanager that pages: it gets the firing alerts again and again (API v2).

It keeps alerts in memory and takes one that is not renewed for resolved, so what fires is sent
every minute with an end five minutes ahead, to every peer, and an end is sent for five minutes.
Sending twice changes nothing there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from runwatch.alerts.delivery.message import FACT, PROSE, TITLE, clean, severity
from runwatch.alerts.routing.grouping import Alert
from runwatch.alerts.routing.notification import Outcome, Sent
from runwatch.core.decoding import UNDECODABLE
from runwatch.core.notice import Notice
from runwatch.render import plain

RESEND = 60.0
"""Seconds between two rounds."""
ENDS_AFTER = 300.0
"""Seconds after which an alert without an update ends; an end is repeated for as long."""
BATCH = 500
"""Alerts in one request."""
KEY = "pushed/"
"""Prefix of the keys of the saved state."""


class PushedAlerts:
    """The state to send to an Alertmanager. Pure: alerts and times in, requests out."""

    def __init__(self, saved: Mapping[str, bytes] | None = None) -> None:
        """Begin with `saved`: what `changes` gave to a process that died."""
        self._alerts: dict[str, tuple[Alert, float | None]] = {}  # identity -> (alert, when it ended)
        self._dirty: set[str] = set()
        for key, body in (saved or {}).items():
            if key.startswith(KEY):
                try:
                    found = msgspec.msgpack.decode(body, type=tuple[Alert, float | None])
                except UNDECODABLE:  # another version's
                    self._dirty.add(key.removeprefix(KEY))
                    continue
                self._alerts[key.removeprefix(KEY)] = found

    def take(self, alert: Alert, now: float) -> None:
        """Take the newest state of an incident. With another severity it is another alert there."""
        name = f"{alert.row.id}.{severity(alert.row).value}"
        for other, (known, ended) in self._alerts.items():
            if other != name and known.row.id == alert.row.id and ended is None:
                self._alerts[other] = (known, now)
                self._dirty.add(other)
        if alert.firing:
            self._alerts[name] = (alert, None)
        elif name in self._alerts:
            self._alerts[name] = (alert, now)
        self._dirty.add(name)

    def firing(self) -> list[Alert]:
        """Return what fires."""
        return [alert for alert, ended in self._alerts.values() if ended is None]

    def bodies(self, now: float, muted: Callable[[Alert, float], float]) -> list[list[dict[str, Any]]]:
        """Return the requests of one round, and forget what ended long enough ago."""
        for name, (_, ended) in list(self._alerts.items()):
            if ended is not None and now - ended > ENDS_AFTER:
                del self._alerts[name]
                self._dirty.add(name)
        shown = [
            alert_body(alert, now, ended)
            for alert, ended in self._alerts.values()
            if ended is not None or not muted(alert, now)
        ]
        return [shown[first : first + BATCH] for first in range(0, len(shown), BATCH)]

    def changes(self) -> dict[str, bytes | None]:
        """Return what to keep since the last call, by key; None is to be removed."""
        found = {
            f"{KEY}{name}": msgspec.msgpack.encode(self._alerts[name]) if name in self._alerts else None
            for name in self._dirty
        }
        self._dirty.clear()
        return found


def alert_body(alert: Alert, now: float, ended: float | None) -> dict[str, Any]:
    """Return one alert as API v2 takes it. Its labels, with our names, are its identity there."""
    row = alert.row
    labels = {"alertname": row.rule, **alert.labels()}
    labels["severity"] = severity(row).value
    about = {
        "summary": clean(row.title, TITLE),
        "cause": clean(row.cause, PROSE),
        "advice": clean(plain.to_do(row), PROSE),
        "step": "" if row.step is None else str(row.step),
        "last_good_checkpoint": "" if alert.checkpoint is None else str(alert.checkpoint),
        "look": clean(alert.look, FACT),
    }
    return {
        "labels": {name: said for name, value in labels.items() if (said := clean(value, FACT))},
        "annotations": {name: said for name, said in about.items() if said},
        "startsAt": _stamp(alert.changed if row.since is None else min(row.since, alert.changed)),
        "endsAt": _stamp(now + ENDS_AFTER if ended is None else ended),
    }


class Pusher:
    """Sends to all peers, in its own thread.

    Once none could be reached for `patience` seconds, `fallen` is called with True
    until one can be reached again, then with False: alerts go to people meanwhile.
    """

    def __init__(
        self,
        peers: Sequence[str],
        token: str,
        pushed: PushedAlerts,
        *,
        notice: Callable[[str], None],
        fallen: Callable[[bool], None],
        muted: Callable[[Alert, float], float],
        patience: float = 300.0,
        timeout: float = 10.0,
    ) -> None:
        self._peers, self._token, self.pushed = tuple(peers), token, pushed
        self._notice, self._fallen, self._muted = notice, fallen, muted
        self._patience, self._timeout = patience, timeout
        self._changed = threading.Condition()
        self._news = True  # what was kept is sent immediately
        self._closed = False
        self._failing: float | None = None
        self._down = False
        self._thread = threading.Thread(target=self._run, name="alertmanager", daemon=True)
        self._thread.start()

    def take(self, alert: Alert, now: float) -> dict[str, bytes | None]:
        """Take the newest state of an incident; return what to keep."""
        with self._changed:
            self.pushed.take(alert, now)
            self._news = True
            self._changed.notify()
            return self.pushed.changes()

    def firing(self) -> list[Alert]:
        """Return what fires."""
        with self._changed:
            return self.pushed.firing()

    def close(self, seconds: float = 5.0) -> None:
        """Send what is new, within seconds. Without an update, an alert ends after five minutes."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(seconds)

    def _run(self) -> None:
        again = 0.0
        while True:
            with self._changed:
                while not (self._news or self._closed) and (left := again - time.monotonic()) > 0:
                    self._changed.wait(left)
                if self._closed and not self._news:
                    return
                self._news = False
                bodies = self.pushed.bodies(time.time(), self._muted)
            again = time.monotonic() + min(RESEND, self._patience if self._failing else RESEND)
            if bodies:
                self._judge([self._push(peer, bodies) for peer in self._peers])

    def _push(self, peer: str, bodies: Iterable[list[dict[str, Any]]]) -> Outcome:
        from runwatch.alerts.channels.http import bearer, post_json

        outcome: Outcome = Sent()
        for body in bodies:
            url = peer.rstrip("/") + "/api/v2/alerts"
            outcome = post_json("Alertmanager", url, body, self._timeout, bearer(self._token))
            if not isinstance(outcome, Sent):
                break
        return outcome

    def _judge(self, outcomes: list[Outcome]) -> None:
        failed = [outcome for outcome in outcomes if not isinstance(outcome, Sent)]
        if len(failed) < len(outcomes):
            self._failing = None
            if self._down:
                self._down = False
                self._notice(Notice("alertmanager: reached again", "alertmanager"))
                self._fallen(False)
            return
        now = time.monotonic()
        self._failing = now if self._failing is None else self._failing
        if not self._down and now - self._failing >= self._patience:
            self._down = True
            why = f"alertmanager: alerts go to the channels instead: {failed[0].reason}"
            self._notice(Notice(why, "alertmanager"))
            self._fallen(True)


def _stamp(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + f".{int(when % 1 * 1000):03d}Z"
