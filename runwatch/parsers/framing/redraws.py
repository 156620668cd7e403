"""Where a piece of a stream has to end so that a record is read together with the bar behind it.

`tqdm.write` wipes the bar, writes the text and draws the bar again as it now is. A bar is else
redrawn ten times a second at most: next to steps that are quicker, only the one behind a record shows
its step (see core.fold.segments). So such a record waits for what is printed next, which comes at once.
"""

from __future__ import annotations

import re

from runwatch.core.batch import BESIDE, QUICK
from runwatch.parsers.edges import record_begin

_RATE = re.compile(rb"%\|[^\r\n]*[ ,](?:(\d+(?:\.\d+)?)|\?)it/s")
_LONGEST = 4096


def settled(recent: bytes, block: bytes, cut: int) -> int:
    """Return how much of block[:cut], which ends with a line end, can be read by now.

    It is less than `cut` where the last record is a dict next to a quick bar. `recent` preceded the
    block: its last BESIDE bytes or more.
    """
    text = block[max(0, cut - _LONGEST) : cut]
    bare = text.rstrip(b" \r\n")
    if not bare.endswith(b"}"):
        return cut
    begin = record_begin(bare, 0, len(bare))
    if (not begin and len(text) < cut) or b"{'" not in bare[begin:]:
        return cut
    start = cut - len(text) + begin
    before = (
        recent[-BESIDE:] + block[max(0, start - BESIDE) : start]
        if start < BESIDE
        else block[start - BESIDE : start]
    )[-BESIDE:]
    line = before[before.rfind(b"\n") + 1 :] + bare[begin : bare.index(b"{'", begin)]
    rates = [found[1] for found in _RATE.finditer(line.replace(b"\r", b"\n"))]
    return start if any(rate is None or float(rate) * QUICK > 1 for rate in rates) else cut
