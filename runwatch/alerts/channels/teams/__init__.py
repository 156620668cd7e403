"""Microsoft Teams, by a workflow that takes web requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig, web_address

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class TeamsConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "teams": a workflow that accepts webhook requests."""

    kind: ClassVar[str] = "teams"
    needed: ClassVar[tuple[str, ...]] = ("url",)
    url: Secret = Secret()

    def endpoint(self) -> str:
        """Return the workflow's address."""
        return self.url.reveal()

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.teams.channel import TeamsChannel

        return TeamsChannel(name, web_address(name, self.url.reveal()), self.timeout)
