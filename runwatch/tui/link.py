"""The wire to the engine: the newest picture wins, and a loss is news too."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, TypeAlias

from textual.message import Message

from runwatch.core.errors import ExitCode, RunwatchError
from runwatch.core.snapshot import Snapshot
from runwatch.watcher import protocol
from runwatch.watcher.service.client import Client

if TYPE_CHECKING:
    from textual.message_pump import MessagePump


Answer: TypeAlias = protocol.Done | protocol.Refused | protocol.SilenceList | protocol.Series
Asked: TypeAlias = protocol.Silence | protocol.Unsilence
_CLOSED = "the process that reads the log ended"
_NEVER = "the process that reads the log ended before it began: set RUNWATCH_ENGINE_LOG=FILE to see why"


class SnapshotReady(Message, bubble=False):
    """A newer picture is in the link. Several in a row become one."""

    def can_replace(self, message: Message) -> bool:
        """Let a later one replace an earlier one."""
        return isinstance(message, SnapshotReady)


class LinkLost(Message, bubble=False):
    """The engine is gone, or cannot do what was asked."""

    def __init__(self, link: Link, reason: str, exit_code: int) -> None:
        super().__init__()
        self.link = link
        self.reason = reason
        self.exit_code = exit_code


class Answered(Message, bubble=False):
    """The engine answers a request: in words, or with what was asked for."""

    def __init__(self, reply: Answer, asked: Asked | None = None) -> None:
        """`asked`: the silence that it is about, or the end of one."""
        super().__init__()
        self.reply, self.asked = reply, asked


class Link:
    """One connection: reads frames for as long as the engine lives, sends requests."""

    def __init__(self, sock: socket.socket, target: MessagePump) -> None:
        self._sock = sock
        self._target = target
        self._client: Client | None = None
        self._view: protocol.View | None = None
        self._silences: dict[int, Asked] = {}
        """Those that were asked for and are not answered, by id."""
        self.snapshot: Snapshot | None = None

    async def run(self) -> None:
        """Read replies until the engine closes; report the end, never raise for it."""
        reason, exit_code = _NEVER, int(ExitCode.UNREADABLE)
        try:
            self._client = await Client.connect(self._sock)
            if self._view is not None:
                self._client.show(self._view)
            async for reply in self._client.replies():
                if isinstance(reply, protocol.Frame):
                    self.snapshot = reply.snapshot
                    self._target.post_message(SnapshotReady())
                elif isinstance(reply, Answer):
                    self._target.post_message(Answered(reply, self._asked(reply)))
                elif isinstance(reply, protocol.Failure):
                    reason, exit_code = reply.message, reply.exit_code
                    break
                elif isinstance(reply, protocol.Hello) and reply.version == protocol.VERSION:
                    reason = _CLOSED
                elif isinstance(reply, protocol.Hello):
                    reason = f"the other end speaks protocol {reply.version}, this screen {protocol.VERSION}"
                    break
        except RunwatchError as error:
            reason = str(error)
        except OSError as error:
            reason = f"broken connection: {error}"
        self._target.post_message(LinkLost(self, reason, exit_code))

    def _asked(self, reply: Answer) -> Asked | None:
        return self._silences.pop(reply.id, None) if isinstance(reply, protocol.Done) else None

    def show(self, view: protocol.View) -> None:
        """Ask for what is on the screen, if that changed."""
        if view != self._view:
            self._view = view
            if self._client is not None:
                self._client.show(view)

    def send(self, request: protocol.Request) -> None:
        """Send one request; without a connection it is dropped."""
        if self._client is not None:
            if isinstance(request, Asked):
                self._silences[request.id] = request
            self._client.send(request)

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()
        else:
            self._sock.close()
