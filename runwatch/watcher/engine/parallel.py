"""How many ways a run is split, as its configuration says: tensor, context and pipeline parallel.

Megatron, NeMo, DeepSpeed and torchtitan number their ranks alike: tensor parallel
runs fastest, then context, then data, and pipeline slowest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LONG = re.compile(r"(tensor|context|pipeline)_(?:model_)?parallel_?(?:size|degree)?")
_SHORT = re.compile(r"(tp|cp|pp)(?:_size|_degree)?")
_AXES = {"tensor": "tp", "context": "cp", "pipeline": "pp"}
_MOST = 65_536


def sizes(about: Mapping[str, str]) -> dict[str, int]:
    """Return `tp`, `cp` and `pp` where a configuration has them, else {}."""
    found: dict[str, int] = {}
    for name, value in about.items():
        last = re.split(r"[/.]", name.lower())[-1].replace("-", "_")
        match = _LONG.fullmatch(last) or _SHORT.fullmatch(last)
        if match is not None and value.isascii() and value.isdecimal() and 0 < int(value[:9]) <= _MOST:
            found[_AXES.get(match[1], match[1])] = int(value)
    return {axis: found[axis] for axis in ("tp", "cp", "pp") if axis in found}
