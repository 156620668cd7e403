"""The bulk path: whole blocks of step lines decoded with numpy.

Lines of equal length are compared with the skeletons of a matcher (see skeleton); where none fits,
one is learned from a line. What fits no skeleton is left to the matcher.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from runwatch.parsers.api import Matcher
from runwatch.parsers.body.enveloped import Enveloped, Logged, Unopened
from runwatch.parsers.body.frames import Decoded
from runwatch.parsers.body.matchers import DictPattern
from runwatch.parsers.columnar.skeleton import Skeleton, learn
from runwatch.parsers.framing.ansi import Uncolored
from runwatch.parsers.framing.lines import PAD, Ints, Lines
from runwatch.parsers.structured.json_lines import JsonLine
from runwatch.parsers.words import ALIKE

_ROWS = 4096  # rows a pass works on
_MIN = 12  # fewer lines than this are cheaper through the matcher than to learn from
_FEW = 4  # and fewer than this than through a skeleton that is known
_MAX_SKELETONS = 96
_MAX_TRIES = 32  # shapes looked at per block
_MANY = 256  # records of one length that are worth a look at each
_PROBES = 8  # of these are looked at first
_SHAPE_BASE = np.frombuffer(ALIKE, np.uint8)
_SHAPE_LIMIT = np.array([9 if 48 <= c <= 57 else 0 for c in range(256)], np.uint8)
"""What a skeleton in which every digit is free has in place of each byte."""


class Decoder(Protocol):
    """Decodes many lines of one matcher at once."""

    @property
    def matcher(self) -> Matcher:
        """Whose lines it decodes."""
        ...

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) it can; the matcher reads the others.

        They begin with the matcher's prefix or with an escape sequence, and may hold more of these.
        """
        ...


def decoders(matchers: Iterable[Matcher], known: Iterable[Decoder] = ()) -> list[Decoder]:
    """Return the bulk path of each matcher that has one; those `known` continue with what they learned."""
    learned = {id(decoder.matcher): decoder for decoder in known}
    found = (learned.get(id(matcher)) or _decoder(matcher) for matcher in matchers)
    return [decoder for decoder in found if decoder is not None]


def _decoder(matcher: Matcher) -> Decoder | None:
    if isinstance(matcher, DictPattern):
        from runwatch.parsers.columnar.dicts import DictDecoder

        return DictDecoder(matcher)
    if isinstance(matcher, JsonLine):
        from runwatch.parsers.structured.json_bulk import JsonDecoder

        return JsonDecoder(matcher)
    own: Decoder | None = matcher.bulk()
    return BulkDecoder(matcher) if own is None and matcher.skeletons else own


@dataclass(slots=True)
class BulkDecoder:
    """Learns and applies the skeletons of one matcher. Bounded memory."""

    matcher: Matcher
    _reads: Matcher = field(init=False)
    """The matcher, made to see through envelopes and escape sequences: they become bytes of a skeleton."""
    _skeletons: list[Skeleton] = field(default_factory=list)
    _hopeless: set[bytes] = field(default_factory=set)
    """Shapes that are no record, or that no skeleton can hold."""

    def __post_init__(self) -> None:
        behind = Logged, Unopened  # they look at envelopes themselves
        bare = bool(self.matcher.prefix) or isinstance(self.matcher, behind)
        self._reads = Uncolored(self.matcher if bare else Enveloped(self.matcher))

    def forget(self) -> None:
        """Learn again: the matcher reads the same lines in another way from now on."""
        self._skeletons.clear()
        self._hopeless.clear()

    def decode(self, lines: Lines, candidates: Ints) -> list[Decoded]:
        """Decode those of `candidates` (record indices) that fit a skeleton, known or learned now."""
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
        for group, learned_before in groups:
            fitting = learned_before
            for begin in range(0, len(group), _ROWS):
                rest = group[begin : begin + _ROWS]
                for skeleton in fitting:
                    if len(rest):
                        rest = self._apply(skeleton, lines, rest, out)
                if len(rest) >= _MIN and tries > 0:
                    learned = len(self._skeletons)
                    tries -= self._learn_length(lines, rest, tries, out)
                    fitting = fitting + self._skeletons[learned:]
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
            if s.length == len(shape) and s.base.tobytes().translate(ALIKE) == shape
        ]
        return {i for s in alike for i in np.flatnonzero(s.limit == 0).tolist() if shape[i] == 48}

    def _is_other(self, lines: Lines, rest: Ints) -> bool:
        """Return whether some of these records are all of hopeless shapes.

        Or, if they are few, whether none of some holds what every line of the matcher does.
        """
        if len(rest) < _MANY:
            needle = self.matcher.prefix or self.matcher.needle
            probes = [lines.record(int(rest[i])) for i in (0, len(rest) // 2, -1)]
            return not any(needle in probe for probe in probes) or self._is_hopeless(probes[0])
        return all(self._is_hopeless(lines.record(i)) for i in rest[:: -(-len(rest) // _PROBES)].tolist())

    def _is_hopeless(self, line: bytes) -> bool:
        return (line + b"\n").translate(ALIKE) in self._hopeless

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
