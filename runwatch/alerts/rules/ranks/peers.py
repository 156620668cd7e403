"""One metric of every rank, held until all ranks have printed their part.

Ranks are read at their own pace, and of a run that is over one file after the
other: rows wait here until the slowest has passed them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from runwatch.alerts.rules.baseline import Floats
from runwatch.core.block import Block, Samples

MAX_ROWS = 1 << 18
"""Rows that wait, of all ranks together; of more each rank's oldest are dropped."""
MAX_PARTS = 64
"""Parts in which the rows of a rank wait, so that waiting for a rank that is gone stays cheap."""


@dataclass(frozen=True, slots=True)
class PeerRows:
    """Rows of one rank by step, ascending; arrays of shape (n,). Of a repeated step the newest counts."""

    step: Floats
    value: Floats
    line: Floats
    source: str = ""
    """Path of what they were read from, if it is known."""

    def __len__(self) -> int:
        return len(self.step)


def rank_of(block: Block) -> int | None:
    """Return the rank whose records a block holds; None if the log does not say."""
    return block.lead if block.rank is None else block.rank


@dataclass(slots=True)
class Peers:
    """What waits, by rank; bounded."""

    _waiting: dict[int, list[PeerRows]] = field(default_factory=dict)
    _newest: dict[int, float] = field(default_factory=dict)
    """Rank -> the step that it printed last."""

    def __len__(self) -> int:
        return len(self._newest)

    def add(self, rank: int, samples: Samples, source: str = "") -> None:
        """Take rows of one rank; those without a step are ignored."""
        known = np.isfinite(samples.step)
        if not known.any():
            return
        rows = PeerRows(samples.step[known], samples.value[known], samples.line[known], source)
        parts = self._waiting.setdefault(rank, [])
        parts.append(rows)
        if len(parts) > MAX_PARTS:
            parts[:] = [_joined(parts)]
        self._newest[rank] = float(rows.step[-1])
        most = MAX_ROWS // len(self._newest)
        if sum(map(len, parts)) > most:
            self._waiting[rank] = [_cut(_joined(parts), slice(-most, None))]

    def ripe(self, bucket: int = 1) -> Mapping[int, PeerRows]:
        """Return, and let go of, the rows of whole buckets of `bucket` steps that every rank has passed."""
        if len(self._newest) < 2:
            return {}
        edge = (min(self._newest.values()) + 1) // bucket * bucket
        out: dict[int, PeerRows] = {}
        for rank, parts in self._waiting.items():
            if not parts or min(float(part.step.min()) for part in parts) >= edge:
                continue
            rows = _joined(parts)
            done = rows.step < edge
            out[rank] = _by_step(_cut(rows, done))
            self._waiting[rank] = [] if done.all() else [_cut(rows, ~done)]
        return out


def _joined(parts: list[PeerRows]) -> PeerRows:
    if len(parts) == 1:
        return parts[0]
    return PeerRows(
        np.concatenate([part.step for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.line for part in parts]),
        parts[-1].source,
    )


def _cut(rows: PeerRows, index: slice | NDArray[np.bool_] | NDArray[np.intp]) -> PeerRows:
    return PeerRows(rows.step[index], rows.value[index], rows.line[index], rows.source)


def _by_step(rows: PeerRows) -> PeerRows:
    _, last = np.unique(rows.step[::-1], return_index=True)
    return _cut(rows, len(rows) - 1 - last)
