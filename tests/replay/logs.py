"""Logs with times that are played and recorded, and the incidents found in them."""

from __future__ import annotations

import time
from pathlib import Path

from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.config.sections import Config
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.replay.opening import opened
from runwatch.watcher.replay.player import Player

NOW = 1_767_600_000.0


def stamped(steps: int, bad: int, every: float = 1.0) -> str:
    """A log with dates whose loss is NaN from step `bad` on."""
    out = []
    for step in range(1, steps + 1):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(NOW + step * every))
        loss = "nan" if step >= bad else f"{5 / step:.4f}"
        out.append(f"[{when}] step {step}/{steps} | loss {loss} | lr 1e-3\n")
    return "".join(out)


def log_of(folder: Path, text: str) -> Path:
    path = folder / "train.log"
    path.write_text(text)
    return path


def incidents(engine: Engine) -> list[dict[str, object]]:
    rows = [row for _, watched in engine.runs() for row in watched.incidents.every()]
    keys = ("id", "rule", "severity", "state", "title", "step", "line", "cause")
    return sorted(({key: getattr(row, key) for key in keys} for row in rows), key=lambda row: str(row["id"]))


def played(path: Path, times: list[float] | None = None) -> Player:
    session = opened(str(path), Config(), None)
    player = Player(session, Ruleset())
    try:
        for share in times or []:
            player.advance(session.first + share * (session.last - session.first))
        player.advance(session.last)
    finally:
        player.close()
    return player
