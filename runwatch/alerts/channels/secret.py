"""Secrets of the configuration: text, or where to find it. They are shown only on request."""

from __future__ import annotations

import os
import re
from pathlib import Path

from runwatch.core.errors import ConfigError
from runwatch.core.text import shell_word

_USUAL = {
    "env": re.compile(r"[A-Z]+(?:_[A-Z0-9]+)*"),
    "file": re.compile(r"[~./].*"),
    "command": re.compile(r"[~./].*|[a-z][a-z_-]{0,20}"),
}
"""Usual names of variables, files and commands; a key in their place looks different."""

SECONDS = 20.0
"""Most seconds for a command that prints a secret."""


class Secret:
    """A string that shows itself only when asked: not in logs, errors, reprs or dumps.

    `source` names its place if the value itself is not given:
    ("env", "NAME"), ("file", "path") or ("command", "program", "argument", ...).
    """

    __slots__ = ("_source", "_value")

    def __init__(self, value: str = "", source: tuple[str, ...] = ()) -> None:
        self._value, self._source = value, source

    def reveal(self) -> str:
        """Return the string itself. Raises ConfigError if it cannot be read; the error does not repeat it."""
        if not self._source:
            return self._value
        kind, *rest = self._source
        if kind == "env":
            found = os.environ.get(rest[0], "")
            advice = f"set ${rest[0]}" if _USUAL[kind].fullmatch(rest[0]) else "set that variable"
        elif kind == "file":
            found, advice = _read(rest[0]), "write the secret into it"
        else:
            found, advice = _run(rest), "it must print the secret"
        found = found.strip()
        if not found:
            raise ConfigError("the secret is empty", f"{kind} {_shown(kind, rest[0])}", advice)
        return found

    @property
    def inline(self) -> bool:
        """Whether the configuration itself holds the string."""
        return bool(self._value)

    @property
    def command(self) -> tuple[str, ...]:
        """The command that prints it, if one does."""
        return self._source[1:] if self._source[:1] == ("command",) else ()

    def __bool__(self) -> bool:
        return bool(self._value or self._source)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (other._value, other._source) == (self._value, self._source)

    def __hash__(self) -> int:
        return hash((self._value, self._source))

    def __repr__(self) -> str:
        return "***" if self else "''"


def _shown(kind: str, place: str) -> str:
    """Return the place of a secret, unless this may be the secret itself in the wrong field."""
    usual = _USUAL[kind].fullmatch(place) or (kind != "env" and os.path.exists(place))
    return place if usual else "(not shown)"


def _read(name: str) -> str:
    path, shown = Path(name).expanduser(), _shown("file", name)
    try:
        if path.stat().st_mode & 0o077:
            advice = f"chmod 600 {shell_word(str(path))}"
            raise ConfigError("others can read the file of a secret", shown, advice)
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError("cannot read the file of a secret", shown, why) from None


def _run(command: list[str]) -> str:
    import subprocess  # here: rarely needed

    shown = _shown("command", command[0])
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError("cannot run the command of a secret", shown, why) from None
    if done.returncode:
        raise ConfigError("the command of a secret failed", shown, f"exit code {done.returncode}")
    return done.stdout
