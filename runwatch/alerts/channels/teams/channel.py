"""Microsoft Teams, by a workflow ("Post to a channel when a webhook request is received").

An adaptive card of rich text runs, which know no markdown: a log line shows as it is.
"""

from __future__ import annotations

from typing import Any

from runwatch.alerts.delivery.message import compose, severity
from runwatch.alerts.routing.notification import Notification, Outcome, Retry, Sent, digest
from runwatch.core.findings import Severity

_COLOR = {Severity.CRITICAL: "attention", Severity.WARNING: "warning", Severity.INFO: "default"}


class TeamsChannel:
    """Posts to one workflow."""

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

        return post_json("Teams", self._url, message(notification), self._timeout, understand=_understand)


def message(notification: Notification) -> dict[str, Any]:
    """Return the payload: a message with one adaptive card."""
    composed = compose(notification, repeats="Teams")
    color = "good" if notification.change == "resolved" else _COLOR[severity(notification.incident)]
    parts = (composed.facts, composed.prose(), [composed.numbers], composed.others, composed.notes)
    blocks = [_block(composed.subject, weight="bolder", size="large", color=color)]
    blocks += [_block(line) for lines in parts for line in lines if line]
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "fallbackText": composed.subject,
        "body": blocks,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _block(line: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line, **style}]}


def _understand(said: str) -> Outcome:
    """Older connectors answer 200 with the true status in words."""
    if "HTTP error 429" in said:
        return Retry("Teams asks to slow down", 30.0)
    if "HTTP error" in said:
        return Retry("Teams could not deliver it")
    return Sent()
