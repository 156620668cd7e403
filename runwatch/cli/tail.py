"""`runwatch tail`: watch here and now, as a screen, as plain lines, or as JSON."""

from __future__ import annotations

import math
import os
import sys

import click

from runwatch.errors import UsageError


@click.command("tail")
@click.argument("paths", nargs=-1)
@click.option("--headless", is_flag=True, help="Plain lines instead of a screen (also without a terminal).")
@click.option("--json", "as_json", is_flag=True, help="With --headless: one JSON object a line.")
@click.option("--interval", default=10.0, show_default=True, help="Seconds between headless progress lines.")
@click.option("--every", type=int, help="Steps between headless progress lines, instead of seconds.")
@click.option("--exit", "exit_at_end", is_flag=True, help="With --headless: end when the run has ended.")
@click.option("--wait", is_flag=True, help="Wait for a file that does not exist yet.")
@click.option("--poll", is_flag=True, help="Look at files regularly instead of trusting file events.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--config", type=click.Path(), help="Use this runwatch.toml.")
def command(
    paths: tuple[str, ...],
    headless: bool,
    as_json: bool,
    interval: float,
    every: int | None,
    exit_at_end: bool,
    wait: bool,
    poll: bool,
    ascii_only: bool,
    config: str | None,
) -> int:
    """Watch the training run that writes PATHS (log files, directories, globs, or - for stdin).

    Reads only; the run is never touched. Quit with q.
    """
    if not paths:
        raise UsageError("nothing to watch", "", "give a log file: runwatch tail train.log")
    if not 0 < interval < math.inf or (every is not None and every <= 0):
        raise UsageError("--interval and --every must be numbers above zero")
    screen = not headless and not as_json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if screen and "-" in paths:
        raise UsageError("the screen needs the keyboard", "-", "add --headless to read standard input")
    from runwatch.watcher.launch import PrivateEngine, greet

    engine = PrivateEngine(paths, config=config, poll=poll, wait=wait)
    try:
        if screen:
            return _screen(engine, ascii_only=ascii_only, title=paths[0])
        greet(engine.socket)
        from runwatch.cli.headless import Printer, follow
        from runwatch.render.glyphs import glyphs

        return follow(
            engine.socket,
            Printer(as_json, glyphs(ascii_only)),
            interval=interval,
            every=every,
            exit_at_end=exit_at_end or set(paths) == {"-"},  # nothing follows the end of standard input
        )
    finally:
        engine.close()


def _screen(engine: object, *, ascii_only: bool, title: str) -> int:
    """Show the screen; its import overlaps with the engine's start."""
    from runwatch.tui.app import run
    from runwatch.watcher.launch import PrivateEngine, greet

    assert isinstance(engine, PrivateEngine)
    greet(engine.socket)
    return run(engine.socket, ascii=ascii_only, title=os.path.basename(title))
