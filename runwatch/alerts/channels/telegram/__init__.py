"""Telegram, by a bot that writes to a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig, header_value, web_address

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class TelegramConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "telegram": a bot that posts to a chat."""

    kind: ClassVar[str] = "telegram"
    needed: ClassVar[tuple[str, ...]] = ("token", "chat")
    token: Secret = Secret()
    chat: str = ""
    """Number of the chat, or @name of a channel."""
    api: str = "https://api.telegram.org"

    def endpoint(self) -> str:
        """Return the address of the API."""
        return self.api

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.telegram.channel import TelegramChannel

        token, api = header_value(name, self.token.reveal()), web_address(name, self.api)
        return TelegramChannel(name, token, self.chat, api=api, timeout=self.timeout, memory=memory)
