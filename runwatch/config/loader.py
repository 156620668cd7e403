"""runwatch.toml -> frozen structs. An invalid value is an error that says where it is and what is expected.

Searched in this order: the path given, $RUNWATCH_CONFIG, ./runwatch.toml, and
runwatch/runwatch.toml in the user's configuration directory. The first two
must exist when they are named; ./runwatch.toml is skipped if others can write
it (`file_trust`). An error never repeats a value: it may be a secret.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from runwatch.config.formats import use_names
from runwatch.config.reader import parsed, web_address
from runwatch.config.sections import Config, contents
from runwatch.core.errors import ConfigError
from runwatch.core.known_names import check_names
from runwatch.core.text import plain, shell_word
from runwatch.system import file_trust

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Config", "find", "format_name", "load", "load_to_read", "read"]

FILE_NAME = "runwatch.toml"
PATH_VARIABLE = "RUNWATCH_CONFIG"
WEBHOOK_VARIABLE = "RUNWATCH_SLACK_WEBHOOK"

Report: TypeAlias = Callable[[str], object]
"""Takes a line about the configuration, for the user."""


def to_stderr(line: str) -> None:
    """Print a line about the configuration to standard error."""
    sys.stderr.write(f"runwatch: {plain(line)}\n")


def load(
    explicit: str | Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    found: bool = False,
    report: Report = to_stderr,
) -> Config:
    """Find and read the configuration; without a file, the defaults. Raises ConfigError.

    `found` says that the path was not named but found before, so its trust is checked again.
    `report` takes a line about a file that is skipped, or whose secrets everyone can read.
    """
    source = (
        _opened(Path(explicit), judged=True) if explicit and found else _locate(explicit, environ, report)
    )
    config = Config() if source is None else _parsed(source)
    if source is not None and source.open_to_all and any(secret.inline for secret in config.secrets()):
        where = os.path.abspath(source.path)
        report(f"everyone can read the secrets in the configuration: {where}: chmod 600 {shell_word(where)}")
    webhook = environ.get(WEBHOOK_VARIABLE, "")
    if webhook:
        secret = web_address(webhook, lambda: "$" + WEBHOOK_VARIABLE)
        slack = msgspec.structs.replace(config.slack, webhook=secret)
        config = msgspec.structs.replace(config, slack=slack)
    return config


def load_to_read(explicit: str | Path | None, asked: str | None = None) -> tuple[Config, str | None]:
    """Find and read the configuration, whose [names] logs have from now on; return it and the `format_name`.

    Raises ConfigError.
    """
    config = load(explicit)
    use_names(config.names)
    return config, format_name(asked, config)


def find(
    explicit: str | Path | None = None, environ: Mapping[str, str] = os.environ, *, report: Report = to_stderr
) -> Path | None:
    """Return the file that is used, or None. Raises ConfigError if a named one is missing."""
    source = _locate(explicit, environ, report)
    return None if source is None else source.path


def user_directory() -> Path:
    """Return the user's own configuration directory."""
    import platformdirs

    return platformdirs.user_config_path("runwatch")


def is_judged(path: Path, explicit: Path | None = None, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a path that `find` returned is read only while no one else can write it."""
    return path == Path(FILE_NAME) and explicit is None and not environ.get(PATH_VARIABLE)


def read(path: Path) -> Config:
    """Read one file, ignoring the environment. Raises ConfigError with the line of what is wrong."""
    return _parsed(_opened(path))


def format_name(asked: str | None, config: Config) -> str | None:
    """Return the name of the format, `asked` for or configured; None: it is detected.

    Raises ConfigError with the nearest name if it does not exist.
    """
    name = asked or config.tail.format
    if name is not None:
        from runwatch.parsers.formats import catalogue

        known = [*(own.name for own in config.formats), *(fmt.name for fmt in catalogue())]
        check_names([name], known, lambda _: "--format" if asked else config.where("tail", "format"))
    return name


class _Source(NamedTuple):
    """A configuration file as it was read."""

    path: Path
    text: str
    open_to_all: bool
    """Whether everyone on this machine can read it."""


class _Distrusted(ConfigError):  # noqa: N818
    """A configuration that was not named, and that others can write."""


def _locate(explicit: str | Path | None, environ: Mapping[str, str], report: Report) -> _Source | None:
    """Return the file that is used, read; None if there is none. Raises ConfigError."""
    named = [(explicit, "--config"), (environ.get(PATH_VARIABLE), "$" + PATH_VARIABLE)]
    for name, origin in named:
        if name:
            path = Path(name).expanduser()
            if not path.is_file():
                what = "a configuration is a file" if path.exists() else "no such configuration file"
                raise ConfigError(what, str(path), f"correct or drop {origin}")
            return _opened(path)
    here = Path(FILE_NAME)
    if here.is_file():
        try:
            return _opened(here, judged=True)
        except _Distrusted as error:
            report(str(error))
    own = user_directory() / FILE_NAME
    return _opened(own) if own.is_file() else None


def _opened(path: Path, *, judged: bool = False) -> _Source:
    """Read a file; if it is `judged`, only one that is trusted. Raises ConfigError."""

    def judge(descriptor: int) -> None:
        if objection := file_trust.judge(str(path), descriptor, file_trust.current_user()):
            raise _distrusted(path, objection)

    text, mode = contents(path, judge if judged else None)
    return _Source(path, text, file_trust.open_to_all(str(path), mode))


def _distrusted(path: Path, objection: file_trust.Objection) -> _Distrusted:
    where = os.path.abspath(path)
    advice = f"to use it anyway: --config {shell_word(where)}, or set ${PATH_VARIABLE}"
    if objection.writable:
        advice = f"chmod go-w {shell_word(os.path.abspath(objection.writable))}; or {advice}"
    return _Distrusted(f"configuration not read, {objection.why}", where, advice)


def _parsed(source: _Source) -> Config:
    path, text = source.path, source.text
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, line = str(error), re.search(r"\(at line (\d+), column \d+\)", str(error))
        where = f"{path}:{line[1]}" if line else str(path)
        raise ConfigError("not valid TOML", where, what[: line.start()].strip() if line else what) from None
    return parsed(tables, path, text)
