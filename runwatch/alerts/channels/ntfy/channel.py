"""ntfy: push messages to phones, by ntfy.sh or a server of one's own. Text only: no markdown is asked for."""

from __future__ import annotations

from runwatch.alerts.delivery.message import compose, severity
from runwatch.alerts.routing.notification import Notification, Outcome, digest
from runwatch.core.findings import Severity

MOST = 3500
"""Bytes of text; beyond 4,096 ntfy makes an attachment of it."""
_PRIORITY = {Severity.INFO: 2, Severity.WARNING: 4, Severity.CRITICAL: 5}


class NtfyChannel:
    """Publishes to one topic."""

    def __init__(self, name: str, server: str, topic: str, token: str = "", timeout: float = 10.0) -> None:
        """Set up, without touching the network. `timeout` is in seconds."""
        self.name, self._server, self._topic = name, server, topic
        self._token, self._timeout = token, timeout

    @property
    def identity(self) -> str:
        """Return the name and a digest of server and topic."""
        return f"{self.name}#{digest(f'{self._server} {self._topic}')}"

    def send(self, notification: Notification) -> Outcome:
        """Publish it once, as JSON: headers could not carry every title."""
        from runwatch.alerts.channels.http import bearer, post_json

        reported = compose(notification, repeats="ntfy")
        over = notification.change == "resolved"
        body = {
            "topic": self._topic,
            "title": reported.subject,
            "message": reported.body().encode()[:MOST].decode("utf-8", "ignore"),
            "priority": 3 if over else _PRIORITY[severity(notification.incident)],
        }
        return post_json(
            "ntfy", self._server, body, self._timeout, bearer(self._token), secrets=(self._topic,)
        )
