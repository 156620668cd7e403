"""Slack, with an incoming webhook or an app's bot token."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig, header_value, web_address

if TYPE_CHECKING:
    from runwatch.alerts.routing.notification import Channel, Memory


class SlackConfig(ChannelConfig, frozen=True, forbid_unknown_fields=True):
    """type = "slack", and the section [slack]: Slack with an incoming webhook or an app's bot token."""

    kind: ClassVar[str] = "slack"
    webhook: Secret = Secret()
    """Address of an incoming webhook. A secret: prefer $RUNWATCH_SLACK_WEBHOOK, which overrides it."""
    token: Secret = Secret()
    """Bot token (xoxb-...): one thread per incident, updated in place, with a plot."""
    channel: str = ""
    """Where the bot posts: the channel's id, or its name with #."""
    reports: bool = False
    """Whether the bot uploads the report of a run that ended. Needs a token and `[reports] enabled`."""
    api: str = "https://slack.com/api/"

    def missing(self) -> str:
        """Return the required keys that are missing."""
        if self.token:
            return "" if self.channel else "channel"
        if self.reports:
            return "token and channel: a webhook cannot upload reports"
        return "" if self.webhook else "webhook, or token and channel"

    def endpoint(self) -> str:
        """Return the address of the API, or of the webhook."""
        return self.api if self.token else self.webhook.reveal()

    def uploads(self) -> bool:
        """Return whether it uploads the reports of runs that ended."""
        return self.reports and bool(self.token)

    def scopes(self) -> tuple[str, ...]:
        """Return the scopes that the app needs; a webhook needs none."""
        read = ("files:read",) if self.reports else ()
        return ("chat:write", "files:write", *read, "channels:history") if self.token else ()

    def open(self, name: str, memory: Memory | None = None) -> Channel:
        """Return the channel: the bot's if there is a token."""
        if self.token:
            from runwatch.alerts.channels.slack.bot import SlackBotChannel

            api, token = web_address(name, self.api), header_value(name, self.token.reveal())
            return SlackBotChannel(
                token, self.channel, name=name, api=api, timeout=self.timeout, memory=memory
            )
        from runwatch.alerts.channels.slack.webhook import SlackChannel

        return SlackChannel(web_address(name, self.webhook.reveal()), name=name, timeout=self.timeout)
