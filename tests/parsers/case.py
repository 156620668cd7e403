"""What a format's test says: lines, and the columns that must come out of them."""

from __future__ import annotations

from dataclasses import dataclass, field

NAN = "nan"


@dataclass(eq=False)
class Case:
    """Lines, the format they are, and columns that must come out ("kind/name" -> values)."""

    format: str
    text: str
    train: dict[str, list[float]]
    eval: dict[str, list[float]] = field(default_factory=dict)
    plan: list[float] = field(default_factory=list)
