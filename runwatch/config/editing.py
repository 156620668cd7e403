"""Adds settings to a runwatch.toml that a person wrote: its other lines stay as they are."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

from runwatch.config.loader import read
from runwatch.config.sections import contents
from runwatch.core.errors import ConfigError
from runwatch.system import private_files

_SLACK = re.compile(r"^\[slack\][ \t]*(?:#.*)?$", re.MULTILINE)
_NEW = "# runwatch.toml, written by `runwatch notify setup`. docs/configuration.md lists all settings.\n"


def add_webhook(path: Path, secret: Path) -> None:
    """Let [slack] of a file take its webhook from another one; the file is made if it is missing.

    Raises ConfigError, and leaves the file as it was, if the setting cannot be added.
    """
    there = path.exists()
    text, mode = contents(path) if there else (_NEW, 0o600)
    end = "\r\n" if there and b"\r\n" in path.read_bytes() else "\n"
    line = f"webhook = {{ file = {json.dumps(str(secret), ensure_ascii=False)} }}\n"
    advice = f"add it by hand, under [slack]: {line.strip()}"
    real = path.resolve()
    half = real.with_name(f".{real.name}.new")
    try:
        private_files.write(half, _with_line(text, line).replace("\n", end), stat.S_IMODE(mode))
        if not read(half).slack.webhook:
            raise ConfigError("cannot add a setting", str(path), advice)
        half.replace(real)
    except OSError as error:
        raise ConfigError("cannot write", str(path), f"{error.strerror}: {advice}") from None
    except ConfigError:
        raise ConfigError("cannot add a setting", str(path), advice) from None
    finally:
        half.unlink(missing_ok=True)


def _with_line(text: str, line: str) -> str:
    """Return the text with a line at the head of [slack]."""
    if found := _SLACK.search(text):
        head, rest = text[: found.end()], text[found.end() + 1 :]
        return f"{head}\n{line}{rest}"
    return f"{text.rstrip()}\n\n[slack]\n{line}"
