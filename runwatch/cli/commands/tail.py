"""`runwatch tail`: watch a log now, on a screen, as plain lines, or as JSON."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from runwatch.cli import absent
from runwatch.cli.options import config_option, format_option, record_option
from runwatch.cli.watching import (
    interval_option,
    keyboard,
    line_options,
    look_options,
    on_screen,
    pace,
    printer,
    show,
    web_options,
)
from runwatch.core.errors import UsageError

if TYPE_CHECKING:
    from runwatch.watcher.service.launch import PrivateEngine


@click.command("tail")
@click.argument("paths", nargs=-1, type=click.Path())
@line_options
@interval_option
@click.option("--every", type=int, help="Steps between headless progress lines, instead of seconds.")
@click.option("--exit", "exit_at_end", is_flag=True, help="With --headless: exit when all runs have ended.")
@click.option("--wait", is_flag=True, help="Wait for a path without a run (the default on a screen).")
@click.option(
    "--poll", is_flag=True, help="Check files at intervals, for file systems without change events."
)
@format_option("format_name")
@look_options
@record_option
@click.option(
    "--pid", "pids", type=int, multiple=True, help="Process of the run, if runwatch does not find it."
)
@click.option("--deadline", help="When the run must end: 2026-01-31T18:00, 18:00, or a span: 12h, 90m.")
@config_option
@web_options
def command(
    paths: tuple[str, ...],
    headless: bool,
    plain: bool,
    as_json: bool,
    interval: float | None,
    every: int | None,
    exit_at_end: bool,
    wait: bool,
    poll: bool,
    format_name: str | None,
    ascii_only: bool,
    theme: str | None,
    record: str | None,
    pids: tuple[int, ...],
    deadline: str | None,
    config: str | None,
    web: bool,
    port: int | None,
) -> int:
    """Watch the training run that writes PATHS (log files, directories, globs, or - for stdin).

    Without PATHS: choose from the runs that are written on this machine, or wait for
    one. It only reads; the run is not touched. Quit with q.

    Examples:
      runwatch tail train.log
      runwatch tail logs/                        # find the runs in a directory
      runwatch tail train.log --headless --exit  # plain lines until the run ends
      python train.py 2>&1 | runwatch tail - --headless
    """
    lines = headless or plain or as_json
    screen = on_screen(lines=lines)
    title = ""
    if not paths:
        paths, title = _nearby(shown=screen or web, as_json=as_json), "what is written here"
    interval = pace(interval, plain, every)
    if port is not None and not web:
        raise UsageError("--port is for --web")
    if web:
        if lines or "-" in paths:
            raise UsageError("--web shows the screen", "", "leave out --headless, --plain, --json and -")
        from runwatch.cli.web import serve

        flags = [name for name, on in (("--wait", wait), ("--poll", poll), ("--ascii", ascii_only)) if on]
        named = {
            "--format": format_name,
            "--theme": theme,
            "--deadline": deadline,
            "--config": config,
            "--record": record,
        }
        flags += [f"{name}={given}" for name, given in named.items() if given is not None]
        return serve(["tail", *flags, *(f"--pid={pid}" for pid in pids), "--", *paths], port)
    wait = wait or (screen and absent.worth_waiting(paths))
    if screen and "-" in paths and sys.stdin.isatty():
        raise UsageError(
            "standard input is the keyboard", "", "pipe a log to it: python train.py 2>&1 | runwatch tail -"
        )
    until = None if deadline is None else _deadline(deadline, datetime.now().astimezone())
    from runwatch.watcher.service.launch import PrivateEngine, greet

    def start() -> PrivateEngine:
        return PrivateEngine(
            paths, config=config, poll=poll, wait=wait, only=format_name, pids=pids, deadline=until,
            record=record,
        )  # fmt: skip

    if screen:
        title = title or ("standard input" if paths[0] == "-" else os.path.basename(paths[0]))
        return _screen(start, paths, ascii_only=ascii_only, theme=theme, title=title, config=config)
    engine = start()
    try:
        greet(engine.socket)
        from runwatch.cli.headless import follow

        return follow(
            engine.socket,
            printer(as_json, plain, ascii_only),
            interval=interval,
            every=every,
            exit_at_end=exit_at_end or set(paths) == {"-"},  # nothing follows the end of standard input
        )
    finally:
        engine.close()


def _nearby(*, shown: bool, as_json: bool) -> tuple[str, ...]:
    """Return the logs of active runs here, for a screen to choose from; without a screen, list them.

    A screen waits for the first one. Without a screen, raises UsageError: no one can choose.
    """
    import msgspec

    from runwatch.cli.document import show
    from runwatch.core import text
    from runwatch.render import numbers
    from runwatch.render.table import table
    from runwatch.watcher.daemon import nearby

    found = nearby.logs(".")
    if shown and not found:
        found = absent.wait_for_run(".")
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
    """Return the Unix time of a date and time, a coming time of day, or a span from now."""
    from runwatch.alerts.routing.silences import parse_duration

    with contextlib.suppress(ValueError):
        return now.timestamp() + parse_duration(words)
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


def _screen(
    start: Callable[[], PrivateEngine],
    paths: tuple[str, ...],
    *,
    ascii_only: bool,
    theme: str | None,
    title: str,
    config: str | None,
) -> int:
    """Show the screen, which starts in parallel with the engine. A lost engine can be restarted.

    If the engine reads standard input, keys come from the terminal that controls this process;
    what was read of a stream is gone, so that its engine is not restarted.
    """
    engines = [start()]

    def again() -> socket.socket:
        engines.append(start())
        return engines[-1].socket

    try:
        from runwatch.config.loader import load

        # The screen does not wait for the engine, and shows an error if there is nothing to watch.
        if "-" in paths:
            keyboard()
        chosen = load(config)
        return show(
            engines[0].socket,
            chosen,
            title=title,
            theme=theme,
            ascii_only=ascii_only,
            reopen=None if "-" in paths else again,
            list_first=True,
            alone=True,
        )
    finally:
        for engine in engines:
            engine.close()
