"""What the rows of a W&B history become, whichever way they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runwatch.core.metrics import Unit
from runwatch.parsers.api import Layout


@dataclass(frozen=True, slots=True)
class HistoryShape:
    """What history rows that hold the same keys become."""

    layout: Layout
    again: Layout
    """For one more row of a step: its samples count, but it is no further step."""
    unplaced: Layout
    """For a row that only says how many rows there were before it, where others know the step."""
    columns: tuple[bytes, ...]
    """The keys of the columns."""
    get: Callable[[Mapping[bytes, bytes]], tuple[bytes, ...]]
    """Returns the texts of the columns' values."""
    units: tuple[tuple[int, Unit], ...]
    """The columns that are not stored as they are, and how."""
    counted: bool
    """Its step is the number of rows before it."""
