"""From a channel's configuration to the channel. Secrets are looked up here, not before."""

from __future__ import annotations

from urllib.parse import urlsplit

from runwatch.alerts.notification import Channel
from runwatch.alerts.settings import (
    AnyChannel,
    CommandConfig,
    EmailConfig,
    NtfyConfig,
    PagerDutyConfig,
    SlackConfig,
    WebhookConfig,
)
from runwatch.errors import ConfigError


def build(name: str, config: AnyChannel) -> Channel:
    """Return the channel. Raises ConfigError, without repeating it, if a secret cannot be had or used."""
    seconds = config.timeout
    match config:
        case SlackConfig():
            from runwatch.alerts.channels.slack import SlackChannel

            return SlackChannel(_address(name, config.webhook.reveal()), name=name, timeout=seconds)
        case WebhookConfig():
            from runwatch.alerts.channels.webhook import WebhookChannel

            url = _address(name, config.url.reveal())
            return WebhookChannel(name, url, _line(name, config.token.reveal()), seconds)
        case CommandConfig():
            from runwatch.alerts.channels.command import CommandChannel

            return CommandChannel(name, config.command, seconds)
        case NtfyConfig():
            from runwatch.alerts.channels.ntfy import NtfyChannel

            token = _line(name, config.token.reveal())
            return NtfyChannel(name, _address(name, config.server), config.topic.reveal(), token, seconds)
        case PagerDutyConfig():
            from runwatch.alerts.channels.pagerduty import PagerDutyChannel

            url = _address(name, config.url)
            return PagerDutyChannel(name, config.routing_key.reveal(), url, seconds)
        case EmailConfig():
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
