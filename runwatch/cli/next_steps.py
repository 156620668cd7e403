"""What to do next on this machine: what `runwatch` alone prints."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from runwatch.core.errors import RunwatchError
from runwatch.core.text import path as safe_path
from runwatch.core.text import shell_word

if TYPE_CHECKING:
    from runwatch.watcher.daemon.nearby import Nearby

_NAMED = 3
"""Most logs that are named."""


def page() -> str:
    """Return what `runwatch` says where it cannot show a screen."""
    from runwatch.watcher.daemon import nearby

    return (
        "runwatch watches machine-learning training runs from their logs. On this machine:\n\n"
        f"{lines(nearby.logs('.'))}\n"
        "runwatch --help lists all commands; runwatch COMMAND --help shows options and examples.\n"
    )


def lines(logs: Sequence[Nearby]) -> str:
    """Return commands that are of use here, each with what it does."""
    steps = list(_steps(logs))
    width = max(len(command) for command, _ in steps)
    return "".join(f"  {command:{width}}  {meaning}\n" for command, meaning in steps)


def _steps(logs: Sequence[Nearby]) -> Iterator[tuple[str, str]]:
    for log in logs[:_NAMED]:
        path = shell_word(os.path.relpath(log.path))
        yield f"runwatch tail {path}", "watch this run on a live screen"
    if not logs:
        yield "runwatch tail train.log", "watch a log on a live screen"
        yield "runwatch run -- python train.py", "start a command and watch it"
        yield "runwatch demo", "watch a small real run"
    else:
        yield "runwatch check train.log", "read a log to the end and report findings"
    yield from _background()


def _background() -> Iterator[tuple[str, str]]:
    """Yield what comes next on the way to a daemon that sends alerts."""
    from runwatch.config.loader import find, load
    from runwatch.watcher.service.sockets import answers, state_directory

    try:
        path = find(report=lambda line: None)
        channels = load(report=lambda line: None).everyone()
    except RunwatchError:
        yield "runwatch doctor", "say what is wrong with the configuration"
        return
    if answers(state_directory(), 2.0):
        yield "runwatch status", "show the runs that the daemon watches"
        yield "runwatch attach", "open the screen on the daemon"
    elif path is None:
        yield "runwatch init", "write a configuration, to watch all runs in the background"
    else:
        yield "runwatch watch -d", f"watch all runs of {safe_path(str(path))} in the background"
    if not channels:
        yield "runwatch notify setup slack", "get alerts on Slack"
