"""runwatch.toml -> frozen structs. What cannot be meant is an error that says where and what instead.

Looked for at: the path given, $RUNWATCH_CONFIG, ./runwatch.toml, and
runwatch/runwatch.toml in the user's configuration directory. The first two
must exist when they are named. An error never repeats a value: it may be a secret.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from runwatch.alerts.channels.settings import SlackConfig
from runwatch.alerts.rules.settings import RuleConfig
from runwatch.alerts.secret import Secret
from runwatch.config_format import FormatConfig
from runwatch.config_reader import parsed, web_address
from runwatch.config_sections import (
    SOURCES,
    Config,
    StateConfig,
    TailConfig,
    WatchConfig,
    contents,
)
from runwatch.errors import ConfigError
from runwatch.wording import check_names

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "SOURCES",
    "Config",
    "FormatConfig",
    "RuleConfig",
    "Secret",
    "SlackConfig",
    "StateConfig",
    "TailConfig",
    "WatchConfig",
    "check_names",
    "find",
    "format_name",
    "load",
    "read",
]

FILE_NAME = "runwatch.toml"
PATH_VARIABLE = "RUNWATCH_CONFIG"
WEBHOOK_VARIABLE = "RUNWATCH_SLACK_WEBHOOK"


def load(explicit: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Find and read the configuration; without a file, the defaults. Raises ConfigError."""
    path = find(explicit, environ)
    config = Config() if path is None else read(path)
    webhook = environ.get(WEBHOOK_VARIABLE, "")
    if webhook:
        secret = web_address(webhook, "$" + WEBHOOK_VARIABLE)
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
    text = contents(path)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, line = str(error), re.search(r"\(at line (\d+), column \d+\)", str(error))
        where = f"{path}:{line[1]}" if line else str(path)
        raise ConfigError("not valid TOML", where, what[: line.start()].strip() if line else what) from None
    return parsed(tables, path, text)


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
