"""A notification by notify-send, which takes Pango's markup: log lines are escaped."""

from __future__ import annotations

import html
import shutil

from runwatch.alerts.channels.program import run
from runwatch.alerts.delivery.message import compose, severity
from runwatch.alerts.routing.notification import Notification, Outcome, Rejected, Retry, Sent
from runwatch.core.findings import Severity

_URGENCY = {Severity.CRITICAL: "critical", Severity.WARNING: "normal", Severity.INFO: "low"}
BODY = 1000
"""Longest text, in characters."""


class DesktopChannel:
    """Shows on this user's desktop."""

    def __init__(self, name: str, timeout: float = 10.0) -> None:
        """Set up, without running anything. `timeout` is in seconds."""
        self.name, self._timeout = name, timeout

    @property
    def identity(self) -> str:
        """Return the name: there is one desktop."""
        return f"{self.name}#desktop"

    def send(self, notification: Notification) -> Outcome:
        """Show it once."""
        program = shutil.which("notify-send")
        if program is None:
            return Rejected("notify-send is not installed")
        reported = compose(notification)
        urgency = _URGENCY[severity(notification.incident)] if notification.change == "firing" else "low"
        body = html.escape("\n".join((*reported.facts, *reported.prose()))[:BODY], quote=False)
        command = [program, "--app-name=runwatch", f"--urgency={urgency}", "--", reported.subject, body]
        said = run(command, self._timeout)
        return Sent() if said is not None else Retry("notify-send could not show it")
