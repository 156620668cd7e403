"""The bulk path of W&B history: rows of plain numbers, many at once, bit-identical to the walk.

Each item of a row is `\\n` size, `\\n` or `\\x12` size key, `\\x82\\x01` size number, every size one
byte. The numbers' tags are looked for in all rows at once, and everything around them must
be as long as it says. Keys are told by a hash and then compared; numbers are copied side by
side into one JSON list. What is not as simple as that is left to the walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Bools = NDArray[np.bool_]

PAD = 72
"""Bytes behind the data that may be looked at."""
_HISTORY, _SUMMARY = 0x12, 0x1A
_MAX_KEY = 64
_MAX_NUMBER = 23  # of three words, one byte is the comma's
_FEW = 16
"""Rows of the same keys that the walk reads as quickly."""
_STEP = b"_step"
_DIGIT = np.zeros(256, bool)
_DIGIT[48:58] = True
_BEGINS = _DIGIT.copy()
_BEGINS[ord("-")] = True
_NUMBERS = msgspec.json.Decoder(list[float])


def _table(width: int, fill: bytes) -> tuple[Words, Words]:
    """Return what to keep of the words of a text of each length, and what to put behind it: (words, lengths)."""
    keep = np.zeros((width + 1, width), np.uint8)
    rest = np.zeros((width + 1, width), np.uint8)
    for size in range(width + 1):
        keep[size, :size] = 255
        rest[size, size:] = np.frombuffer(fill.ljust(width)[: width - size] if fill else bytes(width - size), np.uint8)
    return keep.view("<u8").T.copy(), rest.view("<u8").T.copy()


_KEY, _ = _table(_MAX_KEY, b"")
_NUMBER, _COMMA = _table(_MAX_NUMBER + 1, b",")
_ODD = np.array([0x9E3779B97F4A7C15 * (2 * i + 1) % 2**64 | 1 for i in range(9)], np.uint64)


class Group(NamedTuple):
    """Rows that hold the same keys."""

    keys: tuple[bytes, ...]
    rows: Ints
    """Which of the history records they are (n,)."""
    items: Ints
    """Which item has the number of a key (n, keys)."""


class Sorted(NamedTuple):
    """Records by kind: history, and those that are neither that nor a summary, which nobody reads."""

    history: Ints
    begins: Ints
    """Byte at which each history record's items begin, in the record."""
    sizes: Ints
    others: Ints


def sort(data: Sequence[bytes]) -> Sorted:
    """Sort records by kind; what is odd about its own number or size is one of the others."""
    lengths = np.fromiter(map(len, data), np.int64, len(data))
    starts = np.cumsum(lengths) - lengths
    text = np.frombuffer(b"".join(data) + bytes(PAD), np.uint8)
    at = starts + (text[starts] == 8)
    more = at > starts
    for _ in range(5):  # the bytes of the record's number
        more &= text[at] > 127
        at += more
    at += text[starts] == 8
    tag = text[at]
    sound = (at + 2 <= starts + lengths) & ~more
    low, high = text[at + 1].astype(np.int64), text[at + 2].astype(np.int64)
    long = low > 127
    size = np.where(long, (low & 127) | high << 7, low)
    at += 2 + long
    fits = sound & ~(long & (high > 127)) & (at + size <= starts + lengths)
    history = fits & (tag == _HISTORY)
    which = np.flatnonzero(history)
    others = np.flatnonzero(~history & ~(sound & (tag == _SUMMARY)))
    return Sorted(which, (at - starts)[which], size[which], others)


class HistoryItems:
    """The items of many history records: where their keys and numbers are."""

    def __init__(self, bodies: Sequence[bytes], known: Keys) -> None:
        """Find the items of HistoryRecords."""
        self._text = np.frombuffer(b"".join(bodies) + bytes(PAD), np.uint8)
        self._words = np.ndarray((len(self._text) - 7,), "<u8", self._text, strides=(1,))
        self._find(np.fromiter(map(len, bodies), np.int64, len(bodies)))
        self._known = known

    def _find(self, lengths: Ints) -> None:
        text = self._text
        ends = np.cumsum(lengths)
        starts = ends - lengths
        marks = np.flatnonzero(text[:-PAD] == 0x82)
        marks = marks[text[marks + 1] == 1]
        first = np.searchsorted(marks, starts)
        last = np.searchsorted(marks, ends) - 1
        # A step told once more behind the items may look like one.
        tail = np.where(last > first, marks[np.maximum(last - 1, 0)] + 3, starts) if len(marks) else starts
        if len(marks):
            tail = np.where(last > first, tail + text[tail - 1], tail)
            tail = np.minimum(tail, len(text) - 2)
            ghost = (last > first) & (text[tail] == 0x12) & (tail + 2 + text[tail + 1] == ends)
            if ghost.any():
                marks = np.delete(marks, last[ghost])
                first = np.searchsorted(marks, starts)
                last = np.searchsorted(marks, ends) - 1
        self.counts: Ints = last + 1 - first
        self._first: Ints = first
        self._row: Ints = np.repeat(np.arange(len(lengths)), self.counts)
        self._begin: Ints = marks + 3
        self._size: Ints = text[marks + 2].astype(np.int64)
        stop = self._begin + self._size
        begin = np.empty_like(stop)
        begin[1:] = stop[:-1]
        some = self.counts > 0
        begin[first[some]] = starts[some]
        begin = np.minimum(begin, len(text) - PAD)
        self._key: Ints = begin + 4
        self._key_size: Ints = text[begin + 3].astype(np.int64)
        kind = text[begin + 2]
        good = (text[begin] == 10) & ((kind == 10) | (kind == 18))
        good &= (begin + 4 + self._key_size == marks) & (self._key_size <= _MAX_KEY) & (self._size > 0)
        good &= (text[begin + 1] == 5 + self._key_size + self._size) & (text[begin + 1] < 128)
        self.sound: Bools = some
        done = np.where(some, stop[np.maximum(last, 0)] if len(marks) else 0, 0)
        done = np.minimum(done, len(text) - PAD)
        self.again: Bools = (done + 2 < ends) & (text[done] == 0x12) & (done + 2 + text[done + 1] == ends)
        """Rows that need a step among their keys."""
        self.sound = some & ((done == ends) | self.again)
        self.sound[self._row[~good]] = False

    def groups(self) -> list[Group]:
        """Return the rows that hold the same keys, of those that are sound and not too rare."""
        if not len(self._row):
            return []
        ids, good = self._known.of(self._words, self._key, self._key_size)
        self.sound[self._row[~good]] = False
        rows = np.flatnonzero(self.sound)
        if not len(rows):
            return []
        marks = self._known.marks[ids]
        sums = np.add.reduceat(marks, np.minimum(self._first, len(marks) - 1))[rows]
        out: list[Group] = []
        values, inverse, counts = np.unique(sums, return_inverse=True, return_counts=True)
        for number in np.flatnonzero(counts >= _FEW):
            out += self._group(ids, rows[inverse == number])
        return out

    def _group(self, ids: Ints, rows: Ints) -> list[Group]:
        """Return those of `rows` that hold the keys of the first one, each once."""
        count = int(self.counts[rows[0]])
        rows = rows[self.counts[rows] == count]
        held = ids[self._first[rows[0]] : self._first[rows[0]] + count]
        keys = tuple(self._known.names[each] for each in held)
        if len(set(keys)) < count:
            return []
        column = np.full(len(self._known.names), -1)
        column[held] = np.arange(count)
        places = self._first[rows][:, None] + np.arange(count)
        columns = column[ids[places]]
        items = np.full((len(rows), count), -1)
        fits = (columns >= 0).all(axis=1)
        rows, places, columns, items = rows[fits], places[fits], columns[fits], items[fits]
        np.put_along_axis(items, columns, places, axis=1)
        whole = (items >= 0).all(axis=1)
        if _STEP not in keys:
            whole &= ~self.again[rows]
        return [Group(keys, rows[whole], items[whole])]

    def numbers(self, group: Group, keys: Iterable[bytes]) -> tuple[Ints, NDArray[np.float64]]:
        """Return which rows hold plain numbers only under `keys`, and these (n, keys)."""
        items = group.items[:, [group.keys.index(key) for key in keys]]
        text = self._text
        begin, size = self._begin[items], self._size[items]
        first = text[begin]
        plain = _BEGINS[first] & _DIGIT[text[np.minimum(begin + size, len(text)) - 1]] & (size <= _MAX_NUMBER)
        plain &= ~((first == 45) & (size == 2) & (text[begin + 1] == 48))  # an integer has no -0
        rows = plain.all(axis=1)
        begin, size = begin[rows].ravel(), size[rows].ravel()
        found = group.rows[rows]
        width = items.shape[1]
        copied = np.empty((len(begin), 3), "<u8")
        for word in range(3):
            copied[:, word] = self._words[begin + 8 * word] & _NUMBER[word][size] | _COMMA[word][size]
        joined = copied.tobytes()
        if joined.count(b",") == len(begin):
            try:
                values = _NUMBERS.decode(b"[" + joined.rstrip(b" ,") + b"]")
            except ValueError:  # of them all; the walk finds out which
                values = []
            if len(values) == len(begin):
                return found, np.array(values).reshape(-1, width)
        return found[:0], np.empty((0, width))


class Keys:
    """The keys met so far, by number. Bounded."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.marks: Words = np.zeros(0, np.uint64)
        """What stands for each key in the sum that stands for a row's keys."""
        self._words: Words = np.zeros((_MAX_KEY // 8, 0), np.uint64)
        self._hashes: Words = np.zeros(0, np.uint64)
        self._order: Ints = np.zeros(0, np.int64)

    def of(self, words: Words, begin: Ints, size: Ints) -> tuple[Ints, Bools]:
        """Return the keys' numbers (n,), and whether they are right.

        `words` are the eight bytes from each place on; the keys are at most _MAX_KEY long.
        """
        size = np.minimum(size, _MAX_KEY)
        last = max(1, -(-int(size.max()) // 8))
        begin = np.minimum(begin, len(words) - _MAX_KEY)
        parts = [words[begin + 8 * word] & _KEY[word][size] for word in range(last)]
        hashes = size.astype(np.uint64) * _ODD[8]
        for part, odd in zip(parts, _ODD, strict=False):
            hashes ^= (part ^ part >> np.uint64(29)) * odd
        ids, good = self._look(hashes)
        if not good.all():
            self._learn(hashes, parts, size, np.flatnonzero(~good))
            ids, good = self._look(hashes)
        for part, known in zip(parts, self._words, strict=False):
            good &= known[ids] == part
        return ids, good

    def _look(self, hashes: Words) -> tuple[Ints, Bools]:
        if not len(self._hashes):
            return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), bool)
        place = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return self._order[place], self._hashes[place] == hashes

    def _learn(self, hashes: Words, parts: list[Words], size: Ints, new: Ints) -> None:
        """Number the keys with new hashes."""
        at = new[np.unique(hashes[new], return_index=True)[1]]
        words = np.zeros((len(self._words), len(at)), np.uint64)
        for word, part in enumerate(parts):
            words[word] = part[at]
        text = words.T.astype("<u8").tobytes()
        self.names += [text[_MAX_KEY * i : _MAX_KEY * i + int(size[each])] for i, each in enumerate(at)]
        self._words = np.concatenate([self._words, words], axis=1)
        self.marks = np.concatenate([self.marks, (hashes[at] ^ hashes[at] >> np.uint64(31)) * _ODD[7]])
        numbers = np.arange(len(self.names) - len(at), len(self.names))
        hashes = np.concatenate([self._hashes, hashes[at]])
        order = np.argsort(hashes)
        self._hashes, self._order = hashes[order], np.concatenate([self._order, numbers])[order]
