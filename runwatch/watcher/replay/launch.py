"""Starts the engine process of a replay."""

from __future__ import annotations

import os

import msgspec

from runwatch.watcher.service.launch import Engine


class Assignment(msgspec.Struct, frozen=True):
    """What the engine of a replay is started with."""

    path: bytes
    speed: float | None
    """Seconds of the run in one second; None: as fast as possible."""
    format: str | None = None
    config: bytes | None = None
    socket: int = -1
    """File descriptor of a connected socket to the screen."""


class ReplayEngine(Engine):
    """An engine that plays a file for one screen."""

    def __init__(self, path: str, speed: float, only: str | None, config: str | None) -> None:
        assignment = Assignment(
            os.fsencode(path),
            None if speed == float("inf") else speed,
            only,
            os.fsencode(config) if config else None,
        )
        super().__init__("runwatch.watcher.replay.serving", assignment)
