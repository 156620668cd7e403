"""A program of one's own: gets the document of runwatch.alerts.delivery.message on its standard input.

No shell: nothing of a log line is ever part of a command. Exit code 0 is
delivered, 75 (EX_TEMPFAIL) is "try again later", any other is a refusal.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence

from runwatch.alerts.delivery.message import document
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
        raw = json.dumps(document(notification), ensure_ascii=False).encode()
        program = text.path(os.path.basename(self._command[0]))
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Rejected(f"cannot run {program}: {getattr(error, 'strerror', None) or 'not a command'}")
        with process:
            try:
                process.communicate(raw, timeout=self._timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return Unsure(f"{program} did not end within {self._timeout:g} s and was killed")
        if process.returncode == TRY_LATER:
            return Retry(f"{program} asks to try later")
        return Sent() if process.returncode == 0 else Rejected(f"{program} ended with {process.returncode}")
