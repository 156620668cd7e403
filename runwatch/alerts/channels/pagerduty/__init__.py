"""PagerDuty, by its Events API v2."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig, web_address

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class PagerDutyConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "pagerduty": Events API v2; an event sent twice is one incident in PagerDuty."""

    kind: ClassVar[str] = "pagerduty"
    needed: ClassVar[tuple[str, ...]] = ("routing_key",)
    routing_key: Secret = Secret()
    url: str = "https://events.pagerduty.com/v2/enqueue"

    def endpoint(self) -> str:
        """Return the address of the API."""
        return self.url

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.pagerduty.channel import PagerDutyChannel

        return PagerDutyChannel(name, self.routing_key.reveal(), web_address(name, self.url), self.timeout)
