"""runwatch.toml -> frozen structs. What cannot be meant is an error that says where and what instead.

Looked for at: the path given, $RUNWATCH_CONFIG, ./runwatch.toml, and
runwatch/runwatch.toml in the user's configuration directory. The first two
must exist when they are named. An error never repeats a value: it may be a secret.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from runwatch.alerts import settings
from runwatch.alerts.channels.settings import KINDS, AnyChannel, SlackConfig, missing
from runwatch.alerts.rules.settings import Number, OwnRule, RuleConfig, RunConfig
from runwatch.alerts.secret import Secret
from runwatch.alerts.settings import (
    ActionConfig,
    AlertsConfig,
    MaintenanceConfig,
    MessagesConfig,
    RoutingConfig,
)
from runwatch.errors import ConfigError
from runwatch.tomlplace import Keys, where_is
from runwatch.wording import check_names, expected, noun

if TYPE_CHECKING:
    from runwatch.alerts.rules.ruleset import Ruleset
    from runwatch.parsers.formats import Format

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "Config",
    "RuleConfig",
    "Secret",
    "SlackConfig",
    "StateConfig",
    "TailConfig",
    "WatchConfig",
    "check_names",
    "find",
    "load",
    "read",
]

FILE_NAME = "runwatch.toml"
PATH_VARIABLE = "RUNWATCH_CONFIG"
WEBHOOK_VARIABLE = "RUNWATCH_SLACK_WEBHOOK"

SOURCES = ("log", "wandb", "tensorboard", "metrics")
"""Kinds of source that tell metrics, in the order in which they are believed."""

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


class FormatConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One format of the user's own, as [[formats]]; see runwatch.parsers.user."""

    name: str = ""
    """What it is called."""
    train: str = ""
    """Template of a training line: `it {step}/{total} loss={loss}`."""
    eval: str = ""
    """Template of an evaluation's line."""
    regex: str = ""
    """Instead of `train`: a regular expression with named groups."""
    units: dict[str, str] = {}
    """Units of fields, such as dt = "ms"."""
    names: dict[str, str] = {}
    """Metric names of fields, such as l = "train/loss"."""

    def build(self) -> Format:
        """Return the format itself. Raises PatternError, which loading has ruled out."""
        from runwatch.parsers.user import build

        return build(
            self.name, train=self.train, eval=self.eval, regex=self.regex, units=self.units, names=self.names
        )


class ScreenConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the screen looks."""

    theme: str = "dark"
    """dark, light, contrast (for eyes that tell few colours apart) or ansi (the terminal's own colours)."""
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
    channels: dict[str, AnyChannel] = {}
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

    def everyone(self) -> dict[str, AnyChannel]:
        """Return all channels that lead somewhere, by name."""
        return {**({"slack": self.slack} if self.slack.webhook or self.slack.token else {}), **self.channels}

    def ruleset(self) -> Ruleset:
        """Return what judges runs. Raises ConfigError for a rule or threshold that does not exist."""
        from runwatch.alerts.rules.ruleset import configured

        return configured(self.rules, self.runs, self.where)

    def where(self, *keys: str | int) -> str:
        """Return "file:line" of a key, such as ("rules", "hang", "factor"), to put into an error."""
        if self.path is None:
            return "configuration"
        try:
            return where_is(self.path, _read(self.path), keys)
        except ConfigError:  # it went away or changed since
            return str(self.path)


def load(explicit: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Find and read the configuration; without a file, the defaults. Raises ConfigError."""
    path = find(explicit, environ)
    config = Config() if path is None else read(path)
    webhook = environ.get(WEBHOOK_VARIABLE, "")
    if webhook:
        secret = _web_address(webhook, "$" + WEBHOOK_VARIABLE)
        slack = msgspec.structs.replace(config.slack, webhook=secret)
        config = msgspec.structs.replace(config, slack=slack)
    return config


def find(explicit: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file that counts, or None if there is none. Raises ConfigError if a named one is missing."""
    named = [(explicit, "--config"), (environ.get(PATH_VARIABLE), "$" + PATH_VARIABLE)]
    for name, origin in named:
        if name:
            path = Path(name).expanduser()
            if not path.is_file():
                raise ConfigError("no such configuration file", str(path), f"correct or drop {origin}")
            return path
    import platformdirs

    usual = (Path(FILE_NAME), platformdirs.user_config_path("runwatch") / FILE_NAME)
    return next((path for path in usual if path.is_file()), None)


def read(path: Path) -> Config:
    """Read one file, ignoring the environment. Raises ConfigError with the line of what is wrong."""
    text = _read(path)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, line = str(error), re.search(r"\(at line (\d+), column \d+\)", str(error))
        where = f"{path}:{line[1]}" if line else str(path)
        raise ConfigError("not valid TOML", where, what[: line.start()].strip() if line else what) from None
    return _Reader(path, text).config(tables)


def format_name(asked: str | None, config: Config) -> str | None:
    """Return the format that logs are to be read as, `asked` for or configured; None: it is detected.

    Raises ConfigError if there is none of that name, with the nearest.
    """
    name = asked or config.tail.format
    if name is not None:
        from runwatch.parsers.formats import catalogue

        known = [*(own.name for own in config.formats), *(fmt.name for fmt in catalogue())]
        check_names([name], known, "--format" if asked else config.where("tail", "format"))
    return name


_T = TypeVar("_T", bound=msgspec.Struct)


class _Reader:
    """Turns the tables of one file into structs, key by key, so that each error has a line."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text

    def config(self, tables: Mapping[str, Any]) -> Config:
        known = [field.name for field in msgspec.structs.fields(Config) if field.name != "path"]
        check_names(tables, known, self.where)
        rules = self.table(("rules",), tables.get("rules", {}))
        config = Config(
            slack=self.section(SlackConfig, ("slack",), tables.get("slack", {})),
            rules={name: self.rule(("rules", name), table) for name, table in rules.items()},
            runs=self.runs(tables.get("runs", [])),
            tail=self.section(TailConfig, ("tail",), tables.get("tail", {})),
            sources=self.sources(tables.get("sources", {})),
            watch=self.section(WatchConfig, ("watch",), tables.get("watch", {})),
            state=self.section(StateConfig, ("state",), tables.get("state", {})),
            formats=self.formats(tables.get("formats", [])),
            channels={
                name: self.channel(("channels", name), table)
                for name, table in self.table(("channels",), tables.get("channels", {})).items()
            },
            routing=self.routing(tables.get("routing", {})),
            screen=self.section(ScreenConfig, ("screen",), tables.get("screen", {})),
            keys={
                name: self.value(("keys", name), str | tuple[str, ...], given)
                for name, given in self.table(("keys",), tables.get("keys", {})).items()
            },
            maintenance=self.sections(MaintenanceConfig, ("maintenance",), tables.get("maintenance", [])),
            messages=self.section(MessagesConfig, ("messages",), tables.get("messages", {})),
            alerts=self.section(AlertsConfig, ("alerts",), tables.get("alerts", {})),
            actions=self.sections(ActionConfig, ("actions",), tables.get("actions", [])),
            path=self.path,
        )
        self.judge(config)
        return config

    def judge(self, config: Config) -> None:
        """Raise ConfigError where what each section says is right and what it means is not."""
        named = {"slack": config.slack, **config.channels}  # $RUNWATCH_SLACK_WEBHOOK may yet name it
        meanings: dict[str, Callable[[], object]] = {
            "routing": lambda: settings.policy(config.routing, named),
            "maintenance": lambda: settings.maintenance(config.maintenance),
            "messages": config.messages.wording,
            "alerts": config.alerts.check,
            "actions": lambda: settings.actions(config.actions),
        }
        for section, meaning in meanings.items():
            try:
                meaning()
            except settings.SettingError as error:
                raise ConfigError(str(error), self.where(section, *error.key)) from None

    def channel(self, keys: Keys, given: object) -> AnyChannel:
        table = dict(self.table(keys, given))
        kind = self.value((*keys, "type"), str, table.pop("type", ""))
        if kind not in KINDS:
            place = (*keys, "type") if kind else keys
            raise ConfigError("a channel needs a type", self.where(*place), f"one of {', '.join(KINDS)}")
        if keys[-1] == "slack":
            raise ConfigError(
                "this name is taken by the section [slack]", self.where(*keys), "choose another"
            )
        found = self.section(KINDS[kind], keys, table)
        if key := missing(found):
            raise ConfigError(f"a channel of type {kind} needs {key}", self.where(*keys))
        return found

    def routing(self, given: object) -> RoutingConfig:
        table = dict(self.table(("routing",), given))
        lists = {
            key: tuple(
                self.section(kind, ("routing", key, index), _renamed(item))
                for index, item in enumerate(self.list(("routing", key), table.pop(key, [])))
            )
            for key, kind in (("routes", settings.RouteConfig), ("inhibit", settings.InhibitConfig))
        }
        return msgspec.structs.replace(self.section(RoutingConfig, ("routing",), table), **lists)

    def list(self, keys: Keys, given: object) -> list[Any]:
        if not isinstance(given, list):
            raise self.wrong(keys, f"sections with doubled brackets, [[{'.'.join(map(str, keys))}]]", given)
        return given

    def sources(self, given: object) -> SourcesConfig:
        found = self.section(SourcesConfig, ("sources",), given)
        check_names(found.prefer, SOURCES, self.where("sources", "prefer"))
        return found

    def formats(self, given: object) -> tuple[FormatConfig, ...]:
        tables = self.list(("formats",), given)
        return tuple(self.format(("formats", index), table) for index, table in enumerate(tables))

    def format(self, keys: Keys, given: object) -> FormatConfig:
        from runwatch.parsers.user import PatternError

        found = self.section(FormatConfig, keys, given)
        if not found.name:
            raise ConfigError("a format needs a name", self.where(*keys), 'such as name = "mine"')
        try:
            found.build()
        except PatternError as error:
            raise ConfigError(str(error), self.where(*keys, error.key), error.advice) from None
        return found

    def section(self, kind: type[_T], keys: Keys, given: object) -> _T:
        table = self.table(keys, given)
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
        check_names(table, fields, lambda name: self.where(*keys, name))
        return kind(**{name: self.value((*keys, name), fields[name], table[name]) for name in table})

    def sections(self, kind: type[_T], keys: Keys, given: object) -> tuple[_T, ...]:
        tables = self.list(keys, given)
        return tuple(self.section(kind, (*keys, index), table) for index, table in enumerate(tables))

    def rule(self, keys: Keys, given: object) -> RuleConfig | OwnRule:
        table = self.table(keys, given)
        if "metric" not in table:
            return self.thresholds(keys, table)
        found = self.section(OwnRule, keys, table)
        if not found.metric or (found.above is None and found.below is None):
            lacks = "above or below" if found.metric else "a metric"
            raise ConfigError(f"a rule of your own needs {lacks}", self.where(*keys))
        return found

    def thresholds(self, keys: Keys, section: object) -> RuleConfig:
        table = dict(self.table(keys, section))
        given = table.pop("enabled", None)
        enabled = None if given is None else self.value((*keys, "enabled"), bool, given)
        return RuleConfig(enabled, {name: self.value((*keys, name), Number, table[name]) for name in table})

    def runs(self, given: object) -> tuple[RunConfig, ...]:
        tables = self.list(("runs",), given)
        return tuple(self.run(("runs", index), table) for index, table in enumerate(tables))

    def run(self, keys: Keys, given: object) -> RunConfig:
        table = dict(self.table(keys, given))
        rules = self.table((*keys, "rules"), table.pop("rules", {}))
        match = self.section(RunConfig, keys, table).match
        if not match:
            raise ConfigError("[[runs]] needs a match", self.where(*keys), 'such as match = "exp-*"')
        return RunConfig(
            match, {name: self.thresholds((*keys, "rules", name), rules[name]) for name in rules}
        )

    def table(self, keys: Keys, given: object) -> Mapping[str, Any]:
        if isinstance(given, Mapping):
            return given
        raise self.wrong(keys, "a section", given)

    def value(self, keys: Keys, kind: Any, given: object) -> Any:
        if kind is Secret:
            return self.secret(keys, given)
        try:
            return msgspec.convert(given, kind)
        except msgspec.ValidationError:
            raise self.wrong(keys, expected(kind), given) from None

    def secret(self, keys: Keys, given: object) -> Secret:
        if not isinstance(given, Mapping):
            text = self.value(keys, str, given)
            address = text and keys[-1] in ("webhook", "url")
            return _web_address(text, self.where(*keys)) if address else Secret(text)
        kinds: dict[str, Any] = {"env": str, "file": str, "command": tuple[str, ...]}
        check_names(given, kinds, lambda name: self.where(*keys, name))
        if len(given) != 1:
            raise ConfigError("a secret comes from one place", self.where(*keys), 'such as { env = "NAME" }')
        ((name, place),) = given.items()
        found = self.value((*keys, name), kinds[name], place)
        if not found:
            raise ConfigError("a secret comes from somewhere", self.where(*keys), 'such as { env = "NAME" }')
        return Secret("", (name, found) if isinstance(found, str) else (name, *found))

    def wrong(self, keys: Keys, expected: str, given: object) -> ConfigError:
        place = ".".join(str(key) for key in keys if isinstance(key, str))
        what = f"{place} must be {expected}, not {noun(given)}"
        return ConfigError(what, self.where(*keys))

    def where(self, *keys: str | int) -> str:
        return where_is(self.path, self.text, keys)


def _renamed(table: Any) -> Any:
    """Return a route's table with the key that Python keeps for itself renamed."""
    if isinstance(table, Mapping) and "continue" in table:
        return {"continue_" if key == "continue" else key: value for key, value in table.items()}
    return table


def _web_address(text: str, where: str) -> Secret:
    """Return the address as a secret. Raises ConfigError, without repeating it, if it is none."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and text.isascii()
    except ValueError:
        good = False
    if not good or any(character <= " " for character in text):
        raise ConfigError("not a web address", where, "a webhook's begins with https://")
    return Secret(text)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError("cannot read the configuration", str(path), error.strerror or "") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text", f"{path}:{line}", "save the file as UTF-8") from None
