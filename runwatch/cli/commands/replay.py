"""`runwatch replay`: play a finished log or a recording, on the screen or as lines."""

from __future__ import annotations

import math

import click

from runwatch.cli.options import config_option, format_option
from runwatch.cli.watching import interval_option, line_options, look_options, on_screen, pace
from runwatch.core.errors import UsageError


@click.command("replay")
@click.argument("path", metavar="FILE", type=click.Path(readable=False))
@click.option("--speed", default="60", show_default=True, help="Seconds of the run in one second, or max.")
@line_options
@interval_option
@click.option("--every", type=int, help="Steps between headless progress lines, instead of seconds.")
@format_option("only", "the log")
@look_options
@config_option
def command(
    path: str,
    speed: str,
    headless: bool,
    plain: bool,
    as_json: bool,
    interval: float | None,
    every: int | None,
    only: str | None,
    ascii_only: bool,
    theme: str | None,
    config: str | None,
) -> int:
    """Play FILE, a finished log or a recording of `tail --record`, as if it were written now.

    A log is played at the times that it prints. Nothing is sent to anybody.
    Exit code without a screen: 0 if the run is healthy, 1 if it crashed, hangs or has critical findings.

    Examples:
      runwatch replay train.log                        # on the screen: space, , and . control it
      runwatch replay watch.rec --speed 600
      runwatch replay train.log --headless --json --speed max
    """
    pace_of_play = _speed(speed)
    interval = pace(interval, plain, every)
    if on_screen(lines=headless or plain or as_json):
        return _screen(path, pace_of_play, only, ascii_only, theme, config)
    from runwatch.cli.replaying import follow
    from runwatch.config.loader import load_to_read
    from runwatch.watcher.replay.opening import opened

    settings, only = load_to_read(config, only)
    session = opened(path, settings, only)
    return follow(session, settings, pace_of_play, interval, every, as_json, plain, ascii_only)


def _speed(text: str) -> float:
    """Return how many seconds of the run are played in one second. Raises UsageError."""
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < math.inf:
        raise UsageError("not a speed", text, "write a number above zero, or max")
    return speed


def _screen(
    path: str, speed: float, only: str | None, ascii_only: bool, theme: str | None, config: str | None
) -> int:
    import os

    from runwatch.cli.watching import show
    from runwatch.config.loader import load
    from runwatch.watcher.replay.launch import ReplayEngine

    engine = ReplayEngine(path, speed, only, config)
    try:
        chosen = load(config)
        return show(engine.socket, chosen, title=os.path.basename(path), theme=theme, ascii_only=ascii_only)
    finally:
        engine.close()
