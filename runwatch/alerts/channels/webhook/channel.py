"""Any program that takes JSON by HTTP: POSTs the document of runwatch.alerts.delivery.message.document.

`Idempotency-Key` holds the message's id, so that a receiver can drop a repetition.
"""

from __future__ import annotations

from runwatch.alerts.delivery.message import document
from runwatch.alerts.routing.notification import Notification, Outcome, digest


class WebhookChannel:
    """POSTs to one address."""

    def __init__(self, name: str, url: str, token: str = "", timeout: float = 10.0) -> None:
        """Set up, without touching the network. `timeout` is in seconds."""
        self.name, self._url, self._token, self._timeout = name, url, token, timeout

    @property
    def identity(self) -> str:
        """Return the name and a digest of the address."""
        return f"{self.name}#{digest(self._url)}"

    def send(self, notification: Notification) -> Outcome:
        """Post it once."""
        from runwatch.alerts.channels.http import bearer, post_json

        headers = {"Idempotency-Key": notification.id, **bearer(self._token)}
        return post_json(
            "the webhook",
            self._url,
            document(notification),
            self._timeout,
            headers,
            pages=True,  # it may be anybody's
        )
