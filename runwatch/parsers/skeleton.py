"""The bulk path: whole blocks of step lines decoded with numpy, bit-identical to the matcher.

The step lines of a run share a few skeletons: equal length, equal literal
bytes, only digits differ. A skeleton is learnt from one line: the matcher
reads it, then each digit is changed in turn; where names and spans stay, the
byte is free. All lines of that length are then gathered as rows, compared with
the skeleton in one numpy pass, and their digits folded.
An integer below 2**53 over 10**k with k <= 22 is correctly rounded (Clinger
1990), so each value equals float(text) exactly. What fits no skeleton is left
to the matcher.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.escapes import Uncoloured
from runwatch.parsers.lines import PAD, Bytes, Ints, Lines
from runwatch.parsers.patterns import DictPattern, Layout, Match, Matcher, number

Floats = NDArray[np.float64]

_DIGITS = frozenset(b"0123456789")
_ROWS = 4096  # rows a pass works on
_MIN = 12  # fewer lines than this are cheaper through the matcher than to learn from
_FEW = 4  # and fewer than this than through a skeleton that is known
_ABREAST = 16  # rows compared at once
_MAX_SKELETONS = 96
_MAX_TRIES = 32  # shapes looked at per block
_MANY = 256  # records of one length that are worth a look at each
_PROBES = 8  # of these are looked at first
_SHAPE = bytes(48 if 48 <= c <= 57 else c for c in range(256))
_SHAPE_BASE = np.frombuffer(_SHAPE, np.uint8)
_SHAPE_LIMIT = np.array([9 if 48 <= c <= 57 else 0 for c in range(256)], np.uint8)
"""What a skeleton in which every digit is free has in place of each byte."""


@dataclass(frozen=True, slots=True)
class Number:
    """How the digits of one value fold: sign * integer * 10**exponent."""

    digits: tuple[int, ...]
    """Columns of a row, most significant first."""
    exponent: int
    negative: bool


@dataclass(slots=True)
class Skeleton:
    """One line shape: its literal bytes, its free digits and how they fold into values."""

    layout: Layout
    base: Bytes
    """What to subtract from a row: the literal byte, or "0" where a digit is free."""
    limit: Bytes
    """Largest allowed difference: 9 where a digit is free, else 0."""
    values: list[Number | float]
    """One per column of the layout; a float where the skeleton itself holds it (nan, inf)."""
    hits: int = 0
    _bases: Bytes = field(init=False, repr=False)
    """`base` and `limit` of many rows behind each other."""
    _limits: Bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._bases, self._limits = np.tile(self.base, _ABREAST), np.tile(self.limit, _ABREAST)

    @property
    def length(self) -> int:
        """Bytes of a row, line end included."""
        return len(self.base)

    def compare(self, rows: Bytes) -> tuple[Bytes, NDArray[np.bool_]]:
        """Return how `rows` (n, length) differ from the skeleton, and which of them fit it (n,).

        Rows are short: some of them at once are compared in half the time.
        """
        good = np.empty(len(rows), bool)
        wide = len(rows) // _ABREAST * _ABREAST
        if wide:
            abreast = rows[:wide].reshape(-1, len(self._bases))
            abreast -= self._bases
            bad = abreast > self._limits
            some = bad.any(axis=1)
            fits = good[:wide].reshape(-1, _ABREAST)
            fits[:] = True
            if some.any():
                fits[some] = ~bad[some].reshape(-1, _ABREAST, self.length).any(axis=2)
        if wide < len(rows):
            rows[wide:] -= self.base
            good[wide:] = ~(rows[wide:] > self.limit).any(axis=1)
        return rows, good

    def decode(self, rows: Bytes) -> Floats:
        """Return (2 + values, n) in stored units for differences `rows`; the first two are to be set."""
        out = np.empty((2 + len(self.values), len(rows)))
        for column, value, unit in zip(out[2:], self.values, self.layout.units, strict=True):
            column[:] = value if isinstance(value, float) else fold(rows, value)
            unit.scale(column)
        epochs = self.layout.epochs
        return out if epochs is None else np.stack([*out[:2], *epochs.apply(list(out[2:]))])


def fold(rows: Bytes, number: Number) -> Floats:
    """Return the numbers (n,) whose digits stand in `rows` (Horner's scheme, exact below 2**53)."""
    total = rows[:, number.digits[0]].astype(np.float64)
    for digit in number.digits[1:]:
        total *= 10.0
        total += rows[:, digit]
    if number.exponent > 0:
        total *= 10.0**number.exponent
    elif number.exponent < 0:
        total /= 10.0**-number.exponent
    return np.negative(total, out=total) if number.negative else total


def learn(matcher: Matcher, line: bytes, match: Match, fixed: Set[int] = frozenset()) -> Skeleton | None:
    """Return the skeleton of `line` (with its line end), or None if it has none that is safe.

    `fixed` are digits that tell lines apart which are else alike.
    """
    text = line[:-1]
    if match.layout.event or any(unit.invert for unit in match.layout.units):
        return None
    free = _free_digits(matcher, text, match) - fixed
    values: list[Number | float] = []
    for start, end in match.spans:
        shape = number_shape(text, start, end)
        if shape is None:
            if any(i in free for i in range(start, end)):
                return None
            values.append(number(text[start:end]))
            continue
        if not 0 < len(shape.digits) <= 15 or not -22 <= shape.exponent <= 22:
            return None
        if any(i not in free for i in shape.digits):
            return None
        values.append(shape)
        free -= set(range(shape.digits[-1] + 1, end))  # an exponent's digits belong to the skeleton
    base = np.frombuffer(line, np.uint8).copy()
    limit = np.zeros(len(line), np.uint8)
    for i in free:
        base[i], limit[i] = 48, 9
    return Skeleton(match.layout, base, limit, values)


def _free_digits(matcher: Matcher, text: bytes, match: Match) -> set[int]:
    """Return the positions whose digits can change without changing names or spans.

    All digits of values are changed at once, then all others; where that changes the match,
    each half is tried by itself.
    """
    free: set[int] = set()
    spans = {i for start, end in match.spans for i in range(start, end)}
    digits = [i for i, byte in enumerate(text) if byte in _DIGITS]
    todo = [[i for i in digits if i in spans], [i for i in digits if i not in spans]]
    while todo:
        digits = todo.pop()
        changed = bytearray(text)
        for i in digits:
            changed[i] = 51 if changed[i] == 56 else 56
        other = matcher.match(bytes(changed))
        if other is not None and other.layout is match.layout and other.spans == match.spans:
            free.update(digits)
        elif len(digits) > 1:
            half = len(digits) // 2
            todo += [digits[:half], digits[half:]]
    return free


def number_shape(text: bytes, start: int, end: int) -> Number | None:
    """Return how text[start:end] folds, or None if it is nan, inf or something odd."""
    digits: list[int] = []
    exponent, seen_point = 0, False
    negative = text[start : start + 1] == b"-"
    for i in range(start, end):
        char = text[i : i + 1]
        if char.isdigit():
            digits.append(i)
            exponent -= seen_point
        elif char == b".":
            seen_point = True
        elif char in b"eE" and digits:
            try:
                return Number(tuple(digits), exponent + int(text[i + 1 : end]), negative)
            except ValueError:
                return None
        elif char not in b",+-" or (char == b"-" and i > start):
            return None
    return Number(tuple(digits), exponent, negative)


@dataclass(slots=True)
class Decoded:
    """Records decoded in bulk: their indices (n,), and offset, line and values (2 + columns, n)."""

    layout: Layout
    lines: Ints
    table: Floats

    def before(self, count: int) -> Decoded:
        """Return those of the block's first `count` records."""
        kept = self.lines < count
        return self if kept.all() else Decoded(self.layout, self.lines[kept], self.table[:, kept])

    def place(self, lines: Lines, start: int, first_line: int) -> None:
        """Set where the records stand in the stream."""
        self.table[0] = lines.starts[self.lines] + start
        self.table[1] = lines.line[self.lines] + first_line


def merge(decoded: list[Decoded], rows: array[float] | None, width: int) -> tuple[int, bytes]:
    """Return (rows, column-major float64 bytes) of all records of a layout, in stream order."""
    parts = [part.table for part in decoded]
    if rows:
        parts.append(np.frombuffer(rows, np.float64).reshape(-1, width).T)
    if len(parts) == 1:
        return parts[0].shape[1], parts[0].tobytes()
    table = np.concatenate(parts, axis=1)
    order = np.argsort(table[0], kind="stable")
    return len(order), table.take(order, axis=1).tobytes()


class Decoder(Protocol):
    """Decodes many lines of one matcher at once."""

    matcher: Matcher

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) it can; the matcher reads the others.

        They begin with the matcher's prefix or with an escape sequence, and may hold more of these.
        """
        ...


def decoders(matchers: Iterable[Matcher], known: Iterable[Decoder] = ()) -> list[Decoder]:
    """Return the bulk path of each matcher: its own (`bulk()`; None if it has none), or skeletons.

    Those that are `known` already go on with what they have learnt.
    """
    found: list[Decoder | None] = []
    learnt = {id(decoder.matcher): decoder for decoder in known}
    for matcher in matchers:
        if id(matcher) in learnt:
            found.append(learnt[id(matcher)])
            continue
        if isinstance(matcher, DictPattern):
            from runwatch.parsers.dictbulk import DictDecoder

            found.append(DictDecoder(matcher))
            continue
        own = getattr(matcher, "bulk", None)
        found.append(BulkDecoder(matcher) if own is None else own())
    return [decoder for decoder in found if decoder is not None]


@dataclass(slots=True)
class BulkDecoder:
    """Learns and applies the skeletons of one matcher. Bounded memory."""

    matcher: Matcher
    _reads: Matcher = field(init=False)
    """The matcher, made to see through escape sequences: they become bytes of a skeleton."""
    _skeletons: list[Skeleton] = field(default_factory=list)
    _hopeless: set[bytes] = field(default_factory=set)
    """Shapes that are no record, or that no skeleton can hold."""

    def __post_init__(self) -> None:
        self._reads = Uncoloured(self.matcher)

    def forget(self) -> None:
        """Learn anew: the matcher reads the same lines in another way from now on."""
        self._skeletons.clear()
        self._hopeless.clear()

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) that fit a skeleton, known or learnt now."""
        out: list[Decoded] = []
        tries = _MAX_TRIES
        known: dict[int, list[Skeleton]] = {}
        for skeleton in self._skeletons:
            known.setdefault(len(skeleton.base), []).append(skeleton)
        groups = [
            (group, known.get(length, []))
            for length, group in _by_length(lines, candidates).items()
            if len(group) >= (_FEW if length in known else _MIN)
        ]
        groups.sort(key=lambda group: -len(group[0]))  # rare shapes must not use up the tries
        for group, learnt_before in groups:
            fitting = learnt_before
            for begin in range(0, len(group), _ROWS):
                rest = group[begin : begin + _ROWS]
                for skeleton in fitting:
                    if len(rest):
                        rest = self._apply(skeleton, lines, rest, out)
                if len(rest) >= _MIN and tries > 0:
                    learnt = len(self._skeletons)
                    tries -= self._learn_length(lines, rest, tries, out)
                    fitting = fitting + self._skeletons[learnt:]
        self._skeletons.sort(key=lambda skeleton: -skeleton.hits)
        del self._skeletons[_MAX_SKELETONS:]
        for skeleton in self._skeletons:
            skeleton.hits >>= 1  # age, so that the order follows the run
        return out

    def _learn_length(self, lines: Lines, rest: Ints, tries: int, out: list[Decoded]) -> int:
        """Learn skeletons from records of one length, shape by shape; return how many it tried."""
        if self._is_other(lines, rest):
            return 0  # most likely all of them are: the matcher is cheaper than a look at each
        rows = lines.rows(rest, int(lines.lengths[rest[0]]))
        tried = 0
        while len(rest) >= _MIN and tried < tries:
            tried += 1
            base, limit = _SHAPE_BASE[rows[0]], _SHAPE_LIMIT[rows[0]]
            digits = rows - base
            other = digits > limit
            shape, line = base.tobytes(), lines.record(int(rest[0])) + b"\n"
            if other.any():
                same = ~other.any(axis=1)
                members, digits = rest[same], digits[same]
                rest, rows = rest[~same], rows[~same]
            else:
                members, rest, rows = rest, rest[:0], rows[:0]
            if len(members) < _MIN or shape in self._hopeless:
                continue
            match = self._reads.match(line[:-1])
            fixed = self._literal(shape)
            skeleton = learn(self._reads, line, match, fixed) if match else None
            if skeleton is None:
                if not fixed:
                    self._give_up(shape)
                continue
            self._skeletons.append(skeleton)
            literal = np.flatnonzero((limit == 9) & (skeleton.limit == 0))
            if len(literal):
                fits = (digits[:, literal] == digits[0, literal]).all(axis=1)
                if not fits.all():  # as where an exponent has changed: they are of another skeleton
                    rest, rows = (
                        np.append(rest, members[~fits]),
                        np.append(rows, digits[~fits] + base, axis=0),
                    )
                    members, digits = members[fits], digits[fits]
            skeleton.hits += len(members)
            out.append(Decoded(skeleton.layout, members, skeleton.decode(digits)))
        return tried

    def _literal(self, shape: bytes) -> set[int]:
        """Return the digits that are not free in skeletons of a shape: the 16 of `bf16`, exponents."""
        alike = [
            s
            for s in self._skeletons
            if s.length == len(shape) and s.base.tobytes().translate(_SHAPE) == shape
        ]
        return {i for s in alike for i in np.flatnonzero(s.limit == 0).tolist() if shape[i] == 48}

    def _is_other(self, lines: Lines, rest: Ints) -> bool:
        """Return whether some of these records are all of hopeless shapes.

        Or, if they are few, whether none of some holds what every line of the matcher does.
        """
        probes = [lines.record(i) + b"\n" for i in rest[:: -(-len(rest) // _PROBES)].tolist()]
        needle = self.matcher.prefix or getattr(self.matcher, "needle", b"")
        if len(rest) < _MANY:
            if all(needle not in probes[i] for i in (0, len(probes) // 2, -1)):
                return True
            del probes[1:]
        return all(probe.translate(_SHAPE) in self._hopeless for probe in probes)

    def _give_up(self, shape: bytes) -> None:
        if len(self._hopeless) > 4096:
            self._hopeless.clear()
        self._hopeless.add(shape)

    @staticmethod
    def _apply(skeleton: Skeleton, lines: Lines, group: Ints, out: list[Decoded]) -> Ints:
        """Decode the records of `group`, all of the skeleton's length, that fit; return the others."""
        rows, good = skeleton.compare(lines.rows(group, skeleton.length))
        left = group[:0]
        if not good.all():
            left, group, rows = group[~good], group[good], rows[good]
        if len(group):
            skeleton.hits += len(group)
            out.append(Decoded(skeleton.layout, group, skeleton.decode(rows)))
        return left


def _by_length(lines: Lines, candidates: Ints) -> dict[int, Ints]:
    """Group records by length, leaving out those too long to decode in bulk."""
    lengths = np.minimum(lines.lengths[candidates], PAD + 1).astype(np.int16)  # sorts fastest
    order = np.argsort(lengths, kind="stable")
    ordered = lengths[order]
    edges = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    parts = np.split(candidates[order], edges) if len(candidates) else []
    return {int(lines.lengths[part[0]]): part for part in parts if lines.lengths[part[0]] <= PAD}
