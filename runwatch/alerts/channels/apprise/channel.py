"""Everything else, by the library apprise (`pip install apprise`): text bodies only.

apprise says whether it worked and no more, so a failure is tried again; its own retries are not asked for.
"""

from __future__ import annotations

import logging
from functools import partial

from runwatch.alerts.channels.deadline import within
from runwatch.alerts.delivery.message import compose
from runwatch.alerts.routing.notification import Notification, Outcome, Rejected, Retry, Sent, Unsure, digest

LONGEST = 60.0
"""Seconds that apprise may take: it has no timeout of its own for all."""


class AppriseChannel:
    """Sends to one apprise address."""

    def __init__(self, name: str, url: str) -> None:
        """Set up, without touching the network."""
        self.name, self._url = name, url

    @property
    def identity(self) -> str:
        """Return the name and a digest of the address."""
        return f"{self.name}#{digest(self._url)}"

    def send(self, notification: Notification) -> Outcome:
        """Hand it to apprise once."""
        try:
            import apprise  # here, in the channel's thread: an extra, and slow to import
        except ImportError:
            return Rejected("apprise is not installed: pip install apprise")
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its errors repeat addresses
        reported = compose(notification, repeats=self.name)
        try:
            box = apprise.Apprise()
            if not box.add(self._url):
                return Rejected("apprise does not know this address")
            plain = apprise.NotifyFormat.TEXT
            notify = partial(box.notify, title=reported.subject, body=reported.body(), body_format=plain)
            sent = within(LONGEST, notify)
        except TimeoutError:
            return Unsure("no answer from apprise")
        except Exception as error:  # a plugin's own; its words may hold the address
            return Rejected(f"apprise failed: {type(error).__name__}")
        return Sent() if sent else Retry("apprise could not deliver it, and does not say why")
