"""What a report is made of: sections of sentences, facts, tables and figures, before anybody draws it.

All text is plain: a renderer escapes it. Numbers stay next to the text that shows them, for JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Value = float | int | str | bool | None

GOOD, NOTE, WARNING, CRITICAL = "good", "note", "warning", "critical"
"""Tones of a sentence, the best first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as people read it, and as it is."""

    text: str
    value: Value = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One statement, with its tone."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences in a row."""

    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """Sentences one below the other."""

    sentences: tuple[Sentence, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class FactList:
    """Names and values."""

    facts: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below their titles."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left_out: int = 0
    """Further rows that are not shown."""
    right: tuple[int, ...] = ()
    """Columns of numbers."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: arrays (n,) in order of x; `low` and `high` are those of the samples at each x."""

    label: str
    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    first: float
    last: float
    """The exact first and last value; `mean` may be of many."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Something at a place of the x axis."""

    x: float
    label: str
    kind: str
    """incident, restart or best."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart of one or more curves."""

    title: str
    metric: str
    """It decides the unit of the values."""
    lines: tuple[Line, ...]
    pins: tuple[Pin, ...] = ()
    log: bool = False
    x_label: str = "step"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a timeline, in seconds since its begin."""

    phase: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Phases along time."""

    parts: tuple[Part, ...]

    @property
    def length(self) -> float:
        """Seconds of all of it."""
        return max((part.end for part in self.parts), default=0.0)


Block = Paragraph | Items | FactList | Table | Figure | Timeline


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a title."""

    id: str
    """A word that stays the same whatever the title says."""
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One run's report."""

    title: str
    subtitle: str
    tone: str
    """That of its verdict."""
    sections: tuple[Section, ...]
    made: str = ""
    """When, and by what."""


def section(name: str, title: str, *blocks: Block | None) -> Section | None:
    """Return a section of the blocks that there are; None without any."""
    found = tuple(block for block in blocks if block is not None and not _empty(block))
    return Section(name, title, found) if found else None


def paragraph(*sentences: Sentence | str | None) -> Paragraph:
    """Return a paragraph of the sentences that say anything."""
    return Paragraph(_sentences(sentences))


def items(sentences: Sequence[Sentence | str | None], title: str = "") -> Items:
    """Return the sentences that say anything, one below the other."""
    return Items(_sentences(sentences), title)


def _sentences(given: Sequence[Sentence | str | None]) -> tuple[Sentence, ...]:
    return tuple(Sentence(each) if isinstance(each, str) else each for each in given if each)


def _empty(block: Block) -> bool:
    inside = {
        Paragraph: "sentences",
        Items: "sentences",
        FactList: "facts",
        Table: "rows",
        Figure: "lines",
        Timeline: "parts",
    }
    return not getattr(block, inside[type(block)])
