"""Discord, by a channel's webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig, web_address

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class DiscordConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "discord": the webhook of a Discord channel."""

    kind: ClassVar[str] = "discord"
    needed: ClassVar[tuple[str, ...]] = ("url",)
    url: Secret = Secret()

    def endpoint(self) -> str:
        """Return the webhook's address."""
        return self.url.reveal()

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.discord.channel import DiscordChannel

        return DiscordChannel(name, web_address(name, self.url.reveal()), self.timeout)
