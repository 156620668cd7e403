"""Parts of a group that are kept as bytes while nobody needs them.

What rules know and the newest lines of a log take most of a run's memory, and of the runs that a
login node holds nearly all have ended.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast

from runwatch.alerts.rules.base import Rule

T = TypeVar("T")


class Packable(Generic[T]):
    """A value that may be packed: it is unpacked by whoever asks for it."""

    __slots__ = ("_packed", "_value")

    def __init__(self, value: T) -> None:
        self._value: T | None = value
        self._packed = b""

    @property
    def value(self) -> T:
        """The value, unpacked from now on."""
        self._value, self._packed = self.peek(), b""
        return self._value

    @property
    def is_packed(self) -> bool:
        """Whether it is kept as bytes now."""
        return bool(self._packed)

    def peek(self) -> T:
        """Return the value, or a copy of it if it is packed: for whoever only reads."""
        return self._loaded(zlib.decompress(self._packed)) if self._packed else cast(T, self._value)

    def pack(self) -> None:
        """Keep it as bytes until somebody asks for it; what has no such form stays as it is."""
        if self._packed:
            return
        try:
            self._packed = zlib.compress(self._dumped(cast(T, self._value)), 1)
        except Exception:  # a rule may be anybody's code
            return
        self._value = None

    def _dumped(self, value: T) -> bytes:
        return pickle.dumps(value, protocol=5)

    def _loaded(self, data: bytes) -> T:
        return cast(T, pickle.loads(data))  # noqa: S301  # our own: it never left this process


class Rules(Packable[list[Rule]]):
    """The rules of a run. Their classes stay: those of a configuration have no name in a module."""

    __slots__ = ("_kinds",)

    def __init__(self, rules: list[Rule]) -> None:
        super().__init__(rules)
        self._kinds: Sequence[type[Rule]] = ()

    def _dumped(self, value: list[Rule]) -> bytes:
        self._kinds = [type(rule) for rule in value]
        return pickle.dumps([vars(rule) for rule in value], protocol=5)

    def _loaded(self, data: bytes) -> list[Rule]:
        states: list[dict[str, Any]] = pickle.loads(data)  # noqa: S301  # as above
        rules = [kind.__new__(kind) for kind in self._kinds]
        for rule, state in zip(rules, states, strict=True):
            vars(rule).update(state)
        return rules
