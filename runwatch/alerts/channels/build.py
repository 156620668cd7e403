"""From a channel's configuration to the channel. Secrets are looked up here, not before."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from runwatch.alerts.channels import settings as kinds
from runwatch.alerts.channels.settings import AnyChannel
from runwatch.alerts.notification import Channel, Memory, Notification, Outcome, Wording
from runwatch.errors import ConfigError


def build(
    name: str, config: AnyChannel, memory: Memory | None = None, wording: Wording | None = None
) -> Channel:
    """Return the channel. Raises ConfigError, without repeating it, if a secret cannot be had or used.

    `memory` is where it keeps what it must know of earlier messages; left out, that ends with the
    process. `wording` is how messages are to be worded, if not as usual.
    """
    channel = _build(name, config, memory)
    return channel if wording is None else _Reworded(channel, wording)


class _Reworded:
    """A channel whose messages are in the user's own words."""

    def __init__(self, channel: Channel, wording: Wording) -> None:
        self._channel, self._wording = channel, wording
        self.name, self.identity = channel.name, channel.identity

    def send(self, notification: Notification) -> Outcome:
        if notification.change == "notice":
            return self._channel.send(notification)
        return self._channel.send(msgspec.structs.replace(notification, wording=self._wording))


def _build(  # noqa: PLR0911, PLR0912 -- one branch a channel
    name: str, config: AnyChannel, memory: Memory | None
) -> Channel:
    seconds = config.timeout
    match config:
        case kinds.SlackConfig(token=bot) if bot:
            from runwatch.alerts.channels.slack_bot import SlackBotChannel

            api, secret = _address(name, config.api), _line(name, bot.reveal())
            return SlackBotChannel(secret, config.channel, name=name, api=api, timeout=seconds, memory=memory)
        case kinds.SlackConfig():
            from runwatch.alerts.channels.slack import SlackChannel

            return SlackChannel(_address(name, config.webhook.reveal()), name=name, timeout=seconds)
        case kinds.DiscordConfig():
            from runwatch.alerts.channels.discord import DiscordChannel

            return DiscordChannel(name, _address(name, config.url.reveal()), seconds)
        case kinds.TeamsConfig():
            from runwatch.alerts.channels.teams import TeamsChannel

            return TeamsChannel(name, _address(name, config.url.reveal()), seconds)
        case kinds.TelegramConfig():
            from runwatch.alerts.channels.telegram import TelegramChannel

            secret, api = _line(name, config.token.reveal()), _address(name, config.api)
            return TelegramChannel(name, secret, config.chat, api=api, timeout=seconds, memory=memory)
        case kinds.DesktopConfig():
            from runwatch.alerts.channels.desktop import DesktopChannel

            return DesktopChannel(name, seconds)
        case kinds.TerminalConfig():
            from runwatch.alerts.channels.desktop import TerminalChannel

            return TerminalChannel(name, config.ttys, config.socket, seconds)
        case kinds.AppriseConfig():
            from runwatch.alerts.channels.apprise import AppriseChannel

            return AppriseChannel(name, config.address.reveal())
        case kinds.WebhookConfig():
            from runwatch.alerts.channels.webhook import WebhookChannel

            url = _address(name, config.url.reveal())
            return WebhookChannel(name, url, _line(name, config.token.reveal()), seconds)
        case kinds.CommandConfig():
            from runwatch.alerts.channels.command import CommandChannel

            return CommandChannel(name, config.command, seconds)
        case kinds.NtfyConfig():
            from runwatch.alerts.channels.ntfy import NtfyChannel

            token = _line(name, config.token.reveal())
            return NtfyChannel(name, _address(name, config.server), config.topic.reveal(), token, seconds)
        case kinds.PagerDutyConfig():
            from runwatch.alerts.channels.pagerduty import PagerDutyChannel

            url = _address(name, config.url)
            return PagerDutyChannel(name, config.routing_key.reveal(), url, seconds)
        case kinds.EmailConfig():
            from runwatch.alerts.channels.email import EmailChannel

            return EmailChannel(
                name,
                config.host,
                config.port,
                sender=config.sender,
                to=config.to,
                security=config.security,
                user=config.user,
                password=config.password.reveal(),
                timeout=seconds,
            )


def _address(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isascii()
    except ValueError:
        good = False
    if not good or any(character <= " " for character in url):
        raise ConfigError("not a web address", f"channel {name}", "it begins with https://")
    return url


def _line(name: str, secret: str) -> str:
    """Return a secret that can stand in a header."""
    if not secret.isascii() or not secret.isprintable():
        raise ConfigError("a token with unusual characters", f"channel {name}", "look at where it comes from")
    return secret
