"""Bars of tqdm that carry a loss, one or several below each other."""

from __future__ import annotations

import re

from runwatch.parsers.bars import BarPictures, BarReader, Shown, named
from runwatch.parsers.escapes import UP
from runwatch.parsers.patterns import NUMBER, Match, values
from runwatch.parsers.readers import Row

_TQDM = re.compile(
    rb"(?P<text>[^|%\"\r\n]{0,120}?)\s*\d{1,3}%\|[^|\r\n]{0,400}\|\s*(?P<done>\d+)/(?P<total>\d+) "
    rb"\[[\d:]+<[\d:?]+,\s*(?:(?P<pace>"
    + NUMBER
    + rb") ?(?P<unit>s/[A-Za-z]{1,12}|[A-Za-z]{1,12}/s)|\? ?[A-Za-z]{1,12}/s)"
    rb"(?:, (?P<postfix>[^\]\r\n]{1,2000}))?\]"
)
_IGNITE = re.compile(
    rb"(?P<text>[^|%\"\r\n]{0,120}?)\s*\[(?P<done>\d+)/(?P<total>\d+)\]\s*\d{1,3}%\|"
    rb"[^|,\[\r\n]{0,400}(?:, (?P<postfix>[^\[\r\n]{1,2000}))? \[[\d:]+<[\d:?]+\]"
)
"""In the order in which PyTorch Ignite has it: the count first, the values before the times."""
_FILLING = re.compile(rb"%\|[^|\r\n]{1,400}\|")


class _TqdmPictures(BarPictures):
    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return what a bar with a postfix shows."""
        if b"%|" not in line or b"]" not in line:
            return None
        found = _TQDM.match(line, start)
        if found is None:
            return self._ignite(line, start)
        if found["postfix"] is None:
            return None
        place = [found.span(group) for group in ("done", "total", "pace") if found[group]]
        unit = found["unit"]  # whatever is counted is a step
        pace = b"" if unit is None else b"s/it" if unit[:2] == b"s/" else b"it/s"
        return self.picture(found["text"], place, pace, named(line, *found.span("postfix")))

    def _ignite(self, line: bytes, start: int) -> Match | None:
        found = _IGNITE.match(line, start)
        if found is None or found["postfix"] is None:
            return None
        place = [found.span("done"), found.span("total")]
        return self.picture(found["text"], place, b"", named(line, *found.span("postfix")))


class TqdmReader(BarReader):
    """`Epoch 0:  22%|##  | 4/18 [00:17<01:02, 4.47s/it, loss=9.947, v_num=193315]`.

    Processes that share a terminal draw their bars below each other: where those at positions 0 and 1
    have the same text and total, the position is the rank.
    """

    begins = b""  # `%|` is looked for in any case
    awake = False

    def __init__(self) -> None:
        self.pictures = (_TqdmPictures("tqdm"),)
        super().__init__(*self.pictures)
        self._top: tuple[bytes, bytes] = b"", b""
        """Text and total of the newest bar at the top."""
        self._below = False
        """Whether there are such bars below it."""

    def feed(self, line: bytes, number_: int) -> list[Row] | None:
        """Take one picture of a bar."""
        above = line.count(UP)
        if (above or not self._below) and b"%|" in line and (bar := _TQDM.match(line)):
            drawn = bar["text"].strip(), bar["total"]
            self._below |= above > 0 and drawn == self._top
            self._top = self._top if above else drawn
        match = self.pictures[0].match(line)
        if match is None:
            return None
        shown = values(line, match)
        layout = match.layout
        if self._below and not (isinstance(layout, Shown) and layout.ranked):
            layout, shown = self.pictures[0].ranked(layout), [*shown, float(above)]
        return self.take(layout, shown, number_)

    def may(self, line: bytes) -> bool:
        """Return whether a line may hold a bar."""
        return b"%|" in line

    def minds(self, line: bytes) -> bool:
        """Return False: only pictures tell anything."""
        return False

    def until(self, block: bytes, begin: int, end: int) -> int:
        """Return where a bar stands that is drawn below others: those are read one by one."""
        if self._below:
            return begin
        below = block.find(UP, begin, end)
        return (
            end
            if below < 0
            else max(block.rfind(b"\n", begin, below), block.rfind(b"\r", begin, below), begin)
        )

    def thin(self, text: bytes) -> bytes:
        """Return the text with empty bars."""
        return _FILLING.sub(b"%||", text)
