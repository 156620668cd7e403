"""What a source is to the run it is read from."""

from __future__ import annotations

import msgspec

LOG, WANDB, TENSORBOARD, METRICS, DIRECTORY = "log", "wandb", "tensorboard", "metrics", "directory"
ORDER = (LOG, WANDB, TENSORBOARD, METRICS, DIRECTORY)
"""Kinds of source; the first of them that tells of a run leads it."""
SCHEME = "wandb://"
"""How the name of a run on a W&B server begins."""


class Member(msgspec.Struct, frozen=True):
    """The place of one source among those of its group."""

    group: str = ""
    """The same for all sources of the same runs; "" for a source that stands alone."""
    kind: str = LOG
    rank: int | None = None
    """The rank that alone writes it, if one does."""
    attempt: int = 0
    """How often the launcher had started the run before."""
    why: str = ""
    """Why it belongs to its group, for people."""

    def __lt__(self, other: Member) -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[int, int, int]:
        return ORDER.index(self.kind), self.attempt, -1 if self.rank is None else self.rank
