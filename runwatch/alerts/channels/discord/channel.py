"""Discord, by webhook. Mentions are off for the whole message; markdown of a log line is escaped."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from runwatch.alerts.delivery.message import compose, escaped, severity
from runwatch.alerts.routing.notification import Notification, Outcome, digest
from runwatch.core.findings import Severity

TITLE, BODY, PLAIN = 256, 3500, 1900
"""Longest text of each part, in characters as sent; Discord takes 256, 4,096 and 2,000."""
_COLOR = {Severity.CRITICAL: 0xCF222E, Severity.WARNING: 0xBF8700, Severity.INFO: 0x57606A}
_OVER = 0x1A7F37
escape = partial(escaped, re.compile(r"([\\*_~`|>#\-+\[\]()@:<])"))
"""Makes text that Discord shows as it is."""


class DiscordChannel:
    """Posts to one webhook."""

    def __init__(self, name: str, url: str, timeout: float = 10.0) -> None:
        """Set up, without touching the network. `timeout` is in seconds."""
        self.name, self._url, self._timeout = name, url, timeout

    @property
    def identity(self) -> str:
        """Return the name and a digest of the address."""
        return f"{self.name}#{digest(self._url)}"

    def send(self, notification: Notification) -> Outcome:
        """Post it once."""
        from runwatch.alerts.channels.http import post_json

        return post_json("Discord", self._url, message(notification), self._timeout)


def message(notification: Notification) -> dict[str, Any]:
    """Return the payload: `content` for the phone's notification, an embed for the channel."""
    composed = compose(notification, repeats="Discord")
    over = notification.change == "resolved"
    return {
        "content": escape(composed.subject, PLAIN),
        "embeds": [
            {
                "title": escape(composed.headline(TITLE // 2), TITLE),
                "description": escape(composed.body(), BODY),
                "color": _OVER if over else _COLOR[severity(notification.incident)],
            }
        ],
        "allowed_mentions": {"parse": []},
    }
