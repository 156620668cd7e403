"""The text of one JSON object.

NaN and Infinity, which JSON does not know but Python writes, are values.
"""

from __future__ import annotations

import json
import re

import msgspec

Record = dict[str, object]
_LOOSE = re.compile(rb"(?<=[:,\[\s])(-?)(nan|inf|Inf)(?=\s*[,}\]])")
_STRICT = {b"nan": b"NaN", b"inf": b"Infinity", b"Inf": b"Infinity"}


def load(text: bytes) -> Record | None:
    """Return the object a text holds, or None if it is no JSON object."""
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        value = _load_loosely(text)
    return value if isinstance(value, dict) else None


def _load_loosely(text: bytes) -> object:
    """Accept what msgspec does not: NaN, Infinity and numbers beyond the range of doubles."""
    if not text.rstrip().endswith(b"}"):
        return None
    try:
        return json.loads(_LOOSE.sub(lambda found: found[1] + _STRICT[found[2]], text))
    except (ValueError, RecursionError):
        return None
