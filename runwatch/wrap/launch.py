"""The keeper as the wrapper sees it: started, sent messages, asked, and replaceable at any time."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from runwatch.wrap.streams import enlarge


class Setup(msgspec.Struct, frozen=True):
    """The setup of a keeper."""

    log: bytes
    feed: int
    """Descriptor of the bytes for the log."""
    control: int
    """Descriptor of its socket to the wrapper, which keeps messages separate."""
    config: str | None = None
    say: str = ""
    record: str | None = None


class Streams(msgspec.Struct, frozen=True, tag="streams"):
    """Wrapper: a command starts; the reading ends of its output come with this."""

    outs: tuple[int, ...]


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """Wrapper: it ended; other processes hold these streams open: take them over."""

    left: tuple[int, ...] = ()


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """Wrapper: the reader of this stream's output is gone; close it."""

    place: int


class Last(msgspec.Struct, frozen=True, tag="last"):
    """Wrapper: this was the last command; end the log with this line."""

    line: str
    failed: bool


class Busy(msgspec.Struct, frozen=True, tag="busy"):
    """Keeper: wait a few more seconds."""

    seconds: float


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Keeper: everything is written, processed and sent."""

    step: str = ""
    crash: str = ""
    """What the command died of, and on which line of the log; "" if the log does not say."""
    findings: str = ""
    lost: int = 0


Message = Streams | Ended | Broken | Last | Busy | Done
MAX_MESSAGE = 1 << 16
decode = msgspec.json.Decoder(Message).decode


class Keeper:
    """A keeper process. When it is gone, messages to it do nothing."""

    def __init__(self, log: str, *, config: str | None, say: str, record: str | None = None) -> None:
        """Start it; raises OSError. `feed` is where the log's bytes are to be written."""
        reader, self.feed = os.pipe()
        enlarge(reader)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        setup = Setup(os.fsencode(log), reader, theirs.fileno(), config, say, record)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "runwatch.wrap.keeper", msgspec.json.encode(setup).decode()],
                stdin=subprocess.DEVNULL,
                pass_fds=(reader, theirs.fileno()),
                start_new_session=True,  # keys and hangups are for the command
            )
        finally:
            os.close(reader)
            theirs.close()
        self.socket.setblocking(False)

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send a message. Never waits."""
        with contextlib.suppress(OSError):
            socket.send_fds(self.socket, [msgspec.json.encode(message)], list(descriptors))

    def receive(self) -> Message | None:
        """Return its next message; None if it is gone. Raises BlockingIOError if there is none yet."""
        try:
            data = self.socket.recv(MAX_MESSAGE)
        except BlockingIOError:
            raise
        except OSError:
            return None
        return decode(data) if data else None
