"""Lines that say how large the model is: `number of parameters: 123.59M`, `Total params: 11,689,512`."""

from __future__ import annotations

import re

from runwatch.core.text import decode

_COUNT = rb"(?P<count>\d[\d,_]{0,19}(?:\.\d{1,6})?(?: ?(?:[KMBT](?:illion)?|[mb]illion)\b)?)"
_END = rb"(?=\s*(?:\|\||\(|\.?\s*\Z))"
_WHOLE = rb"(?P<trainable>[Tt]rainable )?(?:(?:[Mm]odel )?param(?:eter)?s)"
_PATTERNS = (
    rb"\b[Nn]umber of " + _WHOLE + rb"(?P<billions> in billions)?(?: is)? ?[:=]? ?\s?" + _COUNT + _END,
    rb"(?<![\w-])(?=[TtAaMm])(?:(?:[Tt]otal|[Aa]ll|[Mm]odel) )?" + _WHOLE + rb" ?[:=] ?" + _COUNT + _END,
    rb"\b[Mm]odel has " + _COUNT + rb" " + _WHOLE + rb"\b",
    rb"^\s*" + _COUNT + rb" +(?:(?P<trainable>Trainable)|Total) params\s*\Z",
    rb"\bsize: " + _COUNT + rb" total parameters\b",
    rb"\b(?:num_param(?:eter)?s|param count) ?[:=] ?" + _COUNT + rb"\s*\Z",
    rb"\b[Nn]umber of (?P<points>points) at initiali[sz]ation ?: *" + _COUNT,  # of splats
)
_SIZES = [re.compile(pattern) for pattern in _PATTERNS]
SIZE = rb"[Pp]aram(?:eter)?s|param count|ber of points at"
NEEDLES = b"arameters|arams|aram count|ber of points at"


def size(line: bytes) -> dict[str, str]:
    """Return the number of parameters, of those that are trained, and of points, as a line has them."""
    data: dict[str, str] = {}
    for pattern in _SIZES:
        for found in pattern.finditer(line):
            groups = found.groupdict()
            name = "trainable_parameters" if groups.get("trainable") else "parameters"
            name = "points" if groups.get("points") else name
            text = decode(found["count"], 40).replace("_", "").replace(" ", "")
            data.setdefault(name, text + ("B" if groups.get("billions") else ""))
    return data
