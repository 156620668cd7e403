"""Push messages by ntfy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig, header_value, web_address

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class NtfyConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "ntfy": a push message through ntfy.sh or your own server."""

    kind: ClassVar[str] = "ntfy"
    needed: ClassVar[tuple[str, ...]] = ("topic",)
    topic: Secret = Secret()
    """A secret: every person who knows the topic can read the messages."""
    server: str = "https://ntfy.sh"
    token: Secret = Secret()

    def endpoint(self) -> str:
        """Return the server's address."""
        return self.server

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.ntfy.channel import NtfyChannel

        server, token = web_address(name, self.server), header_value(name, self.token.reveal())
        return NtfyChannel(name, server, self.topic.reveal(), token, self.timeout)
