"""A group as bytes, and back: what the fold of its sources has come to.

The state of each rule is frozen by itself, without its thresholds, which the
configuration gives. A body carries digests of the source code that made it. It
is restored whole or not at all: if the code of the fold or of one of its rules
has changed, or the state of one rule cannot be kept or restored, `thaw` says
so, and the group is folded again from its logs. A rule that starts without
what it knew would miss a crash that it was waiting for, or never resolve one.

Bodies are our own, in a directory of the user's; still, no class but those of
runs and rules is ever made of them.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pickle
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import msgspec
import numpy as np

from runwatch.alerts.rules.base import Rule, restore, state_of
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.core.block import Block, Samples
from runwatch.core.decoding import UNDECODABLE
from runwatch.system.import_guards import blake2b
from runwatch.watcher.engine.group import Group
from runwatch.watcher.engine.packable import Packable, Rules
from runwatch.watcher.engine.watched import WatchedRun

KEPT_LINES = 100
"""Newest log lines of each source that are kept: enough for a first picture."""
_RULES = Rule.__module__.rpartition(".")[0]
_PLAIN = {
    ("_codecs", "encode"),  # bytes of old protocols
    ("array", "_array_reconstructor"),
    ("array", "array"),
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("builtins", "frozenset"),
    ("builtins", "set"),
    ("collections", "Counter"),
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("collections", "deque"),
}


class _RuleState(msgspec.Struct, frozen=True):
    """What one rule of one run has come to know."""

    name: str
    code: str
    """Digest of the source code that the state belongs to."""
    metric: str | None
    """What a rule of the user's looks at; one that looks at another metric begins again."""
    state: bytes | None
    """Its fields, but for thresholds; None if they cannot be frozen."""


class _Body(msgspec.Struct, frozen=True):
    shape: str
    group: bytes
    runs: list[list[_RuleState]]
    """Of each run, the rules that judge it."""


class NotRestoredError(Exception):
    """A body cannot be restored; the message says why."""


class OtherShapeError(NotRestoredError):
    """The body was made by another version."""


def freeze(group: Group, trouble: Callable[[str], None]) -> bytes:
    """Return a group as bytes; of the machine below it only what was measured over time.

    A rule whose state cannot be frozen is reported to `trouble`. What is folded provisionally is kept
    apart: it is folded again.
    """
    group = group.lasting
    sources = {
        key: replace(source, tail=Packable(deque(islice(reversed(source.tail.peek()), KEPT_LINES))))
        for key, source in group.sources.items()
    }
    leader = group.leader
    bare = replace(
        group,
        sources=sources,
        runs=[replace(watched, judges=Rules([])) for watched in group.runs],
        leader=None if leader is None else sources.get(leader.id),
        machine=group.machine.history(),
    )
    runs = [[_freeze_rule(rule, trouble) for rule in each.judges.peek()] for each in group.runs]
    body = zlib.compress(msgspec.msgpack.encode(_Body(shape(), _dump(bare), runs)), 1)
    return zlib.crc32(body).to_bytes(4, "little") + body


def thaw(data: bytes, rules: Ruleset) -> Group:
    """Return the group that was frozen, judged by the rules as they are set now.

    Raises NotRestoredError if that cannot be: OtherShapeError if another version made it.
    """
    if zlib.crc32(data[4:]).to_bytes(4, "little") != data[:4]:
        raise NotRestoredError("its state is damaged")
    try:
        body = msgspec.msgpack.decode(zlib.decompress(data[4:]), type=_Body)
    except (zlib.error, *UNDECODABLE) as error:
        raise OtherShapeError("of another version") from error
    if body.shape != shape():
        raise OtherShapeError("of another version")
    try:
        return _restored(body, rules)
    except NotRestoredError:
        raise
    except Exception as error:  # whatever a body of old holds
        raise NotRestoredError(f"its state cannot be read: {_reason(error)}") from error


def _restored(body: _Body, rules: Ruleset) -> Group:
    group = _load(body.group)
    if not isinstance(group, Group):
        raise NotRestoredError("its state is that of no group")
    for source in group.sources.values():
        source.tail = Packable(deque(reversed(source.log), maxlen=source.read_when.maxlen))
    for watched, states in zip(group.runs, body.runs, strict=True):
        watched.rules = _thaw_rules(watched, states, rules.build(watched.run.name, watched.incidents.former))
    return group


@functools.cache
def shape() -> str:
    """Return the digest of what a group and the rules of the catalogue are made of, and how they are kept."""
    rules = Path(_source(Rule.__module__)).parent.rglob("*.py")  # all: which are imported yet is chance
    return _digest([__file__, *map(_source, sorted(_folded())), *map(str, sorted(rules))])


@functools.cache
def _folded() -> frozenset[str]:
    """Return the modules that a group is made of, but for its rules: what its own imports, and so on."""
    found: set[str] = set()
    waiting = [Group.__module__]
    while waiting:
        name = waiting.pop()
        if name.startswith("runwatch.") and name not in found:
            found.add(name)
            for value in vars(import_module(name)).values():
                waiting.append(value.__name__ if isinstance(value, ModuleType) else _module(value))
    return frozenset(found)


def _module(value: object) -> str:
    name = getattr(value, "__module__", None)
    return name if isinstance(name, str) else ""


# -- rules ---------------------------------------------------------------------------------------


def _freeze_rule(rule: Rule, trouble: Callable[[str], None]) -> _RuleState:
    state: bytes | None = None
    try:
        state = _dump(state_of(rule))
    except Exception as error:  # a rule may be anybody's code
        trouble(
            f"rule {rule.name}: its state cannot be kept: {_reason(error)};"
            " the logs it judges are read again after a restart"
        )
    return _RuleState(rule.name, _code(rule), getattr(rule, "metric", None), state)


def _thaw_rules(watched: WatchedRun, frozen: Iterable[_RuleState], built: Iterable[Rule]) -> list[Rule]:
    """Return the rules that are to judge a run: with the state they had, or shown its series if they are new.

    Raises NotRestoredError if a state cannot be restored.
    """
    states = {state.name: state for state in frozen}
    rules = list(built)
    for rule in rules:
        known = states.get(rule.name)
        if known is None or known.metric != getattr(rule, "metric", None):
            _show(rule, watched)
        elif known.code != _code(rule):
            raise OtherShapeError(f"rule {rule.name} is of another version")
        elif known.state is None:
            raise NotRestoredError(f"the state of rule {rule.name} was not kept")
        else:
            try:
                restore(rule, _load(known.state, type(rule).__module__))
            except Exception as error:  # as above
                raise NotRestoredError(
                    f"the state of rule {rule.name} cannot be restored: {_reason(error)}"
                ) from error
    return rules


def _show(rule: Rule, watched: WatchedRun) -> None:
    """Give a new rule what the series still hold, as history. What it finds in it was reported before."""
    samples: dict[str, Samples] = {}
    for name, series in watched.run.series.items():
        steps, values = series.newest()
        at = np.arange(len(values), dtype=np.float64)
        samples[name] = Samples(at, np.full(len(values), np.nan), steps, values)
    longest = max(samples.values(), key=len, default=None)
    progress = None if longest is None else replace(longest, value=longest.step)
    with contextlib.suppress(Exception):  # it fails again at the next block, and that is reported
        list(rule.observe(Block(samples, progress)))


def _code(rule: Rule) -> str:
    """Return the digest of the module that a rule is of, which may be a package of somebody's."""
    return _digest_of(type(rule).__module__)


@functools.cache
def _digest_of(module: str) -> str:
    return _digest([_source(module)])


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


# -- bytes ---------------------------------------------------------------------------------------


def _source(module: str) -> str:
    """Return the path of a module's source; its name if it has none."""
    return getattr(import_module(module), "__file__", None) or module


def _digest(sources: Iterable[str]) -> str:
    found = blake2b(digest_size=8)
    for path in sources:
        found.update(Path(path).read_bytes() if os.path.isfile(path) else path.encode())
    return found.hexdigest()


_KINDS = "biufcSU"
"""Kinds of types that arrays may have: numbers and text."""


def _array(code: str, shape: tuple[int, ...], order: Literal["C", "F"], data: bytes) -> Any:
    """Return an array, or a scalar if it has no dimension."""
    dtype = np.dtype(code)
    if dtype.kind not in _KINDS:
        raise pickle.UnpicklingError(f"no array of ours holds {dtype}")
    found = np.frombuffer(bytearray(data), dtype).reshape(shape, order=order)
    return found if shape else found[()]


def _of_array(array: np.ndarray[Any, Any] | np.generic) -> tuple[Any, ...]:
    """Return how an array is made again: numpy's own form can be damaged so that reading it ends Python."""
    if array.dtype.kind not in _KINDS:
        raise pickle.PicklingError(f"an array of {array.dtype} cannot be kept")
    order: Literal["C", "F"] = "F" if array.flags.fnc else "C"
    return _array, (array.dtype.str, array.shape, order, array.tobytes(order))


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: object) -> Any:
        return _of_array(value) if isinstance(value, np.ndarray | np.generic) else NotImplemented


def _dump(value: object) -> bytes:
    into = io.BytesIO()
    _Pickler(into, protocol=5).dump(value)
    return into.getvalue()


class _Unpickler(pickle.Unpickler):
    """Makes objects of runs and rules, arrays and plain containers, and nothing else."""

    def __init__(self, data: bytes, module: str) -> None:
        super().__init__(io.BytesIO(data))
        self._module = module

    def find_class(self, module: str, name: str) -> Any:
        ours = module in _folded() or module == self._module or module.startswith(f"{_RULES}.")
        if (module, name) == (__name__, _array.__name__):
            return _array
        if (module, name) not in _PLAIN and not ours:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a run")
        found = super().find_class(module, name)
        if ours and not (isinstance(found, type) and found.__module__ == module):  # a name may have dots
            raise pickle.UnpicklingError(f"{module}.{name} is no class of ours")
        return found


def _load(data: bytes, module: str = "") -> Any:
    return _Unpickler(data, module).load()
