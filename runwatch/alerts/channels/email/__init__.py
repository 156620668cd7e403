"""Email, by an SMTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class EmailConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "email": email through an SMTP server."""

    kind: ClassVar[str] = "email"
    needed: ClassVar[tuple[str, ...]] = ("host", "sender", "to")
    host: str = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    security: str = "starttls"
    """"starttls", "tls" or "none"."""
    user: str = ""
    password: Secret = Secret()
    sender: str = ""
    to: tuple[str, ...] = ()

    def endpoint(self) -> str:
        """Return the server's address."""
        return f"smtp://{self.host}:{self.port}"

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.email.channel import EmailChannel

        return EmailChannel(
            name,
            self.host,
            self.port,
            sender=self.sender,
            to=self.to,
            security=self.security,
            user=self.user,
            password=self.password.reveal(),
            timeout=self.timeout,
        )
