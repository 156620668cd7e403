"""Lines of a log that mention what was not read from it: what is not known may be there all the same.

A log is searched for the subjects of which nothing was read. What is found is shown as a line, never as
a value.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from runwatch.core.errors import SourceError
from runwatch.core.text import decode
from runwatch.watcher.sources.compressed import blocks

LOSS, RATE, GRADIENT, VALIDATION = "loss", "learning rate", "gradient norm", "validation"
TIMES, DATES, SPEED, MACHINE = "times", "dates", "speed", "machine"
CHECKPOINTS, GPUS = "checkpoints", "GPUs"

_KINDS = 20_000
"""Lines that differ in more than their digits, at most: what follows is not searched."""
_BLOCK = 1 << 20
_PART = 16
"""Blocks at the begin and at the end of a log that are searched; what is between them is passed over."""
_FEW = 3
"""Lines of a subject that are named."""
_LENGTH = 2_000
"""Bytes of a line that are searched."""
_SHOWN = 110
"""Characters of a line that are shown."""
_DIGITS = b"0123456789"
_SETTING = re.compile(
    rb"(?:\([\w =.,-]{1,60}\))?\s*(?:"
    rb"['\"]?[\w.-]+['\"]?\s*(?:[:=]|\.{2,})\s*(?:(?:true|false|none|null)\b|.*,\s*$)"
    rb"|\+{1,3} |\w+=\S+\s*$|.*?\w[({]['\"]?\w+['\"]?[=:]|.*\s--\w|.*'[+\w./]+=[^']*',)"
)
"""A line of a configuration or a command, in small letters: it plans what may never happen."""
_COLOR = re.compile(rb"\x1b\[[\d;]*m")
_LOADS = re.compile(rb"loading|download|\bmap\b|tokeniz|generating|preprocess")
"""A bar of what precedes training, in small letters."""
_ALONE = rb"(?<![a-z])(?:%s)(?![a-z])"
_VALUE = rb"['\"\])]{0,2}\s{0,3}(?:[:=|]|is|to|->)?\s{0,3}\[?-?\d"
_SCORE = rb"loss|acc|score|auc|f1|bleu|iou|map|ppl|perplexity|error|result|metric|ms?[ae]|[wc]er|reward|%"
_DATE = rb"\d{4}[-/]\d\d[-/]\d\d[ t_]\d\d:\d\d:\d\d"
_UNIT = rb"(?:it|iter|step|batch|batche|sample|token|image|img|example|frame)"


_SUBJECTS = {
    name: re.compile(pattern)
    for name, pattern in {
        LOSS: _ALONE % rb"(?:\w{1,20}[ _/])?loss" + _VALUE,
        RATE: rb"(?<![a-z_])(?:lr|learning[ _-]?rate)(?![a-z_])" + _VALUE,
        GRADIENT: rb"(?<!max_)(?:grad(?:ient)?s?[ _/-]?norm|gnorm)" + _VALUE,
        VALIDATION: _ALONE % rb"val(?:id(?:ation|ating|ate)?)?|eval(?:uat(?:ion|ing|ed?))?|dev|test(?:ing)?"
        + rb".{0,80}?(?:" + _SCORE + rb")[^\d]{0,20}\d"
        + rb"|" + _ALONE % rb"psnr|ssim|s?bleu|rouge-?\w?|miou" + rb"[^\w]{0,4}\d",
        DATES: _DATE,
        TIMES: _DATE + rb"|" + _ALONE % rb"(?:\w{1,12}[ _])?time|took|elapsed" + rb"[^\d]{0,12}\d",
        SPEED: rb"\d ?" + _UNIT + rb"s?/s(?:ec)?(?![a-z])|\d ?(?:s|ms|sec)/" + _UNIT
        + rb"|" + _UNIT + rb"s?(?:/|[ _]per[ _])s(?:ec(?:ond)?)?" + _VALUE
        + rb"|\b(?:step|iter|batch)[ _]time" + _VALUE,
        MACHINE: rb"(?:gpu|cuda|max|peak)[^\d]{0,12}(?:mem|util|power)[^\d]{0,20}\d",
        CHECKPOINTS: rb"(?<!_)" + _ALONE % rb"sav(?:ed?|ing)|wr(?:itten|iting|ote)|(?:stor|dump)(?:ed|ing)"
        + rb".{0,60}?(?:model|weights|checkpoint|ckpt|state|network|snapshot|\.(?:pt|pth|h5|bin|ckpt|npz)\b)",
        GPUS: rb"\d+ (?:gpu|cuda device)s?\b|(?:gpus|world[ _]size)" + _VALUE,
    }.items()
}  # fmt: skip
"""What is searched for in a line in small letters."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Lines about one subject."""

    lines: tuple[int, ...]
    """Their numbers, from 1; the first ones."""
    more: bool
    """Whether there are further ones."""
    example: str
    """One of them, short."""


def find(paths: Iterable[str], subjects: Collection[str]) -> dict[str, Mention]:
    """Return the lines that mention subjects, of the first log that does; a file that is gone has none."""
    found: dict[str, Mention] = {}
    for path in paths:
        wanted = [each for each in subjects if each not in found]
        try:
            found |= _search(blocks(path, _BLOCK), wanted) if wanted else {}
        except (OSError, SourceError):
            continue
    return found


def _search(data: Iterable[bytes], subjects: Collection[str]) -> dict[str, Mention]:
    """Return what the lines of a log mention. Of lines that differ in digits alone, one is searched."""
    found: dict[str, list[tuple[int, bytes]]] = {each: [] for each in subjects}
    kinds: dict[bytes, tuple[str, ...]] = {}
    for number, line in _lines(data):
        kind = line.translate(None, _DIGITS)
        about = kinds.get(kind)
        if about is None:
            if len(kinds) >= _KINDS:
                continue
            about = kinds[kind] = _about(line, subjects)
        for name in about:
            if len(found[name]) <= _FEW:
                found[name].append((number, line))
    return {name: _mention(name, lines) for name, lines in found.items() if lines}


def _about(line: bytes, subjects: Iterable[str]) -> tuple[str, ...]:
    """Return which subjects a line mentions."""
    small = _COLOR.sub(b"", line.lower())
    if _SETTING.match(small):
        return ()
    loads = _LOADS.search(small)
    return tuple(name for name in subjects if _SUBJECTS[name].search(small) and not (loads and name == SPEED))


def _lines(data: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines at the begin and at the end with their numbers, from 1.

    Of a line that redraws itself it is what is shown last; the rest of long lines is left out.
    """
    number, rest = 1, b""
    late: deque[bytes] = deque()
    for at, block in enumerate(data):
        if at >= _PART:
            late.append(block)
            if len(late) > _PART:
                number += (rest + late.popleft()).count(b"\n")
                rest = b""
            continue
        *lines, rest = (rest + block).split(b"\n")
        yield from enumerate(map(_shown, lines), number)
        number += len(lines)
        rest = rest[-_BLOCK:]
    yield from enumerate(map(_shown, b"".join([rest, *late]).split(b"\n")), number)


def _shown(line: bytes) -> bytes:
    return (line if b"\r" not in line else line.rstrip().rpartition(b"\r")[2])[:_LENGTH]


def _mention(name: str, lines: list[tuple[int, bytes]]) -> Mention:
    line = lines[:_FEW][-1][1].strip()
    match = _SUBJECTS[name].search(line.lower())
    begin = max(0, (match.start() if match else 0) - _SHOWN // 2) if len(line) > _SHOWN else 0
    text = ("…" if begin else "") + decode(line[begin : begin + 4 * _SHOWN], 4 * _SHOWN).strip()
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return Mention(tuple(number for number, _ in lines[:_FEW]), len(lines) > _FEW, short)
