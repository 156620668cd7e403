"""A group as bytes, and back: what the fold of its sources has come to.

Each rule is frozen by itself, so that one which cannot be (its state holds
something that no pickle can) costs only its own memory: a new one is shown
what the series still hold. A body is known by a digest of the source of all
that it is made of. Of an upgrade that changed any of it the body is not read,
of one that changed a rule only that rule begins anew.

Bodies are our own, in a directory of the user's; still, no class but those of
runs and rules is ever made of them.
"""

from __future__ import annotations

import contextlib
import functools
import io
import pickle
import sys
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from runwatch.alerts.rules.base import Rule
from runwatch.alerts.rules.ruleset import Ruleset
from runwatch.block import Block, Samples
from runwatch.lean import blake2b
from runwatch.machine import Machine
from runwatch.watcher.engine import adapted
from runwatch.watcher.group import Group, WatchedRun

KEPT_LINES = 100
"""Newest log lines of each source that are kept: enough for a first picture."""
_FOLDED = (
    "runwatch.alerts.incidents",
    "runwatch.alerts.parentage",
    "runwatch.batch",
    "runwatch.beside",
    "runwatch.block",
    "runwatch.checkpoint",
    "runwatch.echoes",
    "runwatch.findings",
    "runwatch.machine",
    "runwatch.retold",
    "runwatch.rows",
    "runwatch.run",
    "runwatch.segments",
    "runwatch.series",
    "runwatch.snapshot",
    "runwatch.watcher.agreement",
    "runwatch.watcher.group",
    "runwatch.watcher.member",
)
"""What a group is made of, but for its rules."""
_RULES = "runwatch.alerts.rules"
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
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
}
_NUMPY = {"_frombuffer", "_reconstruct", "scalar"}


class _Run(msgspec.Struct, frozen=True):
    """One run: its rules apart, for any of them may fail."""

    rules: list[tuple[str, str, bytes | None]]
    """Name, digest and state of each rule that judges it; without a state it could not be frozen."""


class _Body(msgspec.Struct, frozen=True):
    shape: str
    group: bytes
    runs: list[_Run]


class OtherShapeError(Exception):
    """The body was made by another version, or is damaged."""


def freeze(group: Group) -> bytes:
    """Return a group as bytes; what is known of the machine below it is left out."""
    sources = {
        key: replace(source, log=deque(islice(reversed(source.log), KEPT_LINES)))
        for key, source in group.sources.items()
    }
    leader = group.leader
    bare = replace(
        group,
        sources=sources,
        runs=[replace(watched, rules=[]) for watched in group.runs],
        leader=None if leader is None else sources.get(leader.id),
        machine=Machine(),
    )
    runs = [_Run([_freeze_rule(rule) for rule in watched.rules]) for watched in group.runs]
    body = msgspec.msgpack.encode(_Body(shape(), pickle.dumps(bare, protocol=5), runs))
    return zlib.crc32(body).to_bytes(4, "little") + body


def thaw(data: bytes, rules: Ruleset) -> Group:
    """Return the group that was frozen, judged by the rules as they are set now.

    Raises OtherShapeError if that cannot be.
    """
    if zlib.crc32(data[4:]).to_bytes(4, "little") != data[:4]:
        raise OtherShapeError("damaged")
    try:
        body = msgspec.msgpack.decode(data[4:], type=_Body)
        if body.shape != shape():
            raise OtherShapeError("of another version")
        group = _load(body.group)
        if not isinstance(group, Group):
            raise OtherShapeError("no group")
    except OtherShapeError:
        raise
    except Exception as error:  # whatever a body of old holds
        raise OtherShapeError(type(error).__name__) from error
    for source in group.sources.values():
        source.log = deque(reversed(source.log), maxlen=source.read_when.maxlen)
    for watched, run in zip(group.runs, body.runs, strict=True):
        watched.rules = list(_thaw_rules(watched, run.rules, rules.build(watched.run.name)))
    return group


@functools.cache
def shape() -> str:
    """Return the digest of all that a group is made of but its rules."""
    return _digest(_FOLDED)


# -- rules ---------------------------------------------------------------------------------------


def _freeze_rule(rule: Rule) -> tuple[str, str, bytes | None]:
    try:
        return rule.name, _key(rule), pickle.dumps(rule, protocol=5)
    except Exception:  # a rule may be anybody's code
        return rule.name, "", None


def _thaw_rules(
    watched: WatchedRun, frozen: Sequence[tuple[str, str, bytes | None]], built: Iterable[Rule]
) -> Iterable[Rule]:
    """Yield the rules that are to judge a run: as they were, or new ones that were shown its series."""
    new = {rule.name: rule for rule in built}
    old: dict[str, Rule] = {}
    for name, key, state in frozen:
        if name in new and state is not None and key == _key(new[name]):
            with contextlib.suppress(Exception):  # as above
                found = _load(state, type(new[name]).__module__)
                if type(found) is type(new[name]):
                    old[name] = found
    for rule in adapted(old.values(), new.values()):
        yield rule if rule.name in old else _shown(rule, watched)


def _shown(rule: Rule, watched: WatchedRun) -> Rule:
    """Show a new rule what the series still hold, as history. What it finds in it was told before."""
    samples: dict[str, Samples] = {}
    for name, series in watched.run.series.items():
        steps, values = series.newest()
        at = np.arange(len(values), dtype=np.float64)
        samples[name] = Samples(at, np.full(len(values), np.nan), steps, values)
    longest = max(samples.values(), key=len, default=None)
    progress = None if longest is None else replace(longest, value=longest.step)
    with contextlib.suppress(Exception):  # it fails again at the next block, and that is told
        list(rule.observe(Block(samples, progress)))
    return rule


@functools.cache
def _key_of(module: str) -> str:
    shared = sorted(name for name in sys.modules if name.startswith(f"{_RULES}."))
    helpers = [name for name in shared if not _is_rule(name)]
    return _digest([module, *helpers, "runwatch.block", "runwatch.findings"])


def _key(rule: Rule) -> str:
    """Return the digest of a rule's own source and of what rules share."""
    return _key_of(type(rule).__module__)


def _is_rule(module: str) -> bool:
    from runwatch.alerts.rules.catalogue import CATALOGUE

    return module in {rule.__module__ for rule in CATALOGUE} or module.endswith("catalogue")


# -- bytes ---------------------------------------------------------------------------------------


def _digest(modules: Iterable[str]) -> str:
    found = blake2b(digest_size=8)
    for name in modules:
        path = getattr(import_module(name), "__file__", None)
        found.update(Path(path).read_bytes() if path else name.encode())
    return found.hexdigest()


class _Unpickler(pickle.Unpickler):
    """Makes objects of runs and rules, arrays and plain containers, and nothing else."""

    def __init__(self, data: bytes, module: str) -> None:
        super().__init__(io.BytesIO(data))
        self._module = module

    def find_class(self, module: str, name: str) -> Any:
        ours = module in _FOLDED or module == self._module or module.startswith(f"{_RULES}.")
        numpy = module.startswith("numpy.") and name in _NUMPY
        if (module, name) not in _PLAIN and not ours and not numpy:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a run")
        found = super().find_class(module, name)
        if ours and not isinstance(found, type):
            raise pickle.UnpicklingError(f"{module}.{name} is no class")
        return found


def _load(data: bytes, module: str = "") -> Any:
    return _Unpickler(data, module).load()
