r"""The bulk path of W&B history: rows of plain numbers, many at once, bit-identical to the walk.

Each item of a row is `\n` size, `\n` or `\x12` size key, `\x82\x01` size number, every size one
byte. The numbers' tags are looked for in all rows at once, and everything around them must
be as long as it says. Keys are found by a hash and then compared; numbers are copied side by
side into one JSON list. What is not as simple as that is left to the walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import compress
from typing import NamedTuple

import msgspec
import numpy as np

from runwatch.parsers.body.decoded import Floats
from runwatch.parsers.framing.lines import Bytes, Flags, Ints, Words

PAD = 72
"""Bytes behind the data that may be looked at."""
_HISTORY, _SUMMARY = 0x12, 0x1A
_HEAD = 8  # bytes of a record in which its kind and size are
_MAX_KEY = 64
_MAX_NUMBER = 23  # with a comma, three words
_FEW = 16
"""Rows of the same keys that the walk reads as quickly."""
_STEP = b"_step"
_END = np.frombuffer(b"]       ", "<u8")
_DIGIT = np.zeros(256, bool)
_DIGIT[48:58] = True
_BEGINS = _DIGIT.copy()
_BEGINS[ord("-")] = True
_NUMBERS = msgspec.json.Decoder(list[float])


def _masks(count: int, width: int, begin: int) -> tuple[Bytes, Bytes]:
    """Return `count` masks of `width` bytes: the n-th keeps n bytes from `begin` on, the other the rest."""
    place = np.arange(width) - begin
    keep = (place >= 0) & (place < np.arange(count)[:, None])
    return np.where(keep, 255, 0).astype(np.uint8), np.where(keep, 0, 32).astype(np.uint8)


_KEY: Words = _masks(_MAX_KEY + 1, _MAX_KEY, 0)[0].view("<u8").T.copy()
_NUMBER, _REST = _masks(_MAX_NUMBER + 1, _MAX_NUMBER + 1, 1)
_REST[:, 0] = ord(",")
_NUMBER, _REST = _NUMBER.view("V24").ravel(), _REST.view("V24").ravel()
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
    bodies: list[bytes]
    """The items of each history record."""
    others: Ints


def sort(data: Sequence[bytes]) -> Sorted:
    """Sort records by kind; what is odd about its own number or size is one of the others."""
    head = np.array(data, f"S{_HEAD}").view(np.uint8).reshape(-1, _HEAD)  # a short one ends with zeros
    at = (head[:, 0] == 8).astype(np.int64)
    more = at > 0
    for place in range(1, 5):  # the bytes of the record's number
        more &= head[:, place] > 127
        at += more
    at += head[:, 0] == 8
    at += np.arange(len(data)) * _HEAD
    text = head.ravel()
    tag, low, high = text.take(at), text.take(at + 1).astype(np.int64), text.take(at + 2).astype(np.int64)
    summary = ~more & (tag == _SUMMARY)
    long = low > 127
    history = np.flatnonzero(~more & (tag == _HISTORY) & ~(long & (high > 127)))
    size = np.where(long, (low & 127) | high << 7, low)[history]
    begin = (at % _HEAD + 2 + long)[history]
    places = zip(history.tolist(), begin.tolist(), (begin + size).tolist(), strict=True)
    bodies = [data[index][begin:end] for index, begin, end in places]
    whole = np.fromiter(map(len, bodies), np.int64, len(bodies)) == size
    if not whole.all():
        history, bodies = history[whole], list(compress(bodies, whole))
    summary[history] = True
    return Sorted(history, bodies, np.flatnonzero(~summary))


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
        # A step repeated behind the items may look like one.
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
        self.sound: Flags = some
        done = np.where(some, stop[np.maximum(last, 0)] if len(marks) else 0, 0)
        done = np.minimum(done, len(text) - PAD)
        self.again: Flags = (done + 2 < ends) & (text[done] == 0x12) & (done + 2 + text[done + 1] == ends)
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
        _, inverse, counts = np.unique(sums, return_inverse=True, return_counts=True)
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

    def numbers(self, group: Group, keys: Iterable[bytes]) -> tuple[Ints, Floats]:
        """Return which rows hold plain numbers only under `keys`, and these (n, keys)."""
        items = group.items[:, [group.keys.index(key) for key in keys]]
        width = items.shape[1]
        rows = self._plain.take(items).all(axis=1)
        items = items[rows].ravel()
        size = self._size.take(items)
        texts = np.ndarray((len(self._text) - _MAX_NUMBER,), "V24", self._text, strides=(1,))
        joined = np.empty(3 * len(items) + 1, "<u8")
        joined[:-1] = texts[self._begin.take(items) - 1].view("<u8")  # from the size on: the comma's place
        joined[:-1] &= _NUMBER.take(size).view("<u8")
        joined[:-1] |= _REST.take(size).view("<u8")
        joined[-1:] = _END
        written = joined.view(np.uint8)
        written[0] = ord("[") if len(items) else 32
        try:
            values = _NUMBERS.decode(joined.data)
        except ValueError:  # of them all; the walk finds out which
            values = []
        if len(values) == len(items) > 0:  # each gave one at least, so none gave two
            return group.rows[rows], np.fromiter(values, np.float64, len(values)).reshape(-1, width)
        return group.rows[:0], np.empty((0, width))

    @cached_property
    def _plain(self) -> Flags:
        """Which items are numbers if they are JSON at all; the bulk path has no -0 and none that are long."""
        text, begin, size = self._text, self._begin, self._size
        first = text.take(begin)
        last = text.take(begin + size - 1, mode="clip")
        plain: Flags = _BEGINS.take(first) & _DIGIT.take(last) & (size <= _MAX_NUMBER)
        zero = np.flatnonzero((first == 45) & (size == 2))
        plain[zero[text[begin[zero] + 1] == 48]] = False
        return plain


class Keys:
    """The keys met so far, by number. Bounded."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.marks: Words = np.zeros(0, np.uint64)
        """The number of each key in the sum that identifies a row's keys."""
        self._words: Words = np.zeros((_MAX_KEY // 8, 0), np.uint64)
        self._hashes: Words = np.zeros(0, np.uint64)
        self._order: Ints = np.zeros(0, np.int64)

    def of(self, words: Words, begin: Ints, size: Ints) -> tuple[Ints, Flags]:
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

    def _look(self, hashes: Words) -> tuple[Ints, Flags]:
        if not len(self._hashes):
            return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), bool)
        place = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return self._order[place], self._hashes[place] == hashes

    def _learn(self, hashes: Words, parts: list[Words], size: Ints, new: Ints) -> None:
        """Give numbers to the keys with new hashes."""
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
