"""The sections of runwatch.toml as frozen structs, with their defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig, secrets
from runwatch.alerts.channels.slack import SlackConfig
from runwatch.alerts.rules.settings import OwnRule, RuleConfig, RunConfig
from runwatch.alerts.settings import (
    ActionConfig,
    AlertsConfig,
    MaintenanceConfig,
    MessagesConfig,
    RoutingConfig,
)
from runwatch.config.formats import FormatConfig, NameConfig
from runwatch.config.locations import where_is
from runwatch.core.errors import ConfigError
from runwatch.core.theme_names import DARK

if TYPE_CHECKING:
    from runwatch.alerts.rules.ruleset import Ruleset

SOURCES = ("log", "wandb", "tensorboard", "metrics")
"""Kinds of source with metrics, by default priority."""

TELLING = ("slack", "channels", "routing", "alerts", "messages", "maintenance", "actions")
"""Sections about alerts."""

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class TailConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How logs are read."""

    poll: bool = False
    """Check for changes at intervals. For network file systems, which do not report changes."""
    interval: Seconds = 0.5
    """Seconds between two checks when polling."""
    online: Seconds = 15.0
    """Seconds between two requests for a run on a W&B server."""
    format: str | None = None
    """Name of the log format (`runwatch formats` lists them). By default it is detected."""


class SourcesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of several sources of a run has priority."""

    prefer: tuple[str, ...] = ()
    """Kinds of source by priority, such as ["wandb", "log"]; the others follow in this order: log, wandb,
    tensorboard, metrics."""

    @property
    def order(self) -> tuple[str, ...]:
        """All kinds, highest priority first."""
        return tuple(dict.fromkeys((*self.prefer, *SOURCES)))


class WatchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the daemon watches: `runwatch watch`."""

    paths: tuple[str, ...] = ()
    """Log files, directories and patterns. Relative paths start at the directory of this file."""
    exclude: tuple[str, ...] = ()
    """Patterns of files and directories that are not read, such as "*.debug.log" or "old"."""


class StateConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the daemon keeps in its state directory."""

    keep_days: Annotated[float, msgspec.Meta(gt=0, le=3660)] = 90.0
    """Days to keep incidents and inactive runs."""
    max_mb: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 1024.0
    """Most megabytes. Above this, the state of the longest inactive runs is dropped; their logs are read
    again if needed."""


class ReportsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reports that the daemon writes when a run ends."""

    enabled: bool = False
    """Write a report of each run that ends while the daemon watches it."""
    directory: str = ""
    """Where reports are written. By default `reports` in the state directory."""
    url: str = ""
    """Web address at which you serve that directory. Messages then link to reports there."""
    form: Literal["html", "markdown", "json"] = "html"
    """html, markdown or json."""
    keep: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 100
    """Reports to keep; the oldest are removed."""
    price_per_gpu_hour: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Price of one GPU for an hour. Without it no cost is stated."""
    gpus: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Number of GPUs of a run, if nothing else says it."""


class MetricsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of the daemon, for Prometheus or an OpenTelemetry collector: docs/fleet.md."""

    listen: str = ""
    """Address and port, such as "127.0.0.1:9464", or ":9464" for all addresses. By default none."""
    token: Secret = Secret()
    """What a scraper has to send as `Authorization: Bearer`."""
    cert_file: str = ""
    """Certificate for HTTPS, in PEM, with its chain."""
    key_file: str = ""
    """Its private key, if it is in another file."""
    host: str = ""
    """Value of the label `host`. By default the name of this machine."""
    job: str = ""
    """Value of the label `job_id` of runs for which neither SLURM nor torchrun has one."""
    ranks: Literal["all", "summary"] = "all"
    """Which ranks have series: "all", or with "summary" only those that differ most."""
    runs: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    """Most runs with series; the most urgent go first."""
    ended: Annotated[float, msgspec.Meta(ge=0, le=30 * 86400)] = 900.0
    """Seconds for which a run that has ended keeps its series."""
    otlp: str = ""
    """Address of an OpenTelemetry collector, such as "http://collector:4318"; needs the extra `otlp`."""
    otlp_token: Secret = Secret()
    """What the collector is sent as `Authorization: Bearer`."""
    otlp_headers: Secret = Secret()
    """Further headers that the collector is sent, as "NAME=VALUE,NAME=VALUE"; special characters as %20."""
    otlp_interval: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 15.0
    """Seconds between two pushes to the collector."""

    def lacks(self) -> str:
        """Return what is not installed and how to get it; "" if nothing is missing."""
        if not self.otlp:
            return ""
        import importlib.util

        try:
            found = importlib.util.find_spec("opentelemetry.proto") is not None
        except ModuleNotFoundError:
            found = False
        return "" if found else "opentelemetry-proto is not installed: pip install 'runwatch[otlp]'"

    def collector(self) -> str:
        """Return the address that is pushed to, with its path; "" for none. Raises ValueError."""
        if not self.otlp:
            return ""
        url = urlsplit(self.otlp)  # both raise ValueError
        good = url.scheme in ("http", "https") and url.hostname and url.port != 0 and "@" not in url.netloc
        if not good or not re.fullmatch("[!-~]+", self.otlp) or url.query or url.fragment:
            raise ValueError(self.otlp)
        path = url.path.rstrip("/")
        return url._replace(path=path if path.endswith("/v1/metrics") else f"{path}/v1/metrics").geturl()

    def address(self) -> tuple[str | None, int]:
        """Return host and port to listen on; None is all addresses. Raises ValueError."""
        host, colon, port = self.listen.rpartition(":")
        if not (colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError('not an address and a port, such as "127.0.0.1:9464"')
        return host.removeprefix("[").removesuffix("]") or None, int(port)


class ScreenConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the screen looks."""

    theme: str = DARK
    """dark, light, contrast (for readers who distinguish few colors), color-blind (for readers who do not
    distinguish red and green), ansi (the terminal's own colors), nord, gruvbox, dracula, catppuccin,
    tokyo-night, solarized-light or monokai."""
    ascii: bool = False
    """Draw with ASCII characters only."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be configured. The defaults need no file."""

    slack: SlackConfig = SlackConfig()
    rules: dict[str, RuleConfig | OwnRule] = {}
    runs: tuple[RunConfig, ...] = ()
    tail: TailConfig = TailConfig()
    sources: SourcesConfig = SourcesConfig()
    watch: WatchConfig = WatchConfig()
    state: StateConfig = StateConfig()
    reports: ReportsConfig = ReportsConfig()
    formats: tuple[FormatConfig, ...] = ()
    """They are tried before the built-in formats."""
    names: dict[str, str | NameConfig] = {}
    """What printed names mean, as name = "train/loss". These have priority over the lexicon."""
    channels: dict[str, ChannelConfig] = {}
    """The section [slack] is one more channel."""
    routing: RoutingConfig = RoutingConfig()
    metrics: MetricsConfig = MetricsConfig()
    screen: ScreenConfig = ScreenConfig()
    keys: dict[str, str | tuple[str, ...]] = {}
    """Keys of the screen by action, such as zoom = "f5"; `?` on the screen lists the actions."""
    maintenance: tuple[MaintenanceConfig, ...] = ()
    messages: MessagesConfig = MessagesConfig()
    alerts: AlertsConfig = AlertsConfig()
    actions: tuple[ActionConfig, ...] = ()
    """No action runs by default."""
    path: Path | None = None
    """The file this came from; not a key of the file."""

    def everyone(self) -> dict[str, ChannelConfig]:
        """Return all channels with an address, by name."""
        return {**({"slack": self.slack} if self.slack.webhook or self.slack.token else {}), **self.channels}

    @property
    def notifying(self) -> Config:
        """The sections about alerts, everything else at its defaults."""
        return msgspec.structs.replace(Config(), **{name: getattr(self, name) for name in TELLING})

    def secrets(self) -> Iterator[Secret]:
        """Yield all secrets that are set."""
        for section in (*self.everyone().values(), self.alerts, self.metrics):
            yield from secrets(section)

    def ruleset(self) -> Ruleset:
        """Return the rules to apply. Raises ConfigError for a rule or threshold that does not exist."""
        from runwatch.alerts.rules.ruleset import configured

        return configured(self.rules, self.runs, self.where)

    def where(self, *keys: str | int) -> str:
        """Return "file:line" of a key, such as ("rules", "hang", "factor"), for an error."""
        if self.path is None:
            return "configuration"
        try:
            return where_is(self.path, contents(self.path)[0], keys)
        except ConfigError:  # it was removed or changed meanwhile
            return str(self.path)


def contents(path: Path, judge: Callable[[int], None] | None = None) -> tuple[str, int]:
    """Return the text of a file and its mode; `judge` may refuse its descriptor. Raises ConfigError."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            if judge is not None:
                judge(file.fileno())
            return file.read(), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise ConfigError("cannot read the configuration", str(path), error.strerror or "") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text", f"{path}:{line}", "save the file as UTF-8") from None
