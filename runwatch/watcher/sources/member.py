"""What a source is to the run it is read from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

LOG, WANDB, TENSORBOARD, METRICS, DIRECTORY = "log", "wandb", "tensorboard", "metrics", "directory"
ORDER = (LOG, WANDB, TENSORBOARD, METRICS, DIRECTORY)
"""Kinds of source; the first of them that a run has leads it, unless a user prefers another."""
SCHEME = "wandb://"
"""How the name of a run on a W&B server begins."""


class Member(msgspec.Struct, frozen=True):
    """The place of one source among those of its group."""

    group: str = ""
    """The same for all sources of the same runs; "" for a source that is alone."""
    kind: str = LOG
    rank: int | None = None
    """The rank that alone writes it, if one does."""
    attempt: int = 0
    """How often the launcher had started the run before."""
    why: str = ""
    """Why it belongs to its group, for people."""

    def place(self, prefer: Sequence[str] = ORDER) -> tuple[int, int, int]:
        """Return what sorts the members of a group: who leads comes first. `prefer` holds kinds."""
        kind = prefer.index(self.kind) if self.kind in prefer else len(prefer)
        return kind, self.attempt, -1 if self.rank is None else self.rank
