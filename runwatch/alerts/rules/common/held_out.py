"""What metrics of held-out data are called: the part of the data, then what is measured on it."""

from __future__ import annotations

import re

HELD_OUT = r"(?:val(?:id(?:ation)?)?|test|eval|dev)"
"""A regular expression of the parts of the data that are held out."""
_BEGINS = re.compile(HELD_OUT + r"[/_ ]", re.IGNORECASE)


def of_held_out(metric: str) -> bool:
    """Return whether the name of a metric begins with a part of the data that is held out."""
    return _BEGINS.match(metric) is not None
