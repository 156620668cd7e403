"""What can be configured: the sections of a runwatch.toml as frozen structs, with their defaults."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from runwatch.alerts.rules.ruleset import Ruleset

SOURCES = ("log", "wandb", "tensorboard", "metrics")
"""Kinds of source that tell metrics, in the order in which they are believed."""

TELLING = ("slack", "channels", "routing", "alerts", "messages", "maintenance", "actions")
"""Sections about telling people."""

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class TailConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How logs are read."""

    poll: bool = False
    """Look at intervals instead of being told: for network file systems that report no changes."""
    interval: Seconds = 0.5
    """Seconds between two looks when polling."""
    online: Seconds = 15.0
    """Seconds between two looks at a run on a W&B server."""
    format: str | None = None
    """Name of the log format (`runwatch formats` lists them); left out, it is detected."""


class SourcesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of several sources of a run is believed."""

    prefer: tuple[str, ...] = ()
    """Kinds of SOURCES, the first counts most; those left out follow in their usual order."""

    @property
    def order(self) -> tuple[str, ...]:
        """All kinds, those that count most first."""
        return tuple(dict.fromkeys((*self.prefer, *SOURCES)))


class WatchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the daemon watches: `runwatch watch`."""

    paths: tuple[str, ...] = ()
    """Log files, directories and patterns; relative ones are taken from where this file is."""
    exclude: tuple[str, ...] = ()
    """Patterns of files and directories that are not read, such as "*.debug.log" or "old"."""


class StateConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the daemon keeps in its state directory."""

    keep_days: Annotated[float, msgspec.Meta(gt=0, le=3660)] = 90.0
    """Days for which incidents, and runs that nothing is written to, are kept."""
    max_mb: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 1024.0
    """Most megabytes; of more, the runs written to longest ago are read again from their logs."""


class ScreenConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the screen looks."""

    theme: str = "dark"
    """dark, light, contrast (for eyes that tell few colours apart), ansi (the terminal's own colours),
    nord, gruvbox, dracula, catppuccin, tokyo-night, solarized-light or monokai."""
    ascii: bool = False
    """Draw with ASCII characters only."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be configured. The defaults need no file."""

    slack: SlackConfig = SlackConfig()
    rules: dict[str, RuleConfig | OwnRule] = {}
    runs: tuple[RunConfig, ...] = ()
    """What holds for some runs only, by their names."""
    tail: TailConfig = TailConfig()
    sources: SourcesConfig = SourcesConfig()
    watch: WatchConfig = WatchConfig()
    state: StateConfig = StateConfig()
    formats: tuple[FormatConfig, ...] = ()
    """Formats of the user's own; they are tried before the built-in ones."""
    names: dict[str, str | NameConfig] = {}
    """What printed names mean, as name = "train/loss"; they go before the lexicon."""
    channels: dict[str, ChannelConfig] = {}
    """Ways to reach people, as [channels.NAME]; [slack] is one more."""
    routing: RoutingConfig = RoutingConfig()
    screen: ScreenConfig = ScreenConfig()
    keys: dict[str, str | tuple[str, ...]] = {}
    """Keys of the screen by action, such as zoom = "f5"; `?` on the screen lists the actions."""
    maintenance: tuple[MaintenanceConfig, ...] = ()
    """Times in which alerts that fit are not told."""
    messages: MessagesConfig = MessagesConfig()
    alerts: AlertsConfig = AlertsConfig()
    actions: tuple[ActionConfig, ...] = ()
    """What is done when incidents fire. Nothing, unless it is asked for."""
    path: Path | None = None
    """The file this came from; not a key of the file."""

    def everyone(self) -> dict[str, ChannelConfig]:
        """Return all channels that lead somewhere, by name."""
        return {**({"slack": self.slack} if self.slack.webhook or self.slack.token else {}), **self.channels}

    @property
    def telling(self) -> Config:
        """What of it is about telling people, all else left at its defaults."""
        return msgspec.structs.replace(Config(), **{name: getattr(self, name) for name in TELLING})

    def secrets(self) -> Iterator[Secret]:
        """Yield all secrets that are set."""
        for section in (*self.everyone().values(), self.alerts):
            yield from secrets(section)

    def ruleset(self) -> Ruleset:
        """Return what judges runs. Raises ConfigError for a rule or threshold that does not exist."""
        from runwatch.alerts.rules.ruleset import configured

        return configured(self.rules, self.runs, self.where)

    def where(self, *keys: str | int) -> str:
        """Return "file:line" of a key, such as ("rules", "hang", "factor"), to put into an error."""
        if self.path is None:
            return "configuration"
        try:
            return where_is(self.path, contents(self.path)[0], keys)
        except ConfigError:  # it went away or changed since
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
