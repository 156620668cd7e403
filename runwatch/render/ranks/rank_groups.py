"""Which ranks belong together: those of a node, of a pipeline stage, of a tensor-parallel group's place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from runwatch.core.batch import NODE
from runwatch.core.snapshot import RankRow

PER_NODE = 8
"""Ranks that are taken to be a node where the log does not say."""


def node_of(rank: int) -> int:
    """Return the node of a rank: as the log says, else by eights."""
    node, place = divmod(rank, NODE)
    return node if node else place // PER_NODE


def groupings(ranks: Sequence[RankRow], parallel: Mapping[str, int]) -> list[str]:
    """Return what ranks can be grouped by: by nothing, by node, and by the axes that are split."""
    if any(row.rank >= NODE for row in ranks):  # numbered within their nodes: no axis is known
        return ["", "node"]
    count = max((row.rank + 1 for row in ranks), default=0)
    split = {**parallel, "dp": _data_parallel(count, parallel)} if parallel else {}
    return ["", "node", *(axis for axis in ("tp", "cp", "pp", "dp") if split.get(axis, 1) > 1)]


def _data_parallel(count: int, parallel: Mapping[str, int]) -> int:
    """Return in how many copies the model is there: what the other axes leave of all ranks."""
    return max(1, -(-count // math.prod(max(1, parallel.get(axis, 1)) for axis in ("tp", "cp", "pp"))))


def coordinate(rank: int, axis: str, count: int, parallel: Mapping[str, int]) -> int:
    """Return the place of one of `count` ranks on an axis: tp runs fastest, then cp, dp and pp."""
    sizes = {**parallel, "dp": _data_parallel(count, parallel)}
    for name in ("tp", "cp", "dp", "pp"):
        size = max(1, sizes.get(name, 1))
        if name == axis:
            return rank % size
        rank //= size
    return 0


def places(ordered: Sequence[RankRow], by: str, parallel: Mapping[str, int]) -> list[tuple[int, str]]:
    """Return number and name of the group that each rank belongs to."""
    if by == "node":
        return [(node_of(row.rank), row.host or _node_name(row.rank)) for row in ordered]
    count = max((row.rank + 1 for row in ordered), default=0)
    at = [coordinate(row.rank, by, count, parallel) for row in ordered]
    return [(number, f"{by}{number}") for number in at]


def _node_name(rank: int) -> str:
    """Return the name of a rank's node; where it is only guessed, that of its first rank."""
    return f"n{node_of(rank)}" if rank >= NODE else f"r{rank // PER_NODE * PER_NODE}"
