"""Is a checkpoint being saved while training waits? The log says so, or files of it that are written."""

from __future__ import annotations

from runwatch.core.block import Status


def saving_since_training(status: Status) -> float | None:
    """Return when (Unix time) a save after the newest training row last showed; None if none did.

    That is when a file of the newest checkpoint was last written to, or the moment at which training
    stopped where only the log says that it saves.
    """
    moved = status.now - status.silent_for
    newest = status.checkpoints.newest if status.checkpoints is not None else None
    if newest is not None and newest.written is not None and moved < newest.written <= status.now:
        return newest.written
    return moved if status.phase == "checkpointing" else None
