"""A line in tmux, and a bell."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.settings import ChannelConfig, missing_program

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class TerminalConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "terminal": a line and a bell in tmux, and a bell on the terminals in `ttys`."""

    kind: ClassVar[str] = "terminal"
    ttys: tuple[str, ...] = ()
    """Such as "/dev/pts/3"."""
    socket: str = ""
    """Name of tmux's socket, if not the default."""

    def lacks(self) -> str:
        """Return what is not installed; terminals in `ttys` need no tmux."""
        return "" if self.ttys else missing_program("tmux")

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.terminal.channel import TerminalChannel

        return TerminalChannel(name, self.ttys, self.socket, self.timeout)
