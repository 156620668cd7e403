"""The sections of runwatch.toml about alerts, such as [routing]. Durations are in seconds."""

from __future__ import annotations

import datetime
import re
from enum import Enum
from typing import Annotated

import msgspec

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig
from runwatch.alerts.delivery import templates as wording
from runwatch.alerts.delivery.actions import Action
from runwatch.alerts.delivery.queue import KEEP_TRYING
from runwatch.alerts.delivery.signals import SIGNALS
from runwatch.alerts.routing.notification import Wording
from runwatch.alerts.routing.policy import (
    BUILT_IN,
    LABELS,
    Damping,
    Inhibition,
    Matcher,
    Policy,
    Quiet,
    Receiver,
    Route,
    parse_matcher,
)
from runwatch.alerts.routing.silences import Once, Weekly, parse_hours, parse_time, parse_weekly
from runwatch.core.findings import Severity

Duration = Annotated[float, msgspec.Meta(ge=0, le=30 * 86400)]


class RouteConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"continue_": "continue"}):
    """[[routing.routes]]: channels for alerts that match all of `match`. The first match is used."""

    match: tuple[str, ...] = ()
    """Such as "severity=critical" or "run=~exp.*"."""
    channels: tuple[str, ...] = ()
    """Names of channels. By default all."""
    group_by: tuple[str, ...] | None = None
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    continue_: bool = False
    """Try the following routes too."""


class InhibitConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[routing.inhibit]]: while `source` fires, `target` with the same `equal` labels is not sent."""

    source: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    equal: tuple[str, ...] = ("run",)


class RoutingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[routing]: defaults for all routes."""

    group_by: tuple[str, ...] = ("run", "incident")
    """Alerts with the same values of these labels share messages; ["run"] gives one thread per run."""
    group_wait: Duration = 0.0
    """Seconds that a new group waits for more alerts before its first message."""
    group_interval: Duration = 0.0
    """Least seconds between two messages of a group about new alerts."""
    repeat_interval: Duration = 0.0
    """Seconds after which an alert that still fires is sent again; 0: never."""
    flap_count: Annotated[int, msgspec.Meta(ge=0, le=100)] = 3
    """After resolving this often within `flap_window`, an alert is reported as flapping; 0: never."""
    flap_window: Duration = 1800.0
    """Seconds in which resolved alerts are counted."""
    flap_calm: Duration = 900.0
    """Seconds without firing or resolving until a flapping alert is sent again."""
    resolve_delay: Duration = 0.0
    """Seconds that a resolved message waits. If the alert fires again by then, neither is sent."""
    quiet_hours: str = ""
    """Such as "22:00-07:00", local time."""
    quiet_override: Severity = Severity.CRITICAL
    """Alerts of at least this severity are sent in quiet hours too."""
    give_up_after: Annotated[float, msgspec.Meta(ge=60, le=30 * 86400)] = KEEP_TRYING
    """Seconds after which an undelivered message is given up."""
    routes: tuple[RouteConfig, ...] = ()
    inhibit: tuple[InhibitConfig, ...] = ()


class MaintenanceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[maintenance]]: a time in which alerts that match all of `match` are not sent."""

    match: tuple[str, ...] = ()
    """Such as "host=node1". By default all alerts."""
    starts: datetime.datetime | None = None
    """Such as 2030-01-31T18:00:00; local time unless it has an offset."""
    ends: datetime.datetime | None = None
    weekly: str = ""
    """Instead of both: days and local hours, such as "sat,sun 22:00-06:00"."""


class MessagesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[messages]: your own message text, with fields such as {title}; docs/alerts.md lists them."""

    title: str = ""
    body: str = ""
    """One or more lines. A line whose fields are all empty is left out."""

    def wording(self) -> Wording | None:
        """Return the templates, None if there are none. Raises SettingError."""
        for key in ("title", "body"):
            try:
                wording.check(getattr(self, key))
            except ValueError as error:
                raise SettingError((key,), str(error)) from None
        return Wording(self.title, self.body) if self.title or self.body else None


class Mode(str, Enum):
    """Which system pages. It is exactly one, so that no one is paged twice."""

    LOCAL = "local"
    """The channels of runwatch."""
    ALERTMANAGER = "alertmanager"
    """An Alertmanager that gets the firing alerts."""
    PROMETHEUS = "prometheus"
    """Rules over the exported metrics: runwatch sends nothing."""


class AlertsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[alerts]: which system pages, and when the digest is sent."""

    mode: Mode = Mode.LOCAL
    """Which system pages: docs/alerts.md explains the modes."""
    peers: tuple[str, ...] = ()
    """Addresses of all peers of the Alertmanager: ["http://am1:9093"]."""
    token: Secret = Secret()
    """Sent to the peers as `Authorization: Bearer`."""
    fallback: Annotated[float, msgspec.Meta(ge=1, le=86400)] = 300.0
    """Seconds without reaching any peer until alerts go to the channels instead."""
    digest: str = "09:00"
    """Local time of the daily summary, for channels with digest = true."""

    def minute(self) -> int:
        """Return the minute of the day of the digest. Raises SettingError."""
        try:
            return parse_time(self.digest)
        except ValueError:
            raise SettingError(("digest",), 'the digest comes at a time such as "09:00"') from None

    def check(self) -> None:
        """Raise SettingError for an invalid value."""
        self.minute()
        if self.mode is Mode.ALERTMANAGER and not self.peers:
            raise SettingError(("mode",), "an Alertmanager needs its address: peers")
        for peer in self.peers:
            if not re.fullmatch(r"https?://[!-~]+", peer):
                raise SettingError(("peers",), "not a web address")


class ActionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[actions]]: what runwatch does when an incident fires that matches all of `match`."""

    name: str = ""
    match: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """Program and arguments; no shell. It gets the webhook's JSON on its standard input."""
    signal: str = ""
    """Signal for the run's own processes, sent before the command: SIGUSR1, SIGUSR2, SIGINT or SIGTERM."""
    dry_run: bool = True
    """Only write the action to the audit log; do not run it."""
    confirm: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 60.0
    """Seconds in which you can stop it by acknowledging the incident."""
    every: Annotated[float, msgspec.Meta(ge=1, le=30 * 86400)] = 3600.0
    """Least seconds between two actions for one run."""


class SettingError(ValueError):
    """An invalid value, and its key."""

    def __init__(self, key: tuple[str | int, ...], what: str) -> None:
        super().__init__(what)
        self.key = key


def policy(routing: RoutingConfig, channels: dict[str, ChannelConfig]) -> Policy:
    """Return the routing policy. Raises SettingError."""
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
        damping=Damping(routing.flap_count, routing.flap_window, routing.flap_calm, routing.resolve_delay),
    )


def _route(index: int, given: RouteConfig, base: Route, channels: dict[str, ChannelConfig]) -> Route:
    at = ("routes", index)
    for name in given.channels:
        if name not in channels:
            known = ", ".join(channels) or "none"
            raise SettingError((*at, "channels"), f"no channel is named {name!r}; known channels: {known}")
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
        continues=given.continue_,
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
            raise SettingError(key, f"no label is named {label!r}; known labels: {', '.join(LABELS)}")


def _quiet(routing: RoutingConfig) -> Quiet | None:
    if not routing.quiet_hours:
        return None
    try:
        start, end = parse_hours(routing.quiet_hours)
    except ValueError as error:
        raise SettingError(("quiet_hours",), f"quiet {error}") from None
    return Quiet(start, end, routing.quiet_override)


def maintenance(given: tuple[MaintenanceConfig, ...]) -> tuple[Once | Weekly, ...]:
    """Return the maintenance windows. Raises SettingError."""
    return tuple(_window(index, window) for index, window in enumerate(given))


def actions(given: tuple[ActionConfig, ...]) -> tuple[Action, ...]:
    """Return the actions. Raises SettingError."""
    names = [action.name for action in given]
    for index, action in enumerate(given):
        if not action.name or names.count(action.name) > 1:
            raise SettingError((index,), "an action needs a unique name")
        if not action.match:
            raise SettingError((index,), 'an action needs match, such as match = ["rule=hang"]')
        if not action.command and not action.signal:
            raise SettingError((index,), "an action needs a command or a signal")
        if action.signal and action.signal not in SIGNALS:
            raise SettingError((index, "signal"), f"signals that an action may send: {', '.join(SIGNALS)}")
    return tuple(
        Action(
            action.name,
            tuple(_matcher(text, (index, "match")) for text in action.match),
            action.command,
            action.signal,
            action.dry_run,
            action.confirm,
            action.every,
        )
        for index, action in enumerate(given)
    )


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
