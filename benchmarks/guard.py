"""Whether something became slower or larger since the figures that are kept, release by release.

`make bench WRITE=1` keeps the ratios of a version in benchmarks/results. Only ratios that hold on another
machine are compared: those to a program of the same run, and memory and sizes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows import LIMIT, Row

RESULTS = Path(__file__).parent / "results"
LOSS = 0.15
"""Part by which a ratio may grow: what is above it in two measurements is a loss."""
LEAST = 0.02
"""A ratio below this is so far from its bar that its noise says nothing."""


@dataclass(frozen=True)
class Loss:
    """A row that is worse than it was."""

    row: Row
    before: float
    """The ratio that is kept."""

    def __str__(self) -> str:
        """Return it as a line."""
        worse = self.row.ratio / self.before - 1
        return f"LOST: {self.row.what}: ratio {self.row.ratio:.3g}, was {self.before:.3g} ({worse:+.0%})"


def losses(found: Iterable[Row], kept: Mapping[str, float]) -> list[Loss]:
    """Return what grew by more than LOSS since `kept` (row -> ratio)."""
    return [
        Loss(row, before)
        for row in found
        if (before := kept.get(row.what)) is not None and _comparable(row)
        if row.ratio > max(before, LEAST) * (1 + LOSS)
    ]


def newest(folder: Path = RESULTS) -> dict[str, float]:
    """Return the ratios kept last, by version; empty if there are none."""
    files = sorted(folder.glob("*.json"), key=lambda path: [int(part) for part in path.stem.split(".")])
    return dict(json.loads(files[-1].read_text())) if files else {}


def keep(found: Iterable[Row], version: str, folder: Path = RESULTS) -> None:
    """Keep the ratios of a version, to three digits."""
    folder.mkdir(exist_ok=True)
    ratios = {row.what: float(f"{row.ratio:.3g}") for row in found if _comparable(row)}
    (folder / f"{version}.json").write_text(json.dumps(ratios, indent=0, sort_keys=True) + "\n")


def better(first: Row, second: Row) -> Row:
    """Return the better of two measurements of a row: what disturbs one makes it worse."""
    return first if first.ratio <= second.ratio else second


def _comparable(row: Row) -> bool:
    return row.baseline != LIMIT or row.unit == "MB"
