"""Programs of the user get a message as JSON on their standard input; no shell sees a line of a log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence

from runwatch.alerts.delivery.message import document
from runwatch.alerts.routing.notification import Notification
from runwatch.core import text


def hand(command: Sequence[str], message: Notification, limit: float) -> tuple[int | None, str]:
    """Run a program once; return its exit code, and what became of it in words.

    None: it did not end within `limit` seconds, and was killed with all it started.
    """
    raw = json.dumps(document(message), ensure_ascii=False).encode("utf-8", "replace")
    program = text.path(os.path.basename(command[0]))
    sink = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=sink, stderr=sink, start_new_session=True
        )
    except (OSError, ValueError) as error:
        return 127, f"cannot run {program}: {getattr(error, 'strerror', None) or 'not a command'}"
    with process:
        try:
            process.communicate(raw, timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, f"{program} did not end within {limit:g} s and was killed"
    return process.returncode, f"{program} ended with {process.returncode}"
