"""JSON to any web address."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig, header_value, web_address

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class WebhookConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "webhook": POSTs JSON to an address."""

    kind: ClassVar[str] = "webhook"
    needed: ClassVar[tuple[str, ...]] = ("url",)
    url: Secret = Secret()
    token: Secret = Secret()
    """Sent as `Authorization: Bearer`, if there is one."""

    def endpoint(self) -> str:
        """Return the address that it posts to."""
        return self.url.reveal()

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.webhook.channel import WebhookChannel

        url, token = web_address(name, self.url.reveal()), header_value(name, self.token.reveal())
        return WebhookChannel(name, url, token, self.timeout)
