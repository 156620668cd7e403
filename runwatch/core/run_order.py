"""In which order runs want attention: the list shows them so, and the engine shows the first of them."""

from __future__ import annotations

import re

from runwatch.core.ending import ENDED
from runwatch.core.snapshot import RunRow

_DAY = 86_400.0


def urgency(row: RunRow) -> tuple[bool, bool, bool, bool, float, list[tuple[str, int]], str]:
    """Return a sort key: what is wrong first, then what is running, then what has ended, the newest first.

    It does not depend on the order in which runs were read. What is wrong for days is known by now.
    """
    recent = row.age is None or row.age < _DAY
    rests = row.phase in ENDED or row.phase == "unknown" or not recent
    age = row.age or 0.0 if rests else 0.0
    return (
        not (recent and row.critical),
        rests,
        not row.progress.begun,
        not row.warning,
        age,
        _natural(row.name),
        row.id,
    )


def _natural(name: str) -> list[tuple[str, int]]:
    """Return a sort key by which run2 comes before run10."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d{0,18})", name)]
