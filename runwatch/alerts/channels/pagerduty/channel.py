"""PagerDuty, by Events API v2. The incident's id is the dedup_key, so a repetition changes nothing there.

PagerDuty opens and closes one incident per alert: of a message about several
each is sent, in order; one that failed half way is sent again whole.
"""

from __future__ import annotations

from typing import Any

import msgspec

from runwatch.alerts.delivery.message import FACT, PROSE, clean, compose, severity
from runwatch.alerts.routing.notification import Notification, Outcome, Sent, digest


class PagerDutyChannel:
    """Sends events to one service."""

    def __init__(self, name: str, routing_key: str, url: str, timeout: float = 10.0) -> None:
        """Set up, without touching the network. `timeout` is in seconds."""
        self.name, self._key, self._url, self._timeout = name, routing_key, url, timeout

    @property
    def identity(self) -> str:
        """Return the name and a digest of the routing key."""
        return f"{self.name}#{digest(self._key)}"

    def send(self, notification: Notification) -> Outcome:
        """Send an event for each incident of the message; stop at the first that fails."""
        from runwatch.alerts.channels.http import post_json

        if notification.change == "notice":
            return Sent()  # nobody is paged because a run ended

        for incident in (notification.incident, *notification.more):
            change = "resolved" if incident.state == "resolved" else "firing"
            own = msgspec.structs.replace(
                notification, incident=incident, run=incident.run, change=change, more=(), left_out=0
            )
            outcome = post_json("PagerDuty", self._url, self._event(own), self._timeout, secrets=(self._key,))
            if not isinstance(outcome, Sent):
                return outcome
        return Sent()

    def _event(self, notification: Notification) -> dict[str, Any]:
        incident = notification.incident
        event: dict[str, Any] = {
            "routing_key": self._key,
            "dedup_key": f"runwatch-{clean(incident.id, FACT)}",
            "event_action": "resolve" if notification.change == "resolved" else "trigger",
        }
        if notification.change == "firing":
            reported = compose(notification)
            event["payload"] = {
                "summary": reported.subject,
                "source": clean(notification.host, FACT) or "unknown",
                "severity": severity(incident).value,
                "component": reported.run,
                "class": clean(incident.rule, FACT),
                "custom_details": {"details": reported.body()[: 4 * PROSE]},
            }
        return event
