"""What runwatch.toml says about alerts: [channels.NAME] and [routing]. Durations are in seconds."""

from __future__ import annotations

import datetime
from typing import Annotated, TypeAlias

import msgspec

from runwatch.alerts.policy import (
    BUILT_IN,
    LABELS,
    Inhibition,
    Matcher,
    Policy,
    Quiet,
    Receiver,
    Route,
    parse_matcher,
)
from runwatch.alerts.queue import KEEP_TRYING
from runwatch.alerts.secret import Secret
from runwatch.alerts.silences import Once, Weekly, parse_hours, parse_weekly
from runwatch.findings import Severity

Timeout = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Duration = Annotated[float, msgspec.Meta(ge=0, le=30 * 86400)]
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


class SlackConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where and when to send Slack messages."""

    webhook: Secret = Secret()
    """Address of an incoming webhook. A secret: better set as $RUNWATCH_SLACK_WEBHOOK, which wins."""
    min_severity: Severity = Severity.WARNING
    """Least severity that is sent: "info", "warning" or "critical"."""
    send_resolved: bool = True
    """Whether to say when an incident that was sent is over."""
    timeout: Timeout = 10.0
    """Seconds to wait for Slack's answer before trying again later."""
    per_minute: Rate = 30
    """Most messages a minute; what is beyond is told in a summary."""


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


AnyChannel: TypeAlias = (
    SlackConfig | WebhookConfig | CommandConfig | NtfyConfig | PagerDutyConfig | EmailConfig
)
KINDS: dict[str, type[AnyChannel]] = {
    "slack": SlackConfig,
    "webhook": WebhookConfig,
    "command": CommandConfig,
    "ntfy": NtfyConfig,
    "pagerduty": PagerDutyConfig,
    "email": EmailConfig,
}
NEEDED: dict[type, tuple[str, ...]] = {
    SlackConfig: ("webhook",),
    WebhookConfig: ("url",),
    CommandConfig: ("command",),
    NtfyConfig: ("topic",),
    PagerDutyConfig: ("routing_key",),
    EmailConfig: ("host", "sender", "to"),
}
"""Keys without which a channel leads nowhere."""


class RouteConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[routing.routes]]: where alerts go that satisfy all of `match`; the first that fits takes them."""

    match: tuple[str, ...] = ()
    """Such as "severity=critical" or "run=~exp.*"."""
    channels: tuple[str, ...] = ()
    """Names of channels; left out, all of them."""
    group_by: tuple[str, ...] | None = None
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    continue_: bool = False
    """`continue` in the file: try the routes after it too."""


class InhibitConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[routing.inhibit]]: while a source fires, targets that agree with it in `equal` are not told."""

    source: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    equal: tuple[str, ...] = ("run",)


class RoutingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[routing]: what holds for all routes, unless one says otherwise."""

    group_by: tuple[str, ...] = ("run", "incident")
    """Alerts that agree in these share messages; ["run"] is one thread of messages a run."""
    group_wait: Duration = 0.0
    """How long a new group waits for company before its first message."""
    group_interval: Duration = 0.0
    """Least time between two messages of a group about what is new."""
    repeat_interval: Duration = 0.0
    """Time after which what still fires is told again; 0 is never."""
    quiet_hours: str = ""
    """Such as "22:00-07:00", local time."""
    quiet_override: Severity = Severity.CRITICAL
    """What is at least this grave is told in quiet hours too."""
    give_up_after: Annotated[float, msgspec.Meta(ge=60, le=30 * 86400)] = KEEP_TRYING
    """Age at which an undelivered message is given up."""
    routes: tuple[RouteConfig, ...] = ()
    inhibit: tuple[InhibitConfig, ...] = ()


class MaintenanceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[maintenance]]: while it lasts, alerts that satisfy all of `match` are not told."""

    match: tuple[str, ...] = ()
    """Such as "host=node1"; left out, all alerts."""
    starts: datetime.datetime | None = None
    """Such as 2030-01-31T18:00:00; local time unless it says otherwise."""
    ends: datetime.datetime | None = None
    weekly: str = ""
    """Instead of both: days and local hours, such as "sat,sun 22:00-06:00"."""


class SettingError(ValueError):
    """A value that cannot be meant, and the key it stands under."""

    def __init__(self, key: tuple[str | int, ...], what: str) -> None:
        super().__init__(what)
        self.key = key


def policy(routing: RoutingConfig, channels: dict[str, AnyChannel]) -> Policy:
    """Return what the configuration means. Raises SettingError."""
    _labels(routing.group_by, ("group_by",))
    base = Route(
        (), (), routing.group_by, routing.group_wait, routing.group_interval, routing.repeat_interval
    )
    return Policy(
        receivers=tuple(
            Receiver(name, c.min_severity, c.send_resolved, c.per_minute) for name, c in channels.items()
        ),
        routes=tuple(_route(index, given, base, channels) for index, given in enumerate(routing.routes)),
        otherwise=base,
        inhibitions=(*BUILT_IN, *(_inhibition(index, given) for index, given in enumerate(routing.inhibit))),
        quiet=_quiet(routing),
    )


def _route(index: int, given: RouteConfig, base: Route, channels: dict[str, AnyChannel]) -> Route:
    at = ("routes", index)
    for name in given.channels:
        if name not in channels:
            known = ", ".join(channels) or "none"
            raise SettingError((*at, "channels"), f"no channel is named {name!r}; there are: {known}")
    if given.group_by is not None:
        _labels(given.group_by, (*at, "group_by"))
    own = {
        key: value
        for key in ("group_by", "group_wait", "group_interval", "repeat_interval")
        if (value := getattr(given, key)) is not None
    }
    return msgspec.structs.replace(
        base,
        matchers=tuple(_matcher(text, (*at, "match")) for text in given.match),
        channels=given.channels,
        goes_on=given.continue_,
        **own,
    )


def _inhibition(index: int, given: InhibitConfig) -> Inhibition:
    at = ("inhibit", index)
    _labels(given.equal, (*at, "equal"))
    for key in ("source", "target"):
        if not getattr(given, key):
            raise SettingError(at, f'an inhibition needs {key}, such as {key} = ["rule=crash"]')
    return Inhibition(
        tuple(_matcher(text, (*at, "source")) for text in given.source),
        tuple(_matcher(text, (*at, "target")) for text in given.target),
        given.equal,
    )


def _matcher(text: str, key: tuple[str | int, ...]) -> Matcher:
    try:
        return parse_matcher(text)
    except ValueError as error:
        raise SettingError(key, str(error)) from None


def _labels(given: tuple[str, ...], key: tuple[str | int, ...]) -> None:
    for label in given:
        if label not in LABELS:
            raise SettingError(key, f"no label is named {label!r}; there are {', '.join(LABELS)}")


def _quiet(routing: RoutingConfig) -> Quiet | None:
    if not routing.quiet_hours:
        return None
    try:
        start, end = parse_hours(routing.quiet_hours)
    except ValueError as error:
        raise SettingError(("quiet_hours",), f"quiet {error}") from None
    return Quiet(start, end, routing.quiet_override)


def maintenance(given: tuple[MaintenanceConfig, ...]) -> tuple[Once | Weekly, ...]:
    """Return the windows that the configuration means. Raises SettingError."""
    return tuple(_window(index, window) for index, window in enumerate(given))


def _window(index: int, given: MaintenanceConfig) -> Once | Weekly:
    matchers = tuple(_matcher(text, (index, "match")) for text in given.match)
    if given.weekly:
        if given.starts is not None or given.ends is not None:
            raise SettingError((index, "weekly"), "a maintenance window is weekly or has starts and ends")
        try:
            return parse_weekly(given.weekly, matchers)
        except ValueError as error:
            raise SettingError((index, "weekly"), str(error)) from None
    if given.starts is None or given.ends is None:
        raise SettingError((index,), "a maintenance window needs starts and ends, or weekly")
    begin, end = given.starts.timestamp(), given.ends.timestamp()
    if end <= begin:
        raise SettingError((index, "ends"), "a maintenance window ends after it starts")
    return Once(matchers, begin, end)
