"""A report as JSON: the document as it is, with the numbers behind its text. NaN and Inf are null."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, get_args

import msgspec
import numpy as np

from runwatch.core.text import escaped
from runwatch.reports.document import Block, Document

SCHEMA = 1
_BLOCKS = get_args(Block)


def as_json(documents: tuple[Document, ...]) -> str:
    """Return reports as one JSON document."""
    reports = [_plain(each) for each in documents]
    return escaped(msgspec.json.encode({"schema": SCHEMA, "reports": reports}).decode()) + "\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"block": type(value).__name__.lower(), **found} if isinstance(value, _BLOCKS) else found
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value.tolist()]
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
