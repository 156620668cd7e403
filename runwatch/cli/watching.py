"""What `tail`, `attach` and `demo` have in common: who says the stream, where keys and rules come from."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from runwatch.core.errors import UsageError

if TYPE_CHECKING:
    from runwatch.cli.headless import Printer
    from runwatch.config.sections import Config

_INTERVAL = 10.0


def printer(as_json: bool, plain: bool, ascii_only: bool) -> Printer:
    """Return what says the stream: as JSON, in sentences, or in short lines."""
    if plain and not as_json:
        from runwatch.cli.sentences import Sentences

        return Sentences()
    from runwatch.cli.headless import Printer
    from runwatch.render.glyphs import glyphs

    return Printer(as_json, glyphs(ascii_only, sys.stdout.encoding))


def pace(given: float | None, plain: bool) -> float:
    """Return the seconds between two lines of progress: as given, else the default."""
    if given is not None:
        return given
    return 60.0 if plain else _INTERVAL


def rule_summaries(config: Config) -> list[tuple[str, str]]:
    """Return the rules of a configuration by name, each with what it finds."""
    return [(rule.name, rule.summary) for rule in config.ruleset().rules]


def keyboard() -> None:
    """Let standard input of this process be its terminal; what was there belongs to the engine alone.

    Raises UsageError where there is no terminal to read keys from.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(
            "the screen needs the keyboard", error.strerror or "", "add --headless to read standard input"
        ) from error
    os.dup2(terminal, 0)
    os.close(terminal)
