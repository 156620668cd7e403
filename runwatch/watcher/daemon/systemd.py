"""Status messages to systemd over its socket: a datagram needs no library."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping


class Manager:
    """The service manager, if there is one. Children must not speak for us: its address is taken away."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._address = environ.pop("NOTIFY_SOCKET", "")
        microseconds = environ.pop("WATCHDOG_USEC", "")
        wanted = environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.every = int(microseconds) / 2e6 if wanted and microseconds.isdecimal() else None
        """Seconds after which it wants a sign of life; None if it wants none."""
        self._reported = 0.0

    def ready(self, status: str) -> None:
        """Say that the service is up, or up again after it reloaded."""
        self._say(f"READY=1\nSTATUS={status}\nMAINPID={os.getpid()}")

    def reloading(self) -> None:
        """Say that the configuration is read again; `ready` follows."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service ends."""
        self._say("STOPPING=1")

    def beat(self, status: str) -> None:
        """Give a sign of life if one is due. To be called by the loop that does the work, after it did it."""
        if self.every is not None and time.monotonic() - self._reported >= self.every / 2:
            self._reported = time.monotonic()
            self._say(f"WATCHDOG=1\nSTATUS={status}")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(text.encode(), address)
