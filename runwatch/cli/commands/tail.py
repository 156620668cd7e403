"""`runwatch tail`: watch here and now, as a screen, as plain lines, or as JSON."""

from __future__ import annotations

import math
import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runwatch.core.errors import UsageError

if TYPE_CHECKING:
    from runwatch.watcher.service.launch import PrivateEngine


@click.command("tail")
@click.argument("paths", nargs=-1)
@click.option("--headless", is_flag=True, help="Plain lines instead of a screen (also without a terminal).")
@click.option("--json", "as_json", is_flag=True, help="With --headless: one JSON object a line.")
@click.option("--interval", default=10.0, show_default=True, help="Seconds between headless progress lines.")
@click.option("--every", type=int, help="Steps between headless progress lines, instead of seconds.")
@click.option("--exit", "exit_at_end", is_flag=True, help="With --headless: end when the run has ended.")
@click.option("--wait", is_flag=True, help="Wait for a file that does not exist yet.")
@click.option("--poll", is_flag=True, help="Look at files regularly instead of trusting file events.")
@click.option("--format", "format_name", help="Read logs as this format; `runwatch formats` lists them.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option(
    "--pid", "pids", type=int, multiple=True, help="Process of the run, if it is not found by its log."
)
@click.option("--deadline", help="When the run must have ended: 2026-01-31T18:00, 18:00, or in 12h, 90m.")
@click.option("--config", type=click.Path(), help="Use this runwatch.toml.")
@click.option("--web", is_flag=True, help="Show the screen in a browser on this machine.")
@click.option("--port", type=click.IntRange(1, 65535), help="With --web: the port; left out, a free one.")
def command(
    paths: tuple[str, ...],
    headless: bool,
    as_json: bool,
    interval: float,
    every: int | None,
    exit_at_end: bool,
    wait: bool,
    poll: bool,
    format_name: str | None,
    ascii_only: bool,
    pids: tuple[int, ...],
    deadline: str | None,
    config: str | None,
    web: bool,
    port: int | None,
) -> int:
    """Watch the training run that writes PATHS (log files, directories, globs, or - for stdin).

    Without PATHS: the runs whose logs are written on this machine, to choose from.
    Reads only; the run is never touched. Quit with q.
    """
    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    screen = not headless and not as_json and (terminal or "TEXTUAL_DRIVER" in os.environ)
    title = ""
    if not paths:
        paths, title = _nearby(shown=screen or web, as_json=as_json), "what is written here"
    if not 0 < interval < math.inf or (every is not None and every <= 0):
        raise UsageError("--interval and --every must be numbers above zero")
    if port is not None and not web:
        raise UsageError("--port is for --web")
    if web:
        if headless or as_json or "-" in paths:
            raise UsageError("--web shows the screen", "", "leave out --headless, --json and -")
        from runwatch.cli.commands.web import serve

        flags = [name for name, on in (("--wait", wait), ("--poll", poll), ("--ascii", ascii_only)) if on]
        named = {"--format": format_name, "--deadline": deadline, "--config": config}
        flags += [f"{name}={given}" for name, given in named.items() if given is not None]
        return serve(["tail", *flags, *(f"--pid={pid}" for pid in pids), "--", *paths], port)
    if screen and "-" in paths:
        raise UsageError("the screen needs the keyboard", "-", "add --headless to read standard input")
    until = None if deadline is None else _deadline(deadline, datetime.now().astimezone())
    from runwatch.watcher.service.launch import PrivateEngine, greet

    def start() -> PrivateEngine:
        return PrivateEngine(
            paths, config=config, poll=poll, wait=wait, only=format_name, pids=pids, deadline=until
        )

    if screen:
        return _screen(start, ascii_only=ascii_only, title=title or paths[0], config=config)
    engine = start()
    try:
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


def _nearby(*, shown: bool, as_json: bool) -> tuple[str, ...]:
    """Return the logs of runs that go on here, for a screen to choose from; without one, list them.

    Raises UsageError where there is none, or nobody to choose.
    """
    import msgspec

    from runwatch.cli.document import show
    from runwatch.core import text
    from runwatch.render import numbers
    from runwatch.render.table import table
    from runwatch.watcher.daemon import nearby

    found = nearby.logs(".")
    if not found:
        raise UsageError(
            "nothing to watch: no log of a run was written here in the last hour",
            "",
            "give one: runwatch tail train.log",
        )
    if shown:
        return tuple(each.path for each in found)
    if as_json:
        show(logs=msgspec.to_builtins(found))
    else:
        now = time.time()
        rows = [
            [
                text.path(os.path.relpath(each.path)),
                numbers.size(each.bytes),
                f"{numbers.brief(max(0.0, now - each.time))} ago",
                "" if each.pid is None else f"process {each.pid} writes it",
            ]
            for each in found
        ]
        print("\n".join(table(rows, shutil.get_terminal_size((100, 24)).columns, stretch=0, right=(1,))))
    raise UsageError("which of these?", "", "name one, or several: runwatch tail PATH")


def _deadline(words: str, now: datetime) -> float:
    """Return the Unix time that is meant: a date and time, a time of day to come, or a span from now."""
    span = re.fullmatch(r"(\d+(?:\.\d+)?)([dhms])", words.strip())
    if span:
        unit = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}[span[2]]
        return now.timestamp() + float(span[1]) * unit
    try:
        if re.fullmatch(r"\d?\d:\d\d", words):
            hour, minute = map(int, words.split(":"))
            at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            return (at if at > now else at + timedelta(days=1)).timestamp()
        return datetime.fromisoformat(words).timestamp()
    except (ValueError, OverflowError) as error:
        raise UsageError(
            "not a time", words, "write it as 2026-01-31T18:00, 18:00, or as a span such as 12h"
        ) from error


def _screen(start: Callable[[], PrivateEngine], *, ascii_only: bool, title: str, config: str | None) -> int:
    """Show the screen; it starts beside the engine. A lost engine can be started again."""
    engines = [start()]

    def again() -> socket.socket:
        engines.append(start())
        return engines[-1].socket

    try:
        from runwatch.config.loader import load
        from runwatch.tui.start import run

        # The engine is not waited for: the screen comes up beside it, and tells if there is nothing to watch.
        chosen = load(Path(config) if config else None)
        return run(
            engines[0].socket,
            ascii=ascii_only or chosen.screen.ascii,
            title=os.path.basename(title),
            theme=chosen.screen.theme,
            keys=chosen.keys,
            where=chosen.where,
            reopen=again,
            fleet=True,
        )
    finally:
        for engine in engines:
            engine.close()
