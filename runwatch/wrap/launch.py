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
    """What a keeper is started with."""

    log: bytes
    feed: int
    """Descriptor from which it reads what belongs into the log."""
    control: int
    """Descriptor of its socket to the wrapper; messages keep their bounds."""
    config: str | None = None
    say: str = ""


class Streams(msgspec.Struct, frozen=True, tag="streams"):
    """Wrapper: a command begins; the reading ends of its output come with this."""

    outs: tuple[int, ...]


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """Wrapper: it ended; the streams named by place are still held open by others: they are yours."""

    left: tuple[int, ...] = ()


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """Wrapper: nobody reads this stream's output any more; let go of it."""

    place: int


class Last(msgspec.Struct, frozen=True, tag="last"):
    """Wrapper: no other command comes; the log ends with this line."""

    line: str
    failed: bool


class Busy(msgspec.Struct, frozen=True, tag="busy"):
    """Keeper: give me some more seconds."""

    seconds: float


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Keeper: all is written, judged and sent."""

    step: str = ""
    crash: str = ""
    """What the command died of, and on which line of the log; "" if the log does not say."""
    critical: int = 0
    warning: int = 0
    lost: int = 0


Message = Streams | Ended | Broken | Last | Busy | Done
MAX_MESSAGE = 1 << 16
decode = msgspec.json.Decoder(Message).decode


class Keeper:
    """A keeper process. When it is gone, messages to it do nothing."""

    def __init__(self, log: str, *, config: str | None, say: str) -> None:
        """Start it; raises OSError. `feed` is where the log's bytes are to be written."""
        reader, self.feed = os.pipe()
        enlarge(reader)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        setup = Setup(os.fsencode(log), reader, theirs.fileno(), config, say)
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

    def tell(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send a message. Never waits."""
        with contextlib.suppress(OSError):
            socket.send_fds(self.socket, [msgspec.json.encode(message)], list(descriptors))

    def hear(self) -> Message | None:
        """Return its next message; raises BlockingIOError if there is none yet. None: it is gone."""
        try:
            data = self.socket.recv(MAX_MESSAGE)
        except BlockingIOError:
            raise
        except OSError:
            return None
        return decode(data) if data else None
