"""From a channel's configuration to the channel. Secrets are read here, not before."""

from __future__ import annotations

import msgspec

from runwatch.alerts.channels.settings import ChannelConfig
from runwatch.alerts.routing.notification import Channel, Memory, Notification, Outcome, Wording


def build(
    name: str, config: ChannelConfig, memory: Memory | None = None, wording: Wording | None = None
) -> Channel:
    """Return the channel. Raises ConfigError, without repeating it, if a secret cannot be read or used.

    `memory` is where it keeps what it must know of earlier messages; left out, that ends with the
    process. `wording` is how messages are to be worded, if not as usual.
    """
    channel = config.open(name, memory)
    return channel if wording is None else _Reworded(channel, wording)


class _Reworded:
    """A channel with the user's message text."""

    def __init__(self, channel: Channel, wording: Wording) -> None:
        self._channel, self._wording = channel, wording
        self.name, self.identity = channel.name, channel.identity

    def send(self, notification: Notification) -> Outcome:
        if notification.change == "notice":
            return self._channel.send(notification)
        return self._channel.send(msgspec.structs.replace(notification, wording=self._wording))
