r"""Formats that users describe in runwatch.toml, as templates or regular expressions.

A template is the line with its numbers replaced by names in braces; `{_}` is a
number of no interest, and a space means any run of them:

    [[formats]]
    name = "mine"
    train = "it {step}/{total} loss={loss} lr={lr} dt={dt}"
    units = {dt = "ms"}
    names = {l = "train/loss"}

Both may match anywhere in a line; `step`, `total` and `rank` place the record, every other name is a metric.

A regular expression can take exponential time. google-re2 could not run away, but it is a compiled package
with other syntax that not every machine can have: the same file would mean different things on two machines.
So expressions are guarded instead, the same everywhere. Templates are safe as they are built: no two of their
parts can share a stretch of a line in two ways. An expression is refused where a repeated group holds what
can itself vary in length (the only way to exponential time here, back-references being refused too). What is
left may still be a high polynomial, so what an expression takes is limited where it is used: lines are cut at
MAX_LENGTH, and one that takes longer than it may is stopped, switched off for that log, and said to be.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from functools import lru_cache

from runwatch.core.batch import EVAL, META_COLUMNS, OUR_COLUMNS, TRAIN, printed_column
from runwatch.core.metrics import Unit
from runwatch.core.text import plain
from runwatch.parsers.api import Format, Known, Layout, Match, Matcher
from runwatch.parsers.body.matchers import VALUE, number
from runwatch.parsers.formats import report
from runwatch.parsers.lexicon.names import canonical, unit_of
from runwatch.parsers.lexicon.units import SUCH_AS, of_suffix
from runwatch.system.cpu_limit import Allowance, SlowError

MAX_LENGTH = 2048
"""Bytes of a line that a user's pattern sees."""
MOST_TIME = 0.25
"""Seconds of CPU time that an expression may take for one line."""
TIME_PER_BYTE = 10e-6
"""And in the long run, for a byte."""
_PLACE = re.compile(r"\{([A-Za-z_][\w./ -]*)\}")
_PLACES = META_COLUMNS - OUR_COLUMNS

_TOKEN = re.compile(
    r"\\(?P<back>[1-9])|\\x[0-9A-Fa-f]{2}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<refer>\(\?P=)"
    r"|(?P<open>\((?:\?(?:P<\w+>|.|<[=!]))?)"
    r"|(?P<close>\))|(?P<choice>\|)|(?P<fixed>\{\d+\})|(?P<many>[*+?]|\{\d*,\d*\})|.",
    re.DOTALL,
)
"""The pieces of a regular expression: an escape or a class is one character."""


class PatternError(ValueError):
    """A pattern that cannot be used; says why, and of which key."""

    def __init__(self, key: str, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.key = key
        self.advice = advice


class UserPattern(Matcher):
    """One kind of line as a user describes it."""

    whole = True
    """It sees whole lines: a user may describe what a logger writes, too."""

    def __init__(
        self,
        kind: str,
        regex: re.Pattern[bytes],
        names: Mapping[int, str],
        units: Mapping[str, str],
        renamed: Mapping[str, str],
        *,
        digit_blind: bool,
        owner: str = "",
    ) -> None:
        """`names` says what each group is; `units` and `renamed` go by those; `owner` names the format."""
        self._digit_blind = digit_blind
        """Whether it does not care which digits it sees."""
        self.skeletons = digit_blind
        self._regex = regex
        self._groups = tuple(names)
        self._layouts = Known(self._layout)
        self._names = dict(names)
        self._kind, self._units, self._renamed = kind, dict(units), dict(renamed)
        self._owner = owner
        self._allow()

    def _allow(self) -> None:
        self._off = False
        self._allowance = None if self._digit_blind else Allowance(MOST_TIME, TIME_PER_BYTE)
        """What it may take, where it is not safe as it is built."""

    remembers = True

    def fresh(self) -> UserPattern:
        """Return the same for another source: what takes too long there is switched off there alone."""
        other = copy.copy(self)
        other._allow()
        return other

    def match(self, line: bytes, start: int = 0) -> Match | None:
        """Return the numbers of a line of this kind."""
        found = None if self._off else self._search(line, start)
        if found is None:
            return None
        groups = tuple(group for group in self._groups if found.start(group) >= 0)
        spans = tuple(found.span(group) for group in groups)
        if not self._digit_blind and not all(_is_number(line[a:b]) for a, b in spans):
            return None
        return Match(self._layouts[groups], spans)

    def _search(self, line: bytes, start: int) -> re.Match[bytes] | None:
        """Search a line; a search that takes too long is the last one."""
        if self._allowance is None:
            return self._regex.search(line, start, MAX_LENGTH)
        try:
            return self._allowance.spend(len(line) - start, self._regex.search, line, start, MAX_LENGTH)
        except SlowError:
            self._off = True
            report(
                f"format {self._owner!r} takes too long on a line: it is off for that log, which is not read "
                "with it: use a template, or fewer .* and more of the line's own text"
            )
            return None

    def _layout(self, groups: tuple[int, ...]) -> Layout:
        texts = [self._names[group] for group in groups]
        names = [_column(text, self._renamed) for text in texts]
        named = list(zip(names, texts, strict=True))
        behind = [of_suffix(self._units.get(text, "")) or unit_of(name, "") for name, text in named]
        units = [Unit() if name in META_COLUMNS else unit for name, unit in zip(names, behind, strict=True)]
        printed = {name: text for name, text in named if name != text}
        return Layout(self._kind, "user", tuple(names), tuple(units), printed)


def build(
    name: str,
    *,
    train: str = "",
    eval: str = "",  # noqa: A002  # the key of the file
    regex: str = "",
    units: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Format:
    """Return the format that a [[formats]] section describes. Raises PatternError."""
    if bool(train) == bool(regex):
        raise PatternError("name", f"format {name!r} needs either train or regex", "give one of the two")
    units, names = units or {}, names or {}
    matchers = []
    known: set[str] = set()
    for key, kind, text in (("train", TRAIN, train), ("regex", TRAIN, regex), ("eval", EVAL, eval)):
        if not text:
            continue
        pattern, groups = _expression(text) if key == "regex" else _template(key, text)
        known.update(groups.values())
        columns = [_column(group, names) for group in groups.values()]
        if len(set(columns)) < len(columns):
            raise PatternError(key, f"two fields of {key} are the same metric", "rename one under names")
        blind = key != "regex"
        matchers.append(UserPattern(kind, pattern, groups, units, names, digit_blind=blind, owner=name))
    for key, given in (("units", units), ("names", names)):
        for field in given:
            if field not in known:
                raise PatternError(
                    key, f"{key} names no field {field!r}", f"fields: {', '.join(sorted(known))}"
                )
    for field, metric in names.items():
        if not metric.isprintable() or not metric.strip() or metric in OUR_COLUMNS:
            raise PatternError("names", f"{metric!r} is no name for {field!r}", "such as train/loss")
    for field, unit in units.items():
        if _column(field, names) in _PLACES:
            raise PatternError("units", f"{field!r} is a plain number, without a unit", "leave its unit out")
        if of_suffix(unit) is None:
            raise PatternError("units", f"unknown unit {unit!r}", SUCH_AS)
    return Format(name, "described in runwatch.toml", train or regex, tuple(matchers), own=True)


def _template(key: str, text: str) -> tuple[re.Pattern[bytes], dict[int, str]]:
    """Return the expression of a template and its groups' names."""
    parts: list[bytes] = []
    groups: dict[int, str] = {}
    pieces = _PLACE.split(text.strip())
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            if not piece and 0 < index < len(pieces) - 1:
                raise PatternError(
                    key, "two fields are next to each other", "put the text between them, or a space"
                )
            if "{" in piece or "}" in piece:
                raise PatternError(
                    key, "a brace that is no field", "a field is a name in braces, such as {loss}"
                )
            parts.append(rb"\s+".join(re.escape(word.encode()) for word in re.split(r"\s+", piece)))
        elif piece == "_":
            parts.append(VALUE + rb"(?![\d.])")
        else:
            if piece in groups.values():
                raise PatternError(key, f"field {piece!r} appears twice", "call one of them {_}")
            groups[len(groups) + 1] = piece
            spaces = b"" if pieces[index - 1][-1:].strip() == "" else rb"[ ]*"  # two runs of spaces are slow
            parts.append(spaces + rb"(" + VALUE + rb")(?![\d.])")
    if set(groups.values()) <= _PLACES:
        raise PatternError(key, "no field is a metric", 'such as {loss} in "it {step} loss={loss}"')
    start = rb"(?<![\w.])" if text[:1].isalnum() or text[:1] == "{" else b""
    return re.compile(start + b"".join(parts)), groups


@lru_cache(maxsize=256)
def _expression(text: str) -> tuple[re.Pattern[bytes], dict[int, str]]:
    """Return a checked regular expression and its groups' names."""
    try:
        pattern = re.compile(text.encode())
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError("regex", "not a regular expression", plain(str(error))) from None
    groups = {index: name for name, index in sorted(pattern.groupindex.items(), key=lambda item: item[1])}
    if set(groups.values()) <= _PLACES:
        raise PatternError("regex", "no named group is a metric", r"such as (?P<loss>[\d.]+)")
    if _runs_away(text):
        raise PatternError(
            "regex",
            "a repeated group holds a repetition or a choice, which can take forever",
            "write it without one, or use a template",
        )
    return pattern, groups


def _runs_away(text: str) -> bool:
    r"""Whether a repeated group can match one text in many ways, or the expression refers back.

    Read token by token: an escape or a class is one character; a group is
    `varied` if it holds a quantifier other than {n}, or a choice.
    """
    varied = [False]
    closed = False
    """Whether the token before ended a varied group."""
    for found in _TOKEN.finditer(text):
        if found["back"] or found["refer"]:
            return True
        if (found["many"] or found["fixed"]) and closed and found["many"] != "?":
            return True
        closed = False
        if found["open"]:
            varied.append(False)
        elif found["close"] and len(varied) > 1:
            closed = varied.pop()
            varied[-1] |= closed
        elif found["many"] or found["choice"]:
            varied[-1] = True
    return False


def _column(field: str, names: Mapping[str, str]) -> str:
    """Return the column that a field becomes. `time` is none of ours: it may be that of a step."""
    return printed_column(names.get(field) or (field if field in _PLACES else canonical(field)))


def _is_number(text: bytes) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True
