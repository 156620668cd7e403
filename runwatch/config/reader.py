"""The tables of a TOML file -> frozen structs, key by key, so that each error has a line."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from runwatch.alerts import settings
from runwatch.alerts.channels.kinds import kinds
from runwatch.alerts.channels.secret import Secret
from runwatch.alerts.channels.settings import ChannelConfig, is_web_address
from runwatch.alerts.rules.settings import Number, OwnRule, RuleConfig, RunConfig
from runwatch.alerts.settings import (
    RoutingConfig,
)
from runwatch.config.formats import FormatConfig, NameConfig
from runwatch.config.locations import Keys, where_is
from runwatch.config.sections import (
    SOURCES,
    Config,
    MetricsConfig,
    ScreenConfig,
    SourcesConfig,
)
from runwatch.core.errors import ConfigError
from runwatch.core.known_names import check_names, expected, noun
from runwatch.core.theme_names import THEMES


def parsed(tables: Mapping[str, Any], path: Path, text: str) -> Config:
    """Return what the tables of a file say; `text` is what the file holds. Raises ConfigError."""
    return _Reader(path, text).config(tables)


_T = TypeVar("_T", bound=msgspec.Struct)


def _is_own(table: Mapping[str, Any]) -> bool:
    """Return whether a rule without a metric should have one: only user rules have text values."""
    limits = table.keys() & {"above", "below"} and any(isinstance(value, str) for value in table.values())
    return bool(limits or table.keys() & {"aggregate", "severity", "message"})


class _Reader:
    """Turns the tables of one file into structs; raises ConfigError with the line of what is wrong."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text

    def config(self, tables: Mapping[str, Any]) -> Config:
        kinds = {field.name: field.type for field in msgspec.structs.fields(Config) if field.name != "path"}
        check_names(tables, kinds, self.where)
        found = {name: self.part(name, kind, tables[name]) for name, kind in kinds.items() if name in tables}
        config = Config(**found, path=self.path)
        self.judge(config)
        return config

    def part(self, name: str, kind: Any, given: object) -> Any:
        """Return what a key of the file holds: a section, a list of sections, or things by name."""
        whole: dict[str, Callable[[object], Any]] = {
            "sources": self.sources,
            "formats": self.formats,
            "routing": self.routing,
            "metrics": self.metrics,
            "screen": self.screen,
        }
        each: dict[str, Callable[[Keys, object], Any]] = {
            "rules": self.rule,
            "runs": self.run,
            "names": self.name,
            "channels": self.channel,
        }
        if name in whole:
            return whole[name](given)
        if typing.get_origin(kind) is dict:
            read = each.get(name) or (lambda keys, one: self.value(keys, typing.get_args(kind)[1], one))
            return {key: read((name, key), one) for key, one in self.table((name,), given).items()}
        if typing.get_origin(kind) is tuple:
            read = each.get(name) or (lambda keys, one: self.section(typing.get_args(kind)[0], keys, one))
            return tuple(read((name, index), one) for index, one in enumerate(self.list((name,), given)))
        return self.section(kind, (name,), given)

    def judge(self, config: Config) -> None:
        """Raise ConfigError where each value is valid but their meaning together is not."""
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

    def metrics(self, given: object) -> MetricsConfig:
        found = self.section(MetricsConfig, ("metrics",), given)
        try:
            if found.listen:
                found.address()
        except ValueError as error:
            raise ConfigError(str(error), self.where("metrics", "listen")) from None
        try:
            found.collector()
        except ValueError:
            what = 'not a web address without a login, such as "http://collector:4318"'
            raise ConfigError(what, self.where("metrics", "otlp")) from None
        if found.key_file and not found.cert_file:
            raise ConfigError("a key needs its certificate: cert_file", self.where("metrics", "key_file"))
        return found

    def screen(self, given: object) -> ScreenConfig:
        found = self.section(ScreenConfig, ("screen",), given)
        check_names([found.theme], THEMES, lambda _: self.where("screen", "theme"))
        return found

    def channel(self, keys: Keys, given: object) -> ChannelConfig:
        table = dict(self.table(keys, given))
        kind = self.value((*keys, "type"), str, table.pop("type", ""))
        if not kind:
            raise ConfigError("a channel needs a type", self.where(*keys), f"one of {', '.join(kinds())}")
        check_names([kind], kinds(), lambda _: self.where(*keys, "type"))
        if keys[-1] == "slack":
            raise ConfigError(
                "this name is taken by the section [slack]", self.where(*keys), "choose another"
            )
        found = self.section(kinds()[kind], keys, table)
        if key := found.missing():
            raise ConfigError(f"a channel of type {kind} needs {key}", self.where(*keys))
        return found

    def routing(self, given: object) -> RoutingConfig:
        table = dict(self.table(("routing",), given))
        lists = {
            key: tuple(
                self.section(kind, ("routing", key, index), item)
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
        check_names(found.prefer, SOURCES, lambda _: self.where("sources", "prefer"))
        return found

    def formats(self, given: object) -> tuple[FormatConfig, ...]:
        tables = self.list(("formats",), given)
        found = [self.format(("formats", index), table) for index, table in enumerate(tables)]
        names = [one.name for one in found]
        for index, name in enumerate(names):
            if name in names[:index]:
                where = self.where("formats", index, "name")
                raise ConfigError(f"two formats are called {name!r}", where, "rename one of them")
        return tuple(found)

    def format(self, keys: Keys, given: object) -> FormatConfig:
        from runwatch.parsers.formats.user import PatternError

        found = self.section(FormatConfig, keys, given)
        if not found.name:
            raise ConfigError("a format needs a name", self.where(*keys), 'such as name = "mine"')
        try:
            found.build()
        except PatternError as error:
            raise ConfigError(str(error), self.where(*keys, error.key), error.advice) from None
        return found

    def name(self, keys: Keys, given: object) -> str | NameConfig:
        from runwatch.parsers.lexicon.names import NamingError

        plain = not isinstance(given, Mapping)
        found = NameConfig(self.value(keys, str, given)) if plain else self.section(NameConfig, keys, given)
        try:
            found.build()
        except NamingError as error:
            where = self.where(*keys) if plain or error.key not in found.__struct_fields__ else None
            raise ConfigError(str(error), where or self.where(*keys, error.key), error.advice) from None
        return found.metric if plain else found

    def section(self, kind: type[_T], keys: Keys, given: object) -> _T:
        table = self.table(keys, given)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        check_names(table, fields, lambda name: self.where(*keys, name))
        given = {name: self.value((*keys, name), fields[name].type, table[name]) for name in table}
        return kind(**{fields[name].name: value for name, value in given.items()})

    def rule(self, keys: Keys, given: object) -> RuleConfig | OwnRule:
        table = self.table(keys, given)
        if "metric" not in table and not _is_own(table):
            return self.thresholds(keys, table)
        found = self.section(OwnRule, keys, table)
        if not found.metric or (found.above is None and found.below is None):
            lacks = "above or below" if found.metric else "a metric"
            raise ConfigError(f"a rule of your own needs {lacks}", self.where(*keys))
        if found.above is not None and found.below is not None and found.above < found.below:
            what = f"every value is above {found.above:g} or below {found.below:g}"
            raise ConfigError(what, self.where(*keys, "above"), "above must be the higher limit")
        return found

    def thresholds(self, keys: Keys, section: object) -> RuleConfig:
        table = dict(self.table(keys, section))
        given = table.pop("enabled", None)
        enabled = None if given is None else self.value((*keys, "enabled"), bool, given)
        return RuleConfig(enabled, {name: self.value((*keys, name), Number, table[name]) for name in table})

    def run(self, keys: Keys, given: object) -> RunConfig:
        table = dict(self.table(keys, given))
        rules = self.table((*keys, "rules"), table.pop("rules", {}))
        found = self.section(RunConfig, keys, table)
        if not found.match:
            raise ConfigError("[[runs]] needs a match", self.where(*keys), 'such as match = "exp-*"')
        own = {name: self.thresholds((*keys, "rules", name), rules[name]) for name in rules}
        return RunConfig(found.match, found.reference, own)

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
            return web_address(text, lambda: self.where(*keys)) if address else Secret(text)
        kinds: dict[str, Any] = {"env": str, "file": str, "command": tuple[str, ...]}
        check_names(given, kinds, lambda name: self.where(*keys, name))
        if len(given) != 1:
            raise ConfigError("a secret comes from one place", self.where(*keys), 'such as { env = "NAME" }')
        ((name, place),) = given.items()
        found = self.value((*keys, name), kinds[name], place)
        if not found:
            raise ConfigError("a secret needs a place", self.where(*keys), 'such as { env = "NAME" }')
        if name == "env" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(found)):
            what = "not the name of an environment variable"
            raise ConfigError(what, self.where(*keys), "write the secret itself without { env = }")
        return Secret("", (name, found) if isinstance(found, str) else (name, *found))

    def wrong(self, keys: Keys, expected: str, given: object) -> ConfigError:
        place = ".".join(str(key) for key in keys if isinstance(key, str))
        what = f"{place} must be {expected}, not {noun(given)}"
        return ConfigError(what, self.where(*keys))

    def where(self, *keys: str | int) -> str:
        return where_is(self.path, self.text, keys)


def web_address(text: str, where: Callable[[], str]) -> Secret:
    """Return the address as a secret. Raises ConfigError, without repeating it, for other text."""
    if not is_web_address(text):
        raise ConfigError("not a web address", where(), "a webhook's begins with https://")
    return Secret(text)
