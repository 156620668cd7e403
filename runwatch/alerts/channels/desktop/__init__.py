"""Notifications on this user's desktop."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.settings import ChannelConfig, missing_program

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class DesktopConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "desktop": a desktop notification with notify-send."""

    kind: ClassVar[str] = "desktop"

    def lacks(self) -> str:
        """Return what is not installed."""
        return missing_program("notify-send")

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.desktop.channel import DesktopChannel

        return DesktopChannel(name, self.timeout)
