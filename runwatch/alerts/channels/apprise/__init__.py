"""Everything else, by the library apprise."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class AppriseConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "apprise": all services of the library apprise; needs the extra `apprise`."""

    kind: ClassVar[str] = "apprise"
    needed: ClassVar[tuple[str, ...]] = ("address",)
    address: Secret = Secret()
    """Such as "matrix://..."; see apprise's documentation."""

    def lacks(self) -> str:
        """Return what is not installed."""
        found = importlib.util.find_spec("apprise") is not None
        return "" if found else "apprise is not installed: pip install apprise"

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel."""
        from runwatch.alerts.channels.apprise.channel import AppriseChannel

        return AppriseChannel(name, self.address.reveal())
