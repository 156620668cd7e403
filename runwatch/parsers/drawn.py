"""What bars look like: those of tqdm, with a total or without one, and in the order of PyTorch Ignite."""

from __future__ import annotations

import re
from typing import NamedTuple

from runwatch.parsers.patterns import NUMBER
from runwatch.parsers.readers import ENDLESS, is_endless

_Span = tuple[int, int]

_TQDM = re.compile(
    rb"(?P<text>[^%\"\r\n]{0,200}?)\s*\d{1,3}%"  # torchtune begins with `1|20|`
    rb"\|[^|\r\n]{0,400}\|\s*(?P<done>\d+(?:\.\d+)?)(?P<by>[kMGT]?)/(?P<total>\d+(?:\.\d+)?)(?P<of>[kMGT]?) "
    rb"\[[\d:]+<[\d:?]+(?:,\s*(?:(?P<pace>"
    + NUMBER
    + rb") ?(?P<unit>s/[A-Za-z]{1,12}|[A-Za-z]{1,12}/s)|\? ?[A-Za-z]{1,12}/s))?"  # NeMo shows none
    rb"(?:, (?P<postfix>[^\]\r\n]{1,2000}))?\]"
)
_ENDLESS = re.compile(
    rb"(?P<text>[^%|\"\r\n]{0,200}?)(?:\|[^|\r\n]{0,400}\|\s*(?=[\d.]+[kMGT]?/\? )|(?<![\w.])(?=\d))"
    rb"(?P<done>\d+(?:\.\d+)?)(?P<by>[kMGT]?)(?:/\?| ?[A-Za-z]{1,12}) \[[\d:]+(?:<\?)?(?:,\s*(?:(?P<pace>"
    + NUMBER
    + rb") ?(?P<unit>s/[A-Za-z]{1,12}|[A-Za-z]{1,12}/s)|\? ?[A-Za-z]{1,12}/s))?"
    rb"(?:, (?P<postfix>[^\]\r\n]{1,2000}))?\]"
)
"""Without a total, as tqdm prints it of its own accord or where another one draws a bar all the same."""
_SCALES = {b"": 1.0, b"k": 1e3, b"M": 1e6, b"G": 1e9, b"T": 1e12}
"""As `unit_scale` of tqdm has them: `1.25k/20.0k`."""
_SCALED_PACE = re.compile(rb"[kMGT](?=it/s)")
_IGNITE = re.compile(
    rb"(?P<text>[^|%\"\r\n]{0,120}?)\s*\[(?P<done>\d+)/(?P<total>\d+)\]\s*\d{1,3}%\|"
    rb"[^|,\[\r\n]{0,400}(?:, (?P<postfix>[^\[\r\n]{1,2000}))? \[[\d:]+<[\d:?]+\]"
)
"""In the order in which PyTorch Ignite has it: the count first, the values before the times."""
NEEDLES = ENDLESS
"""What a line holds that may be a bar, but for `%|`."""


class Drawn(NamedTuple):
    """Where in a line the parts of a bar stand."""

    text: _Span
    """What stands before the bar."""
    place: list[_Span]
    """Done, total and, if there is one, pace; of a bar without a total done stands twice."""
    pace: bytes
    """Unit of the pace; empty if there is none."""
    scales: tuple[float, float, float]
    """What done, total and pace are to be multiplied by."""
    postfix: _Span | None
    """The values behind it."""

    @property
    def total(self) -> bool:
        """Whether it has one."""
        return self.place[0] != self.place[1]


def holds(line: bytes) -> bool:
    """Return whether a line may hold a bar: a cheap look."""
    return b"%|" in line or is_endless(line) is not None


def drawn(line: bytes, start: int = 0) -> Drawn | None:
    """Return the bar that a line begins with."""
    if b"]" not in line:
        return None
    if b"%|" in line:
        found = _TQDM.match(line, start)
        return _ignite(line, start) if found is None else _tqdm(found, "total", "of")
    found = _ENDLESS.match(line, start) if is_endless(line) else None
    return None if found is None else _tqdm(found, "done", "by")


def _tqdm(found: re.Match[bytes], total: str, of: str) -> Drawn:
    place = [found.span(group) for group in ("done", total, "pace") if found[group]]
    unit = found["unit"]  # whatever is counted is a step
    pace = b"" if unit is None else b"s/it" if unit[:2] == b"s/" else b"it/s"
    scaled = _SCALED_PACE.match(unit) if unit else None
    scales = _SCALES[found["by"]], _SCALES[found[of]], _SCALES[scaled[0] if scaled else b""]
    postfix = found.span("postfix") if found["postfix"] is not None else None
    return Drawn(found.span("text"), place, pace, scales, postfix)


def _ignite(line: bytes, start: int) -> Drawn | None:
    found = _IGNITE.match(line, start)
    if found is None or found["postfix"] is None:
        return None
    place = [found.span("done"), found.span("total")]
    return Drawn(found.span("text"), place, b"", (1.0, 1.0, 1.0), found.span("postfix"))
