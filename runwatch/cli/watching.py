"""What `tail`, `attach` and `demo` share: options, what prints the stream, where keys and rules come from."""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING

import click

from runwatch.cli.options import together
from runwatch.core.errors import UsageError
from runwatch.core.theme_names import THEMES

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from runwatch.cli.headless import Printer
    from runwatch.config.sections import Config


_INTERVAL = 10.0


interval_option = click.option(
    "--interval", type=float, help="Seconds between headless progress lines.  [default: 10; with --plain 60]"
)
line_options = together(
    click.option(
        "--headless",
        is_flag=True,
        help="Print plain lines instead of a screen (the default without a terminal).",
    ),
    click.option("--plain", is_flag=True, help="Print sentences for a screen reader instead of a screen."),
    click.option("--json", "as_json", is_flag=True, help="With --headless: print one JSON object per line."),
)
look_options = together(
    click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only."),
    click.option(
        "--theme",
        metavar="NAME",
        type=click.Choice(THEMES),
        help=f"Colors of the screen: {', '.join(THEMES[:-1])} or {THEMES[-1]}.",
    ),
)
web_options = together(
    click.option("--web", is_flag=True, help="Show the screen in a browser on this machine."),
    click.option("--port", type=click.IntRange(1, 65535), help="With --web: the port. [default: a free one]"),
)


def on_screen(*, lines: bool) -> bool:
    """Return whether to show the screen: no `lines` are asked for, and something can show it."""
    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return not lines and (terminal or "TEXTUAL_DRIVER" in os.environ)


def printer(as_json: bool, plain: bool, ascii_only: bool) -> Printer:
    """Return what prints the stream: as JSON, in sentences, or in short lines."""
    if plain and not as_json:
        from runwatch.cli.sentences import Sentences

        return Sentences()
    from runwatch.cli.headless import Printer
    from runwatch.render.glyphs import glyphs

    return Printer(as_json, glyphs(ascii_only, sys.stdout.encoding))


def pace(given: float | None, plain: bool, every: int | None = None) -> float:
    """Return the seconds between two lines of progress: as given, else the default.

    Raises UsageError if they, or the steps that are given instead, are no number above zero.
    """
    seconds = given if given is not None else 60.0 if plain else _INTERVAL
    if not 0 < seconds < math.inf or (every is not None and every <= 0):
        raise UsageError("--interval and --every must be numbers above zero")
    return seconds


def show(
    sock: socket.socket,
    config: Config,
    *,
    title: str,
    theme: str | None,
    ascii_only: bool,
    reopen: Callable[[], socket.socket] | None = None,
    list_first: bool = False,
    kept: bool = True,
    alone: bool = False,
) -> int:
    """Open the screen at a socket, as it is configured; see tui.start.run. Return the exit code."""
    from runwatch.tui.start import run

    return run(
        sock,
        ascii=ascii_only or config.screen.ascii,
        title=title,
        theme=config.screen.theme,
        named=theme,
        rules=lambda: [(rule.name, rule.summary) for rule in config.ruleset().listed()],
        keys=config.keys,
        where=config.where,
        reopen=reopen,
        list_first=list_first,
        kept=kept,
        alone=alone,
    )


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
