"""The bulk path: whole blocks of step lines decoded with numpy, bit-identical to the matcher.

The step lines of a run share a few skeletons: equal length, equal literal
bytes, only digits differ. A skeleton is learnt from one line: the matcher
reads it, then each digit is changed in turn; where names and spans stay, the
byte is free. All lines of that length are then gathered as rows, compared with
the skeleton in one numpy pass, and their digits folded by one matrix product.
An integer below 2**53 over 10**k with k <= 22 is correctly rounded (Clinger
1990), so each value equals float(text) exactly. What fits no skeleton is left
to the matcher.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from runwatch.parsers.patterns import Layout, Match, Matcher, number

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PAD = 1024
"""Longest line decoded in bulk, and the padding a block needs behind its last line."""
_DIGITS = frozenset(b"0123456789")
_ROWS = 2048  # rows a pass works on: a few hundred KiB, to stay in the cache
_MIN = 24  # fewer lines than this are cheaper through the matcher
_MAX_SKELETONS = 96
_MAX_TRIES = 32  # shapes looked at per block
_AS_SHAPE = np.array([48 if 48 <= c <= 57 else c for c in range(256)], np.uint8)


@dataclass(slots=True)
class Skeleton:
    """One line shape: its literal bytes, its free digits and how they fold into values."""

    layout: Layout
    base: Bytes
    """What to subtract from a row: the literal byte, or "0" where a digit is free."""
    limit: Bytes
    """Largest allowed difference: 9 where a digit is free, else 0."""
    digits: Ints
    """Columns of a row that hold value digits."""
    weights: Floats
    """(digits, values): powers of ten."""
    divide: Floats
    multiply: Floats
    constant: dict[int, float]
    """Value index -> its value where the skeleton itself holds it (nan, inf)."""
    hits: int = 0

    @property
    def length(self) -> int:
        """Bytes of a row, line end included."""
        return len(self.base)

    def decode(self, rows: Bytes) -> Floats:
        """Return (n, values) in stored units for differences `rows` (n, length)."""
        out = rows[:, self.digits].astype(np.float64) @ self.weights
        out *= self.multiply  # exact: a power of ten up to 10**22, or one
        out /= self.divide
        for index, value in self.constant.items():
            out[:, index] = value
        for index, unit in enumerate(self.layout.units):
            if unit.multiply != 1.0:
                out[:, index] *= unit.multiply
            if unit.divide != 1.0:
                out[:, index] /= unit.divide
        return out


def learn(matcher: Matcher, line: bytes, match: Match) -> Skeleton | None:
    """Return the skeleton of `line` (with its line end), or None if it has none that is safe."""
    text = line[:-1]
    if match.layout.event or any(unit.invert for unit in match.layout.units):
        return None
    free = _free_digits(matcher, text, match)
    values = len(match.spans)
    columns: list[int] = []
    weights: list[tuple[int, int, float]] = []
    divide, multiply = np.ones(values), np.ones(values)
    constant: dict[int, float] = {}
    for index, (start, end) in enumerate(match.spans):
        digits, exponent, sign = _number_shape(text, start, end)
        if digits is None:
            if any(i in free for i in range(start, end)):
                return None
            constant[index] = number(text[start:end])
            continue
        if not 0 < len(digits) <= 15 or not -22 <= exponent <= 22:
            return None
        if any(i not in free for i in digits):
            return None
        for place, column in enumerate(reversed(digits)):
            weights.append((len(columns), index, sign * 10.0**place))
            columns.append(column)
        (multiply if exponent > 0 else divide)[index] = 10.0 ** abs(exponent)
        free -= set(range(digits[-1] + 1, end))  # an exponent's digits belong to the skeleton
    matrix = np.zeros((len(columns), values))
    for row, index, weight in weights:
        matrix[row, index] = weight
    base = np.frombuffer(line, np.uint8).copy()
    limit = np.zeros(len(line), np.uint8)
    for i in free:
        base[i], limit[i] = 48, 9
    return Skeleton(
        match.layout, base, limit, np.array(columns, np.int64), matrix, divide, multiply, constant
    )


def _free_digits(matcher: Matcher, text: bytes, match: Match) -> set[int]:
    """Return the positions whose digit can change without changing names or spans."""
    free = set()
    for i, byte in enumerate(text):
        if byte in _DIGITS:
            other = matcher.match(text[:i] + (b"3" if byte == 56 else b"8") + text[i + 1 :])
            if other is not None and other.layout is match.layout and other.spans == match.spans:
                free.add(i)
    return free


def _number_shape(text: bytes, start: int, end: int) -> tuple[list[int] | None, int, float]:
    """Return (positions of the digits, power of ten, sign); positions are None for nan and inf."""
    digits: list[int] = []
    exponent, sign, seen_point = 0, 1.0, False
    for i in range(start, end):
        char = text[i : i + 1]
        if char.isdigit():
            digits.append(i)
            exponent -= seen_point
        elif char == b".":
            seen_point = True
        elif char in b"eE" and digits:
            try:
                return digits, exponent + int(text[i + 1 : end]), sign
            except ValueError:
                return None, 0, sign
        elif char == b"-" and i == start:
            sign = -1.0
        elif char not in b",+":
            return None, 0, sign
    return digits, exponent, sign


class Lines:
    """A block cut into records: where each begins, how long it is (end included), on which line it is."""

    def __init__(self, block: bytes) -> None:
        """`block` ends with a line end; a carriage return ends a record too."""
        self.text = block
        self.buffer = np.empty(len(block) + PAD, np.uint8)
        self.buffer[: len(block)] = np.frombuffer(block, np.uint8)
        self.buffer[len(block) :] = 10
        body = self.buffer[: len(block)]
        newline = body == 10
        if b"\r" in block:
            body[body == 13] = 10
            ends = np.flatnonzero(body == 10)
        else:
            ends = np.flatnonzero(newline)
        self.starts = np.empty_like(ends)
        self.starts[0] = 0
        np.add(ends[:-1], 1, out=self.starts[1:])
        self.lengths = ends - self.starts + 1
        self.ends_line = newline[ends]
        """True where a record ends a physical line, not only a redrawn part of one."""
        self.line = (
            np.arange(len(ends)) if self.ends_line.all() else np.cumsum(self.ends_line) - self.ends_line
        )
        """Newlines before each record."""
        self.eight = np.ndarray((len(block) + PAD - 7,), "V8", self.buffer, strides=(1,))

    def __len__(self) -> int:
        return len(self.starts)

    def record(self, index: int) -> bytes:
        """Return one record without its end."""
        start = int(self.starts[index])
        return self.text[start : start + int(self.lengths[index]) - 1]

    def rows(self, index: Ints, length: int) -> Bytes:
        """Return a copy of `length` bytes from the beginning of each record, (n, length)."""
        windows = np.ndarray((len(self.buffer) - length,), f"V{length}", self.buffer, strides=(1,))
        return np.asarray(windows[self.starts[index]].view(np.uint8).reshape(len(index), length))

    def by_line(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return, per physical line, whether any of its records is flagged."""
        first = np.flatnonzero(np.concatenate(([True], self.ends_line[:-1])))
        return np.asarray(np.logical_or.reduceat(flags, first))

    def clean(self) -> NDArray[np.bool_]:
        """Return a mask of the records without escape sequences and NUL bytes."""
        mask = np.ones(len(self), bool)
        if b"\x1b" in self.text or b"\0" in self.text:
            body = self.buffer[: len(self.text)]
            at = np.flatnonzero((body == 27) | (body == 0))
            mask[np.searchsorted(self.starts, at, "right") - 1] = False
        return mask

    def beginning(self, prefix: bytes) -> NDArray[np.bool_]:
        """Return a mask of the records that begin with the first eight bytes of `prefix`."""
        head = prefix[:8]
        mask = np.uint64((1 << 8 * len(head)) - 1)
        wanted = np.uint64(int.from_bytes(head, "little"))
        return np.asarray((self.eight[self.starts].view("<u8") & mask) == wanted)


@dataclass(slots=True)
class Decoded:
    """Records decoded in bulk: their indices (n,) and values (n, columns of the layout)."""

    layout: Layout
    lines: Ints
    values: Floats
    placed: Floats | None = None
    """(n, 2 + columns): offset and line before the values, once placed."""

    def place(self, lines: Lines, start: int, first_line: int) -> None:
        """Add where the records stand in the stream."""
        self.placed = np.empty((len(self.lines), 2 + self.values.shape[1]))
        self.placed[:, 0] = lines.starts[self.lines] + start
        self.placed[:, 1] = lines.line[self.lines] + first_line
        self.placed[:, 2:] = self.values


def merge(decoded: list[Decoded], rows: array[float] | None, width: int) -> tuple[int, bytes]:
    """Return (rows, column-major float64 bytes) of all records of a layout, in stream order."""
    parts = [part.placed for part in decoded if part.placed is not None]
    if rows:
        parts.append(np.frombuffer(rows, np.float64).reshape(-1, width))
    table = np.concatenate(parts)
    order = np.argsort(table[:, 0], kind="stable")
    return len(table), table[order].T.tobytes()


@dataclass(slots=True)
class BulkDecoder:
    """Learns and applies the skeletons of one matcher. Bounded memory."""

    matcher: Matcher
    _skeletons: list[Skeleton] = field(default_factory=list)
    _hopeless: set[bytes] = field(default_factory=set)
    """Shapes that are no record, or that no skeleton can hold."""

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (line indices) that fit a skeleton, known or learnt now."""
        out: list[Decoded] = []
        rest = candidates[lines.lengths[candidates] <= PAD]
        for skeleton in self._skeletons:
            if len(rest) < _MIN:
                break
            rest = self._apply(skeleton, lines, rest, out)
        self._learn(lines, rest, out)
        self._skeletons.sort(key=lambda skeleton: -skeleton.hits)
        del self._skeletons[_MAX_SKELETONS:]
        for skeleton in self._skeletons:
            skeleton.hits >>= 1  # age, so that the order follows the run
        return out

    def _learn(self, lines: Lines, rest: Ints, out: list[Decoded]) -> None:
        """Learn from the commonest lengths first, so that rare shapes do not use up the tries."""
        lengths, counts = np.unique(lines.lengths[rest], return_counts=True)
        tries = _MAX_TRIES
        for length in lengths[np.argsort(-counts)][: np.count_nonzero(counts >= _MIN)]:
            if tries <= 0:
                return
            tries -= self._learn_length(lines, rest[lines.lengths[rest] == length], tries, out)

    def _learn_length(self, lines: Lines, rest: Ints, tries: int, out: list[Decoded]) -> int:
        """Learn skeletons from lines of one length, shape by shape; return how many it tried."""
        rows = _AS_SHAPE[lines.rows(rest, int(lines.lengths[rest[0]]))]
        tried = 0
        while len(rest) >= _MIN and tried < tries:
            tried += 1
            same = (rows == rows[0]).all(axis=1)
            members, shape = rest[same], rows[0].tobytes()
            rest, rows = rest[~same], rows[~same]
            if len(members) < _MIN or shape in self._hopeless:
                continue
            line = lines.record(int(members[0])) + b"\n"
            match = self.matcher.match(line[:-1])
            skeleton = learn(self.matcher, line, match) if match else None
            if skeleton is None:
                self._give_up(shape)
                continue
            self._apply(skeleton, lines, members, out)
            self._skeletons.append(skeleton)
        return tried

    def _give_up(self, shape: bytes) -> None:
        if len(self._hopeless) > 4096:
            self._hopeless.clear()
        self._hopeless.add(shape)

    @staticmethod
    def _apply(skeleton: Skeleton, lines: Lines, rest: Ints, out: list[Decoded]) -> Ints:
        """Decode the lines of `rest` that fit; return those that do not."""
        fits = lines.lengths[rest] == skeleton.length
        mine = rest[fits]
        if len(mine) < _MIN:
            return rest
        length = skeleton.length
        left = [rest[~fits]]
        for begin in range(0, len(mine), _ROWS):
            index = mine[begin : begin + _ROWS]
            rows = lines.rows(index, length)
            rows -= skeleton.base
            bad = rows > skeleton.limit
            if bad.any():
                good = ~bad.any(axis=1)
                left.append(index[~good])
                index, rows = index[good], rows[good]
                if not len(index):
                    continue
            skeleton.hits += len(index)
            out.append(Decoded(skeleton.layout, index, skeleton.decode(rows)))
        return np.concatenate(left) if len(left) > 1 else left[0]
