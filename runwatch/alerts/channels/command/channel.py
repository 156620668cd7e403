"""A program of one's own: gets the document of runwatch.alerts.delivery.message on its standard input.

No shell: nothing of a log line is ever part of a command. Exit code 0 is
delivered, 75 (EX_TEMPFAIL) is "try again later", any other is a refusal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from runwatch.alerts.delivery.program import hand
from runwatch.alerts.routing.notification import Notification, Outcome, Rejected, Retry, Sent, Unsure, digest
from runwatch.core import text

TRY_LATER = 75


class CommandChannel:
    """Runs one program per message."""

    def __init__(self, name: str, command: Sequence[str], timeout: float = 10.0) -> None:
        """Set up, without running anything. `timeout` is in seconds."""
        self.name, self._command, self._timeout = name, tuple(command), timeout

    @property
    def identity(self) -> str:
        """Return the name and a digest of the command."""
        return f"{self.name}#{digest(json.dumps(self._command))}"

    def send(self, notification: Notification) -> Outcome:
        """Run the program once; one that outlives the timeout is killed with all it started."""
        code, said = hand(self._command, notification, self._timeout)
        if code is None:
            return Unsure(said)
        if code == TRY_LATER:
            return Retry(f"{text.path(os.path.basename(self._command[0]))} asks to try later")
        return Sent() if code == 0 else Rejected(said)
