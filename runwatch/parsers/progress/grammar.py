"""What bars look like: tqdm's, with a total or without one, PyTorch Ignite's, rich's and alive-progress's.

 35%|###5      | 14/40 [00:02<00:04,  6.67it/s, loss=1.5]
Epoch 1/2 ━━━━━━━━━━━━━━╸━━━━━━━━━━ 14/40 0:00:02 0:00:04 loss: 1.5
Epoch 1/2 |██████████████             | ▃▅▇ 14/40 [35%] in 2s (~4s, 6.7/s) loss: 1.5
"""

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
    + rb")|\?) ?(?P<unit>s/[A-Za-z]{1,12}|[A-Za-z]{1,12}/s))?"  # NeMo shows none
    rb"(?:, (?P<postfix>[^\]\r\n]{1,2000}))?\]"
)
_ENDLESS = re.compile(
    rb"(?P<text>[^%|\"\r\n]{0,200}?)(?:\|[^|\r\n]{0,400}\|\s*(?=[\d.]+[kMGT]?/\? )|(?<![\w.])(?=\d))"
    rb"(?P<done>\d+(?:\.\d+)?)(?P<by>[kMGT]?)(?:/\?| ?[A-Za-z]{1,12}) \[[\d:]+(?:<\?)?(?:,\s*(?:(?P<pace>"
    + NUMBER
    + rb")|\?) ?(?P<unit>s/[A-Za-z]{1,12}|[A-Za-z]{1,12}/s))?"
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
HEAVY = rb"\xe2[\x94\x95][\x80-\xbf\xe2]{10,1200}"
"""The line that rich draws: four of its signs or more, told by their first."""
_RICH = re.compile(
    rb"(?P<text>[^\xe2\r\n]{0,200}?) {1,8}" + HEAVY + rb" {1,40}(?:\d{1,3}% {1,8})?"
    rb"(?P<done>\d+)/(?P<total>\d+)(?P<postfix>(?: [^\r\n]{0,2000})?)$"
)
_ALIVE = re.compile(
    rb"(?P<text>[^|\r\n]{0,200}?) ?\|[^|\r\n]{0,600}\| (?:[\x80-\xff]{1,80} )?(?P<done>\d+)/(?P<total>\d+) "
    rb"\[\d{1,3}%\] in [\d:.msh ]{1,20}(?:\((?:~[\d:.msh ]{1,20}, )?(?P<pace>"
    + NUMBER
    + rb")/s\))?(?P<postfix>[^\r\n]{0,2000})$"
)
_ENDS = (b"\xe2\x94\x81 ", b"\xe2\x95\xb8 ", b"\xe2\x95\xba ")
"""What bars of rich end with: a whole line, or half of one."""
_IN = b"%] in "
_LIGHTNING = re.compile(rb"Epoch \d+/\d+ .*\xe2\x80\xa2")
"""A bar of rich that has a reader of its own."""
NEEDLES = (*ENDLESS, *_ENDS, _IN)
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
    other: bool = False
    """Whether rich or alive-progress drew it."""
    unit: bytes = b""
    """What it counts."""

    @property
    def total(self) -> bool:
        """Whether it has one."""
        return self.place[0] != self.place[1]


def holds(line: bytes) -> bool:
    """Return whether a line may hold a bar: a cheap look."""
    return b"%|" in line or (b" [" in line and is_endless(line) is not None) or is_other(line)


def is_other(line: bytes) -> bool:
    """Return whether it may be one of rich or alive-progress, as far as a cheap look tells."""
    if b"%|" in line:
        return False
    rich = b"\xe2" in line and any(end in line for end in _ENDS) and not _LIGHTNING.match(line)
    return rich or _IN in line


def drawn(line: bytes, start: int = 0) -> Drawn | None:
    """Return the bar that a line begins with."""
    if b"%|" in line:
        found = _TQDM.match(line, start) if b"]" in line else None
        if found is None:
            return _ignite(line, start)
        return _tqdm(found, "total", "of")
    if is_other(line):
        found = (_ALIVE if _IN in line else _RICH).match(line, start)
        return None if found is None else _other(found)
    if b"]" not in line:
        return None
    found = _ENDLESS.match(line, start) if is_endless(line) else None
    return None if found is None else _tqdm(found, "done", "by")


def _tqdm(found: re.Match[bytes], total: str, of: str) -> Drawn:
    place = [found.span(group) for group in ("done", total, "pace") if found[group]]
    unit = found["unit"] or b""
    slow = unit[:2] == b"s/"
    pace = b"" if found["pace"] is None else b"s/it" if slow else b"it/s"  # whatever is counted is a step
    scaled = _SCALED_PACE.match(unit) if pace else None
    scales = _SCALES[found["by"]], _SCALES[found[of]], _SCALES[scaled[0] if scaled else b""]
    postfix = found.span("postfix") if found["postfix"] is not None else None
    counted = unit[2:] if slow else unit[:-2]
    return Drawn(found.span("text"), place, pace, scales, postfix, unit=counted)


def _ignite(line: bytes, start: int) -> Drawn | None:
    found = _IGNITE.match(line, start)
    if found is None or found["postfix"] is None:
        return None
    place = [found.span("done"), found.span("total")]
    return Drawn(found.span("text"), place, b"", (1.0, 1.0, 1.0), found.span("postfix"))


def _other(found: re.Match[bytes]) -> Drawn:
    pace = [found.span("pace")] if found.re is _ALIVE and found["pace"] else []
    postfix = found.span("postfix") if b"oss" in found["postfix"] else None
    place = [found.span("done"), found.span("total"), *pace]
    return Drawn(found.span("text"), place, b"it/s" if pace else b"", (1.0, 1.0, 1.0), postfix, other=True)
