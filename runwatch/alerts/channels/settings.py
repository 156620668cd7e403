"""What runwatch.toml says about each channel: [slack] and [channels.NAME]. Durations are in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, TypeAlias

import msgspec

from runwatch.alerts.secret import Secret
from runwatch.findings import Severity

Timeout = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Rate = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class ChannelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every channel can be told."""

    min_severity: Severity = Severity.WARNING
    """Least severity that is sent: "info", "warning" or "critical"."""
    send_resolved: bool = True
    """Whether to say when an incident that was sent is over."""
    per_minute: Rate = 30
    """Most messages a minute; what is beyond is told in a summary."""
    timeout: Timeout = 10.0
    """Seconds to wait for an answer before trying again later."""
    lifecycle: bool = False
    """Whether to say that a run began, finished or crashed."""
    digest: bool = False
    """Whether to send what each day brought, at the hour of `[alerts] digest`."""


class SlackConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "slack", and the section [slack]: by an incoming webhook, or by an app's bot token."""

    webhook: Secret = Secret()
    """Address of an incoming webhook. A secret: better set as $RUNWATCH_SLACK_WEBHOOK, which wins."""
    token: Secret = Secret()
    """Bot token (xoxb-...): one thread per incident, updated in place, with a picture."""
    channel: str = ""
    """Where the bot posts: the channel's id, or its name with #."""
    api: str = "https://slack.com/api/"


class WebhookConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "webhook": POSTs JSON to an address."""

    url: Secret = Secret()
    token: Secret = Secret()
    """Sent as `Authorization: Bearer`, if there is one."""


class CommandConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "command": runs a program with JSON on its standard input; no shell."""

    command: tuple[str, ...] = ()
    """Program and arguments."""


class NtfyConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "ntfy": a push message by ntfy.sh or a server of your own."""

    topic: Secret = Secret()
    """Whoever knows it can read along, so it is a secret."""
    server: str = "https://ntfy.sh"
    token: Secret = Secret()


class PagerDutyConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "pagerduty": Events API v2; what is sent twice is one incident there."""

    routing_key: Secret = Secret()
    url: str = "https://events.pagerduty.com/v2/enqueue"


class EmailConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "email": by an SMTP server."""

    host: str = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    security: str = "starttls"
    """"starttls", "tls" or "none"."""
    user: str = ""
    password: Secret = Secret()
    sender: str = ""
    to: tuple[str, ...] = ()


class DiscordConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "discord": a channel's webhook."""

    url: Secret = Secret()


class TeamsConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "teams": a workflow that takes web requests."""

    url: Secret = Secret()


class TelegramConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "telegram": a bot that writes to a chat."""

    token: Secret = Secret()
    chat: str = ""
    """Number of the chat, or @name of a channel."""
    api: str = "https://api.telegram.org"


class DesktopConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "desktop": notify-send."""


class TerminalConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "terminal": a line and a bell in tmux, and a bell on the terminals that are named."""

    ttys: tuple[str, ...] = ()
    """Such as "/dev/pts/3"."""
    socket: str = ""
    """Name of tmux's socket, if it is not the usual one."""


class AppriseConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "apprise": everything the library apprise knows; needs runwatch[apprise]."""

    address: Secret = Secret()
    """Such as "matrix://..."; see apprise's documentation."""


AnyChannel: TypeAlias = (
    SlackConfig
    | WebhookConfig
    | CommandConfig
    | NtfyConfig
    | PagerDutyConfig
    | EmailConfig
    | DiscordConfig
    | TeamsConfig
    | TelegramConfig
    | DesktopConfig
    | TerminalConfig
    | AppriseConfig
)
KINDS: dict[str, type[AnyChannel]] = {
    "slack": SlackConfig,
    "discord": DiscordConfig,
    "teams": TeamsConfig,
    "telegram": TelegramConfig,
    "ntfy": NtfyConfig,
    "pagerduty": PagerDutyConfig,
    "email": EmailConfig,
    "webhook": WebhookConfig,
    "command": CommandConfig,
    "desktop": DesktopConfig,
    "terminal": TerminalConfig,
    "apprise": AppriseConfig,
}
_NEEDED: dict[type, tuple[str, ...]] = {
    WebhookConfig: ("url",),
    CommandConfig: ("command",),
    NtfyConfig: ("topic",),
    PagerDutyConfig: ("routing_key",),
    EmailConfig: ("host", "sender", "to"),
    DiscordConfig: ("url",),
    TeamsConfig: ("url",),
    TelegramConfig: ("token", "chat"),
    AppriseConfig: ("address",),
}


def secrets(section: msgspec.Struct) -> Iterator[Secret]:
    """Yield the secrets that are set in a section of the configuration."""
    for key in section.__struct_fields__:
        if isinstance(value := getattr(section, key), Secret) and value:
            yield value


def missing(given: AnyChannel) -> str:
    """Return the key without which a channel leads nowhere; "" if it leads somewhere."""
    if isinstance(given, SlackConfig):
        if given.token:
            return "" if given.channel else "channel"
        return "" if given.webhook else "webhook, or token and channel"
    return next((key for key in _NEEDED.get(type(given), ()) if not getattr(given, key)), "")
