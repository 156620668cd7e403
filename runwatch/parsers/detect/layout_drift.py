"""Lines that look like records of training and are read as nothing: a sign that the layout has changed.

It goes by words and numbers alone, so that the same bytes give the same count however they are cut:
a counter, a loss with its number, and no word of validation, of a summary or of what is saved. A printed
network is no such line.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from functools import lru_cache

from runwatch.core.batch import BAR, EVAL, RANK, TRAIN, Table
from runwatch.parsers.edges import record_begin, record_end

RECORDS = frozenset((TRAIN, EVAL, BAR, RANK))
"""Kinds of table whose rows show that lines are understood."""
_LOSS = re.compile(
    rb"(?:loss|nll|ppl|perplexity|reward)[a-z0-9_]{0,16}['\"]?\s{0,3}[=: ]\s{0,8}[-+]?\d"
    rb"|\b[a-z_]\w{0,30}\s?[=:]\s?\d+[^\r\n.\d][^\r\n]{0,200}?\b[a-z_]\w{0,30}\s?[=:]\s?[-+]?\d+\.\d"
)
_COUNTER = re.compile(
    rb"(?:step|iter(?:ation)?|it|epoch|batch|update|episode)s?['\"]?\s{0,3}[=:#\[( /]{0,3}\s{0,8}\d"
    rb"|\d\s?/\s?\d|\A\W{0,4}\d|(?<![a-z0-9_])[a-z]{1,4}\s?[=:]\s?\d+(?![\d.])"
)
_OTHER = re.compile(
    rb"(?<![a-z])(?:val|valid|validat\w*|eval\w*|test\w*|dev|best|final|summary|result\w*|sav\w+"
    rb"|checkpoint\w*|load\w*|warn\w*|config\w*|param\w*|arg\w*)(?![a-z])"
)
_PRINTED_MODEL = re.compile(rb"\A\s*\([\w.-]{1,60}\): \w")
"""A part of a network, as PyTorch prints it: `(bn): BatchNorm2d(64, eps=1e-05, momentum=0.1)`."""
_DECIMAL = re.compile(rb"\d\.\d")
_WORDS = (b"loss", b"nll", b"ppl", b"perplexity", b"reward")
_LONGEST = 4096
"""Bytes of a line that are looked at."""
_SHAPE = bytes.maketrans(b"123456789" + bytes(range(65, 91)), b"0" * 9 + bytes(range(97, 123)))
"""Lower case, with all digits equal: no expression here distinguishes digits."""


class Drift:
    """Counts such lines, block by block. Of a line that is redrawn, what stays on the screen counts."""

    def __init__(self) -> None:
        self._ended = False
        """Whether the block before ended such a line with `\\r`: with `\\n` next, the line counts."""

    def strange(
        self, block: bytes, end: int, start: int, line: int, tables: Iterable[Table]
    ) -> tuple[int, int]:
        """Return how many such lines block[:end] has below the newest record, and the number of the first."""
        at = _below(block, end, start, tables)
        count = int(self._ended and at == 0 and block[:1] == b"\n")
        first = line if count else 0
        self._ended = block[end - 1 : end] == b"\r" and _is_record(_shown(block, at, end - 1))
        while (found := _DECIMAL.search(block, at, end)) is not None:
            stop = block.find(b"\n", found.end(), end)
            if stop < 0:
                break
            if _is_record(_shown(block, at, stop - (block[stop - 1 : stop] == b"\r"))):
                count += 1
                first = first or line + block.count(b"\n", 0, stop)
            at = stop + 1
        return count, first


def _shown(block: bytes, at: int, stop: int) -> bytes:
    """Return the shape of what the line that ends at `stop` shows at last; it begins at `at` or later."""
    begin = record_begin(block, at, stop)
    return block[begin : min(stop, begin + _LONGEST)].translate(_SHAPE)


@lru_cache(512)
def _is_record(text: bytes) -> bool:
    """Return whether a line of this shape looks like a record of training."""
    if not any(word in text for word in _WORDS) and text.count(b"=") < 2 and text.count(b":") < 2:
        return False  # at the cost of a glance, as most lines
    known = _OTHER.search(text) or _PRINTED_MODEL.match(text)
    return not known and bool(_LOSS.search(text) and _COUNTER.search(text))


def _below(block: bytes, end: int, start: int, tables: Iterable[Table]) -> int:
    """Return where in the block the line below its newest record begins."""
    newest = -1
    for table in tables:
        if table.kind in RECORDS and table.rows:
            (offset,) = struct.unpack_from("<d", table.data, 8 * (table.rows - 1))
            newest = max(newest, int(offset) - start)
    if newest < 0:
        return 0
    return min(record_end(block, newest, end) + 1, end)
