"""Programs that a channel runs, each within a time limit."""

from __future__ import annotations

import contextlib
import subprocess


def run(command: list[str], timeout: float) -> str | None:
    """Run a program; return what it printed, None if it failed."""
    with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace")
    return None
