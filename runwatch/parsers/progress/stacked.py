"""Bars that are drawn below each other: where many are, whether those above and below differ.

tqdm moves the cursor up behind each bar that is not at the top, as many times as there are bars above.
When a bar below has ended, tqdm draws it once more at the top, full: this is no other process's.
"""

from __future__ import annotations

import re

from runwatch.parsers.edges import record_begin, record_end
from runwatch.parsers.framing.ansi import UP, bare
from runwatch.parsers.progress.grammar import Bar, bar_in

_RECORD = re.compile(rb"([^%|\x1b\r\n]*)[^\x1b\r\n]*([^\r\n]*)[\r\n]+")
"""What a record says before its bar, and what is in it from the first escape on."""
_FULL = b"100"
"""The per cent of a bar that has ended."""
_FIRST_LOOK = 1 << 11
"""Bytes of a block in which bars are compared at first."""
_LOOKS = 64
"""Records looked at for the newest bar, whatever they hold."""


def apart(text: bytes, top: bytes) -> bool:
    """Return whether no bar of a text says the same as one above it, nor as `top`, the newest at the top."""
    records = set(_RECORD.findall(text))
    below = {_said(words) for words, rest in records if UP in rest}
    tops = {_said(words) for words, rest in records if UP not in rest and not words.endswith(_FULL)}
    return below.isdisjoint({_said(top), *tops})


def apart_until(block: bytes, begin: int, end: int, top: bytes) -> int:
    """Return a place up to which no bar of block[begin:end] says the same as one above it, or as `top`.

    It is as far as a fourth of what was looked at, or that was little: so blocks are read in linear time.
    """
    above = block.find(UP, begin, end)
    if above < 0:
        return end
    known, size = begin, _FIRST_LOOK
    while known < end:
        stop = end if size >= end - begin else record_begin(block, begin, begin + size)
        if not apart(block[begin:stop], top):
            return known if known > begin else max(record_begin(block, begin, above) - 1, begin)
        known, size = stop, 4 * size
    return end


def seen(line: bytes, bar: Bar) -> tuple[bytes, bytes] | None:
    """Return description and total of a bar; None if it is full."""
    if line[bar.desc[1] : bar.n[0]].lstrip().startswith(_FULL):
        return None
    return line[slice(*bar.desc)].strip(), line[slice(*bar.total)] if bar.total else b""


def newest(text: bytes) -> tuple[bytes, bytes] | None:
    """Return text and total of the last bar at the top that is not full; None if there is none."""
    end, looks = len(text), _LOOKS
    while end > 0:
        if not looks:
            at = text.rfind(b"%|", 0, end)
            end = record_end(text, at, len(text)) if at >= 0 else 0
        begin = record_begin(text, 0, end)
        line = text[begin:end]
        bar = bar_in(bare(line)) if line and not line.endswith(UP) else None
        found = None if bar is None else seen(bare(line), bar)
        if found is not None:
            return found
        end, looks = begin - 1, looks - (looks > 0)
    return None


def _said(words: bytes) -> bytes:
    """Return words without the per cent behind them."""
    return words.strip().rstrip(b"0123456789").strip()
