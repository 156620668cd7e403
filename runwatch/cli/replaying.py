"""Prints a session as the stream of a live watch: the same objects at any speed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from runwatch.alerts.incidents.incidents import Change
from runwatch.cli.main import error_line
from runwatch.cli.watching import printer
from runwatch.config.loader import Config
from runwatch.core.errors import ExitCode
from runwatch.watcher.engine.headless import Headless
from runwatch.watcher.replay.player import Player
from runwatch.watcher.replay.sessions import Session


def follow(
    session: Session,
    config: Config,
    speed: float,
    interval: float,
    every: int | None,
    as_json: bool,
    plain: bool,
    ascii_only: bool,
) -> int:
    """Play a session and print it; return the highest exit code of its runs."""
    out = printer(as_json, plain, ascii_only)
    player = Player(session, config.ruleset(), config.sources.order, notice=error_line)
    out.clock = lambda: _when(player.now)
    error_line(f"replay of {_when(session.first)} to {_when(session.last)}; times: {session.basis}")
    worst = int(ExitCode.OK)
    begun = time.monotonic()
    with closing(player):
        for body in stream(player, interval, every, begun, speed):
            if line := out.text(body):
                print(line, flush=True)
            if body["type"] == "end":
                worst = max(worst, int(body["exit_code"]))
    sys.stdout.flush()
    return worst


def stream(
    player: Player, interval: float, every: int | None, begun: float = 0.0, speed: float = float("inf")
) -> Iterator[dict[str, Any]]:
    """Yield the objects of a session, each when it is due at this speed since `begun`."""
    session, part = player.session, player.part
    headless = Headless(player.engine, interval, every)
    changes: list[Change] = []
    player.on_change(changes.extend)
    now = session.first
    while True:
        wait = begun + (now - session.first) / speed - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        player.advance(now)
        found, changes[:] = list(changes), []
        for change in found:
            yield from headless.incident(change)
        yield from headless.progress(now, reading=_reading(player))
        if player.ended:
            return
        now = min(session.last, now + part)


def _reading(player: Player) -> set[str]:
    return {item.group.id for item in player.shown.values() if item.left}


def _when(unix: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix))
