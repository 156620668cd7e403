"""What bars look like: tqdm's, with a total or without one, Ignite's, rich's, alive-progress's, TorchBlocks'.

 35%|###5      | 14/40 [00:02<00:04,  6.67it/s, loss=1.5]
Epoch 1/2 ━━━━━━━━━━━━━━╸━━━━━━━━━━ 14/40 0:00:02 0:00:04 loss: 1.5
Epoch 1/2 |██████████████             | ▃▅▇ 14/40 [35%] in 2s (~4s, 6.7/s) loss: 1.5
[Training] 14/40 [=========>....................] - ETA: 4s  loss: 1.5
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runwatch.parsers.body.matchers import NUMBER, VALUE
from runwatch.parsers.body.readers import ENDLESS, is_endless

_Span = tuple[int, int]
Named = list[tuple[bytes, _Span]]
"""Names and where their numbers are."""

BAR = rb"\|[^|\r\n]{0,400}\|"
"""The bar itself: `|█▏  |`."""
_TQDM = re.compile(
    rb"(?P<desc>(?:[^%\"\r\n]|%(?=[:,) ])){0,200}?)\s*\d{1,3}%"  # torchtune begins with `1|20|`
    rb"(?:" + BAR + rb"\s*| )"  # a narrow terminal has no place for the bar itself
    rb"(?P<n>\d+(?:\.\d+)?)(?P<by>[kMGT]?)/(?P<total>\d+(?:\.\d+)?)(?P<of>[kMGT]?) "
    rb"\[(?P<elapsed>[\d:]+)<[\d:?]+(?:,\s*(?:(?P<rate>"
    + NUMBER
    + rb")|\?) ?(?P<unit>s/[A-Za-z]{1,12}|[A-Za-z]{1,12}/s))?"  # NeMo shows none
    rb"(?:, (?P<postfix>[^\]\r\n]{1,2000}(?:\](?=: )[^\]\r\n]{1,2000})?))?\]"  # `avg. loss [381-400]: 0.5`
)
_ENDLESS = re.compile(
    rb"(?P<desc>[^%|\"\r\n]{0,200}?)(?:\|[^|\r\n]{0,400}\|\s*(?=[\d.]+[kMGT]?/\? )|(?<![\w.])(?=\d))"
    rb"(?P<n>\d+(?:\.\d+)?)(?P<by>[kMGT]?)(?:/\?| ?[A-Za-z]{1,12}) \[(?P<elapsed>[\d:]+)(?:<\?)?"
    rb"(?:,\s*(?:(?P<rate>" + NUMBER + rb")|\?) ?(?P<unit>s/[A-Za-z]{1,12}|[A-Za-z]{1,12}/s))?"
    rb"(?:, (?P<postfix>[^\]\r\n]{1,2000}))?\]"
)
"""Without a total, as tqdm prints it of its own accord or where another one draws a bar all the same."""
_SCALES = {b"": 1.0, b"k": 1e3, b"M": 1e6, b"G": 1e9, b"T": 1e12}
"""As `unit_scale` of tqdm has them: `1.25k/20.0k`."""
_DIGITS = re.compile(rb"\d+")
_SCALED_RATE = re.compile(rb"[kMGT](?=it/s)")
_NARROW = re.compile(rb"\d% \d[\d.]{0,12}[kMGT]?/\d[\d.]{0,12}[kMGT]? \[[\d:]+<")
"""What is in a line of tqdm that has no place for the bar itself: `25% 5/20 [00:01<00:03,  5.00it/s]`."""
_IGNITE = re.compile(
    rb"(?P<desc>[^|%\"\r\n]{0,120}?)\s*\[(?P<n>\d+)/(?P<total>\d+)\]\s*\d{1,3}%\|"
    rb"[^|,\[\r\n]{0,400}(?:, (?P<postfix>[^\[\r\n]{1,2000}))? \[[\d:]+<[\d:?]+\]"
)
"""In the order in which PyTorch Ignite has it: the count first, the values before the times."""
HEAVY = (
    rb"(?:\xe2[\x94\x95][\x80-\xbf\xe2]{10,1200}|(?:\xe2\x94\x81){1,3}(?:\xe2\x95[\xb8\xba])?|\xe2\x95\xb8)"
)
"""The line that rich draws: four of its signs or more, found by their first, or few as it begins."""
_RICH = re.compile(
    rb"(?P<desc>[^\xe2\r\n]{0,200}?) {1,8}" + HEAVY + rb" {1,40}(?:\d{1,3}% {1,8})?"
    rb"(?P<n>\d+)/(?P<total>\d+)(?P<postfix>(?: [^\r\n]{0,2000})?)$"
)
_PACE = re.compile(rb"(?<= )(" + NUMBER + rb") ?([A-Za-z]{1,12})/s(?= |$)")
"""The rate among what rich shows behind a bar."""
_ALIVE = re.compile(
    rb"(?P<desc>(?:[^|\r\n]|\|(?= +\|)){0,200}?) ?\|[^|\r\n]{0,600}\| (?:[\x80-\xff]{1,80} )?(?P<n>\d+)/"
    rb"(?P<total>\d+) \[\d{1,3}%\] in [\d:.msh ]{1,20}(?:\((?:~[\d:.msh ]{1,20}, )?(?P<rate>"
    + NUMBER
    + rb")/s\))?(?P<postfix>[^\r\n]{0,2000})$"
)
_ARROW = re.compile(
    rb"(?P<desc>\[[^\[\]\r\n]{1,80}\]) (?P<n>\d+)/(?P<total>\d+) \[[=>.]{4,200}\]"
    rb"(?: - ETA: [\d:]{1,12}s?| [\d.]{1,12}[mu]?s/step)(?P<postfix> [^\r\n]{0,2000})$"
)
"""That of TorchBlocks, which many scripts for Chinese texts copied."""
_ARROWS = (b".] - ETA: ", b"=] ")
_ENDS = (b"\xe2\x94\x81 ", b"\xe2\x95\xb8 ", b"\xe2\x95\xba ")
"""What bars of rich end with: a whole line, or half of one."""
_IN = b"%] in "
_IS_LIGHTNING = re.compile(rb"Epoch \d+/-?\d+ .*\xe2\x80\xa2")
"""A bar of rich that has a reader of its own."""
_LIGHTNING = re.compile(
    rb"(?P<desc>Epoch \d+(?:/\d+)?)(?:/-\d+)? +" + HEAVY + rb" (?P<n>\d+)/(?P<total>\d+) +"
    rb"\d+:\d\d:\d\d \xe2\x80\xa2(?: +(?:[\d:]{4,12}|-:--:--))? +(?P<rate>"
    + NUMBER
    + rb")it/s(?P<postfix>.{0,2000})"
)
_UNIT = (
    rb"(?=[ %A-Za-z])(?:%|[kKMG]|[KMGT]i?B|[mu]?s|sec"
    rb"| ?(?:[KMGT]i?B|ms|sec|(?:[kKM] )?[A-Za-z]{1,12}/(?:s|sec|it|iter|step|batch)))"
)
_CLOSED = rb"\.?(?=[\s,;\])]|: {1,3}\d{1,3}%|$)"
UNIT = re.compile(rb"(" + _UNIT + rb")" + _CLOSED)
"""The unit behind a value."""
NAMED = re.compile(
    rb"(?<![\w./@-])([A-Za-z][\w./@-]{0,80}(?: in s| \((?:batch|step)\)|%)?|\|{1,2}g(?:rad)?\|{1,2}"
    rb"|(?<=, )(?:(?:Train|Val|Eval|Test|Best)\w{0,8} [Ll]oss"
    rb"|(?!(?i:epoch|batch|step|iter)\w* |[\w-]+ loss=)[A-Za-z\x80-\xff]"
    rb"[^\d=:,;|\[\]{}]{0,60}(?<! ))(?==)"  # `Average key norm=0.5`
    rb"|(?:[Bb]est|[Ll]owest|[Mm]in(?:imum)?|init(?:ial)?) [Ll]oss|(?!Epoch|Batch|Step|Iter)"
    rb"[A-Z][a-z]{1,20} [Ll]oss(?=[:=])"
    rb"|(?<=[\d%sB] )(?=[^ :=]+ )(?!(?i:epoch|batch|step|iter|of|in)\w* |(?:m?s|sec|[KMG]i?B) )"
    rb"[A-Za-z\x80-\xff][A-Za-z_./\x80-\xff-]{0,40}"  # `lr: 0.5 grad norm: 2.5`
    rb"(?: [A-Za-z\x80-\xff(][\w./()%\x80-\xff-]{0,40}){1,5}(?=: ?[-+\d])"
    rb"|(?<![\x80-\xff])[A-Za-z]{0,12}[\x80-\xff][A-Za-z_\x80-\xff-]{0,80})"
    rb"(?:(?: \[\d{1,9}-\d{1,9}\])?\s{0,8}[=:]\s*|(?<=[Ll]oss) "
    rb"| - (?=\d{1,9}\.\d))("  # as segmentation_models.pytorch has it
    + VALUE
    + (rb")(?:(?<=[fnFN])\.0{0,8})?(?:" + _UNIT + rb")?" + _CLOSED)  # Lightning fills NaN up: nan.0
)
"""A value with its name."""
NEEDLES = (*ENDLESS, *_ENDS, _IN, *_ARROWS)
"""What a line holds that may be a bar, but for one of tqdm with a total."""


class Bar(NamedTuple):
    """Where in a line the parts of a bar are, in the words of tqdm."""

    desc: _Span
    """What precedes it."""
    n: _Span
    total: _Span | None
    rate: _Span | None = None
    rate_unit: bytes = b""
    """`it/s` or `s/it`, whatever is counted; empty without a rate."""
    unit: bytes = b""
    """What is counted, as far as it is shown."""
    elapsed: tuple[_Span, ...] = ()
    """Hours, minutes and seconds since it began, as far as they are shown; next to a rate only."""
    scales: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """What n, total and rate are to be multiplied by."""
    postfix: _Span | None = None
    """The values behind it."""
    redrawn: bool = False
    """Whether rich or alive-progress drew it."""


def holds(line: bytes) -> bool:
    """Return whether a line may hold a bar: a cheap look."""
    return is_drawn(line) or (b" [" in line and is_endless(line) is not None) or is_other(line)


def is_drawn(line: bytes) -> bool:
    """Return whether a line holds a bar of tqdm that has a total."""
    return b"%|" in line or (b"% " in line and _NARROW.search(line) is not None)


def is_other(line: bytes) -> bool:
    """Return whether it may be one of rich or alive-progress, but none of tqdm: a cheap look."""
    rich = b"\xe2" in line and any(end in line for end in _ENDS) and not _IS_LIGHTNING.match(line)
    return rich or _IN in line or is_arrow(line)


def is_arrow(line: bytes) -> bool:
    """Return whether it may be one of TorchBlocks: what it counts is in brackets, unlike Keras'."""
    return line[:1] == b"[" and any(sign in line for sign in _ARROWS)


def bar_in(line: bytes, start: int = 0) -> Bar | None:
    """Return the bar that a line begins with."""
    if is_drawn(line):
        found = _TQDM.match(line, start) if b"]" in line else None
        return _ignite(line, start) if found is None else _tqdm(found, found.span("total"), found["of"])
    if is_other(line):
        pattern = _ALIVE if _IN in line else _ARROW if is_arrow(line) else _RICH
        found = pattern.match(line, start)
        return None if found is None else _redrawn(found)
    if b"]" not in line:
        return None
    found = _ENDLESS.match(line, start) if is_endless(line) else None
    return None if found is None else _tqdm(found, None, found["by"])


def _tqdm(found: re.Match[bytes], total: _Span | None, of: bytes) -> Bar:
    per = found["unit"] or b""
    slow = per[:2] == b"s/"
    timed = found["rate"] is not None
    scaled = _SCALED_RATE.match(per) if timed else None
    return Bar(
        found.span("desc"),
        found.span("n"),
        total,
        rate=found.span("rate") if timed else None,
        rate_unit=b"" if not timed else b"s/it" if slow else b"it/s",  # whatever is counted is a step
        unit=per[2:] if slow else per[:-2],
        elapsed=tuple(m.span() for m in _DIGITS.finditer(found.string, *found.span("elapsed"))) * timed,
        scales=(_SCALES[found["by"]], _SCALES[of], _SCALES[scaled[0] if scaled else b""]),
        postfix=found.span("postfix") if found["postfix"] is not None else None,
    )


def _ignite(line: bytes, start: int) -> Bar | None:
    found = _IGNITE.match(line, start)
    if found is None or found["postfix"] is None:
        return None
    return Bar(found.span("desc"), found.span("n"), found.span("total"), postfix=found.span("postfix"))


def _redrawn(found: re.Match[bytes]) -> Bar:
    rate = found.span("rate") if found.re is _ALIVE and found["rate"] else None
    pace = _PACE.search(found["postfix"]) if found.re is _RICH else None
    rate = (found.start("postfix") + pace.start(1), found.start("postfix") + pace.end(1)) if pace else rate
    return Bar(
        found.span("desc"),
        found.span("n"),
        found.span("total"),
        rate=rate,
        rate_unit=b"it/s" if rate else b"",
        unit=pace[2] if pace else b"",
        postfix=found.span("postfix") if NAMED.search(found["postfix"]) else None,
        redrawn=found.re is not _ARROW,
    )


def lightning(line: bytes, start: int = 0) -> Bar | None:
    """Return the bar that Lightning draws with rich; of one that a narrow terminal broke, the first line."""
    found = _LIGHTNING.match(line, start) if line[start : start + 6] == b"Epoch " else None
    if found is None:
        return None
    n, total, rate = (found.span(part) for part in ("n", "total", "rate"))
    return Bar(found.span("desc"), n, total, rate=rate, rate_unit=b"it/s", postfix=found.span("postfix"))


def named(line: bytes, begin: int, end: int) -> Named:
    """Return the named numbers of a bar, but for the version that loggers count."""
    return [(m[1], m.span(2)) for m in NAMED.finditer(line, begin, end) if m[1] != b"v_num"]


def behind(line: bytes, end: int) -> str:
    """Return the unit behind the number that ends at a place of a line."""
    found = UNIT.match(line, end) if line[end : end + 1] not in (b",", b"") else None
    return found[1].decode().strip() if found else ""


_FILLINGS = (
    (b"%|", re.compile(rb"%\|[^|\r\n]{1,400}\|"), b"%||"),
    (b"\xe2\x94", re.compile(HEAVY), 4 * b"\xe2\x94\x81"),
    (
        _IN,
        re.compile(rb"\|[^|\r\n]{1,600}\|(?: [\x80-\xff]{1,80})?(?= \d{1,12}/\d{1,12} \[\d{1,3}%\] in )"),
        b"||",
    ),
)
"""What holds a filling, the filling, and what replaces it: of tqdm, of rich, of alive-progress
with the signs that move next to it."""


def emptied(text: bytes, *, redrawn: bool) -> bytes:
    """Return a text with bars that are filled alike; `redrawn` says whether any is not tqdm's."""
    for sign, filling, empty in _FILLINGS if redrawn else _FILLINGS[:1]:
        if sign in text:
            text = filling.sub(empty, text)
    return text
