"""A program that gets JSON on its standard input."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.settings import ChannelConfig, missing_program

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class CommandConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "command": runs a program with JSON on its standard input; no shell."""

    kind: ClassVar[str] = "command"
    needed: ClassVar[tuple[str, ...]] = ("command",)
    command: tuple[str, ...] = ()
    """Program and arguments."""

    def lacks(self) -> str:
        """Return what is not installed."""
        return missing_program(self.command[0])

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.command.channel import CommandChannel

        return CommandChannel(name, self.command, self.timeout)
