"""One record as a person can check it: its text, and where in it each column was taken from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from runwatch.core.batch import META_COLUMNS, OUR_COLUMNS
from runwatch.core.metrics import MFU, SAMPLES_PER_SEC, STEP_TIME, TFLOPS, TOKENS_PER_SEC
from runwatch.core.text import decode, plain
from runwatch.parsers.body.matchers import values
from runwatch.parsers.formats.user import PatternError, build
from runwatch.parsers.framing.ansi import UP, bare
from runwatch.parsers.lexicon.names import canonical, meaning
from runwatch.reports.explain.spans import Token, tokens, trace

_UNITS = {
    STEP_TIME: "s",
    MFU: "fraction",
    TOKENS_PER_SEC: "tokens/s",
    SAMPLES_PER_SEC: "samples/s",
    TFLOPS: "TFLOP/s",
}
_STORED_AS = {
    **dict.fromkeys(("ms", "us", "s", "m", "min", "h"), "s"),
    "%": "fraction",
    **dict.fromkeys(("KiB", "MiB", "GiB", "TiB", "KB", "MB", "GB"), "bytes"),
}
"""Unit of the stored value where another one was printed and scaled."""
_NEAR = 40
"""Lines before or behind that of a record which may hold numbers of it."""
_SHOWN = 240
_MAX_LINES = 12


@dataclass(frozen=True, slots=True)
class Taken:
    """One column of a record, and where it comes from."""

    name: str
    value: float
    unit: str
    """Unit of the value; empty if it has none that is known."""
    printed: str
    """What the log calls it."""
    text: str
    """The number as the log prints it; empty if it was computed, or is a word of the log's."""
    rule: str = ""
    """The rule of the lexicon by which its name is this metric; empty if the format says so."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A record."""

    lines: tuple[tuple[int, str], ...]
    """(line number, text) of the lines that hold its numbers: mostly one."""
    taken: tuple[Taken, ...]
    text: bytes
    """The record itself if it is on one line, else nothing."""
    found: tuple[Token | None, ...]


def drawn(line: bytes) -> list[bytes]:
    """Return what a line showed one after the other, the last first, without colors."""
    parts = [bare(part).replace(UP, b"") for part in line.split(b"\r") if part.strip()]
    return parts[::-1] or [b""]


def shown(line: bytes, at: int = 0) -> str:
    """Return a line for people; of a long one the part around `at`."""
    begin = 0 if len(line) <= _SHOWN or at < _SHOWN // 2 else at - _SHOWN // 4
    return ("…" if begin else "") + decode(line[begin:], _SHOWN)


def sample(lines: Sequence[bytes], row: Mapping[str, float], printed: Mapping[str, str]) -> Sample:
    """Return the record of a row, whose numbers are looked for in its line, then in those near it."""
    number = int(row["line"])
    columns = {name: value for name, value in row.items() if name not in OUR_COLUMNS}
    best: tuple[bytes, list[Token | None]] = (b"", [None] * len(columns))
    first = number
    spans = ((number, number), (max(1, number - _NEAR), number), (number, number + _NEAR))
    for begin, end in spans:
        near = [drawn(line) for line in lines[begin - 1 : end]]
        texts = near[0][:1000] if begin == end else [b"\n".join(parts[0] for parts in near)]
        for text in texts:
            numbers = tokens(text)
            found = [
                trace(text, numbers, printed.get(name, name), value, last=begin < number)
                for name, value in columns.items()
            ]
            if found.count(None) < best[1].count(None):
                best, first = (text, found), begin
        if None not in best[1]:
            break
    text, found = best
    taken = (
        _taken(name, value, printed, token)
        for (name, value), token in zip(columns.items(), found, strict=True)
    )
    whole = b"" if b"\n" in text else text
    return Sample(_lines(text or lines[number - 1], first, found), tuple(taken), whole, tuple(found))


def _taken(name: str, value: float, printed: Mapping[str, str], token: Token | None) -> Taken:
    unit = _UNITS.get(name, "")
    if not unit and token is not None and token.value != value:
        unit = _STORED_AS.get(token.unit, "")
    text = token.text if token else ""
    called = printed.get(name, name)
    known = meaning(called)
    rule = known.rule if name in (known.metric, known.unless) and name != called else ""
    return Taken(plain(name, 100), value, unit, plain(called, 100), text, plain(rule, 100))


def _lines(text: bytes, first: int, found: Sequence[Token | None]) -> tuple[tuple[int, str], ...]:
    """Return those lines of a text that hold a number that was found."""
    held: dict[int, str] = {}
    for token in sorted(token for token in found if token is not None):
        begin = text.rfind(b"\n", 0, token.start) + 1
        end = text.find(b"\n", begin)
        line = text[begin:] if end < 0 else text[begin:end]
        held.setdefault(first + text.count(b"\n", 0, begin), shown(line, token.start - begin))
    return tuple(held.items())[:_MAX_LINES] or ((first, shown(text)),)


def template(one: Sample, always: Set[str]) -> str:
    """Return a section of runwatch.toml that reads records as this one was read, to be corrected by hand.

    It ends behind the last of the columns that records `always` have, or it would miss
    those without the others. Empty if a template cannot say it: records of several lines,
    braces, bars, computed columns.
    """
    text = one.text
    if not text or None in one.found or b"{" in text or b"}" in text or b"%|" in text:
        return ""
    pairs = zip(one.found, one.taken, strict=True)
    places = sorted(((t, taken) for t, taken in pairs if t is not None), key=lambda place: place[0].start)
    while places and places[-1][1].name not in always:
        places.pop()
    if not places:
        return ""
    train, units, names = _write(text, places)
    try:
        match = build("mine", train=train, units=units, names=names).matchers[0].match(text)
    except PatternError:
        return ""
    read = dict(zip(match.layout.names, values(text, match), strict=True)) if match else {}
    wanted = {taken.name: taken.value for _, taken in places}
    if {name: repr(x) for name, x in read.items()} != {name: repr(x) for name, x in wanted.items()}:
        return ""  # repr: one NaN is like the other
    rest = [
        f"{key} = {{ " + ", ".join(f"{_key(k)} = {_quoted(v)}" for k, v in table.items()) + " }"
        for key, table in (("units", units), ("names", names))
        if table
    ]
    return "\n".join(["[[formats]]", 'name = "mine"', f"train = {_quoted(train)}", *rest])


def _write(text: bytes, places: Sequence[tuple[Token, Taken]]) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return a template of a text, and the units and names of its fields.

    It begins behind the last number that precedes the first field: a time, most often.
    """
    first, last = places[0][0], places[-1][0]
    at, end = first.start, last.start + len(last.text)
    while at > 0 and not text[at - 1 : at].isdigit():
        at -= 1
    units: dict[str, str] = {}
    names: dict[str, str] = {}
    parts: list[bytes] = []
    known = {token.start: taken for token, taken in places}
    for token in tokens(text[:end]):
        taken = known.get(token.start)
        if token.start < at or (token.within and taken is None):
            continue
        field = "_"
        if taken is not None:
            field = re.sub(r"[^\w./ -]|^[^A-Za-z]+", "", taken.printed) or "_"
            if field not in META_COLUMNS and canonical(field) != taken.name:
                names[field] = taken.name
            if token.unit and token.value != taken.value:
                units[field] = token.unit
        parts += [text[at : token.start], b"{" + field.encode() + b"}"]
        at = token.end
    return (b"".join(parts).lstrip() + text[at:end]).decode("utf-8", "replace"), units, names


def _quoted(text: str) -> str:
    """Return text as a TOML string."""
    plainly = text.isprintable()
    if plainly and '"' not in text and "\\" not in text:
        return f'"{text}"'
    if plainly and "'" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'


def _key(text: str) -> str:
    return text if re.fullmatch(r"[\w-]+", text, re.ASCII) else _quoted(text)
