"""From incident changes to the outbox: what was found live is sent, history is only shown."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Literal

from runwatch.alerts.incidents import Change
from runwatch.config import Config


class Notifier:
    """Hands changes to the configured channels; without one it does nothing."""

    def __init__(self, config: Config, notice: Callable[[str], None]) -> None:
        self._outbox = None
        if config.slack.webhook:
            from runwatch.alerts.channels.slack import SlackChannel
            from runwatch.alerts.outbox import Outbox

            slack = config.slack
            channel = SlackChannel(
                slack.webhook.reveal(),
                min_severity=slack.min_severity,
                send_resolved=slack.send_resolved,
                timeout=slack.timeout,
            )
            self._outbox = Outbox([channel], notice)

    def submit(self, change: Change) -> None:
        """Queue a change for delivery. Never waits."""
        if self._outbox is None or not change.send:
            return
        kind: Literal["firing", "resolved"]
        if change.kind in ("firing", "escalated"):
            kind = "firing"
        elif change.kind == "resolved":
            kind = "resolved"
        else:
            return
        from runwatch.alerts.outbox import Notification

        now = time.time()
        key = f"{change.row.id}:{change.kind}:{change.row.severity}"
        self._outbox.submit(Notification(key, change.row.run, kind, change.row, socket.gethostname(), now))

    def close(self) -> None:
        """Deliver what can be delivered in a few seconds."""
        if self._outbox is not None:
            self._outbox.close()
