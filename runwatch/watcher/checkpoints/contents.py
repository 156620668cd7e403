"""Looks into the files of one checkpoint: are they whole, what do they say, which others should be there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from runwatch.watcher.layouts import contents, notes
from runwatch.watcher.layouts.contents import MAX_JSON, MAX_METADATA
from runwatch.watcher.layouts.layout import Size
from runwatch.watcher.layouts.signatures import Verdict, Whole
from runwatch.watcher.sources import files

_MAX_INDEX = 16 << 20
_SHARDS = 8
"""Shards of torch DCP that are opened; `.metadata` has the sizes of all."""


@dataclass(frozen=True, slots=True)
class Inside:
    """What looking into a checkpoint's files gave."""

    sizes: Mapping[str, Size] = field(default_factory=dict)
    """The files as they were."""
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    """Only of those that are not simply fine."""
    listed: tuple[str, ...] = ()
    """Paths that an index names."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    """What it was trained with."""
    opened: int = 0


def inspect(top: str, held: Mapping[str, Size], before: Inside) -> Inside:
    """Look into the files below `top`; those that are as they were `before` are not opened again."""
    verdicts: dict[str, Verdict] = {}
    metrics: dict[str, float] = {}
    listed: list[str] = []
    opened = 0
    passed = set([name for name in held if name.endswith(".distcp")][_SHARDS:])
    for folder in dict.fromkeys(os.path.dirname(name) for name in held if name.endswith(".distcp")):
        listed.append(os.path.join(folder, ".metadata"))
    for name, size in held.items():
        plain = os.path.basename(name)
        meaningful = notes.NOTES.fullmatch(plain) or notes.INDEXES.fullmatch(name) or plain == ".metadata"
        if not meaningful and (name in passed or not contents.checkable(name)):
            continue
        if not meaningful and before.sizes.get(name) == size:
            if name in before.verdicts:
                verdicts[name] = before.verdicts[name]
            continue
        opened += 1
        path = os.path.join(top, name)
        try:
            if notes.NOTES.fullmatch(plain):
                metrics.update(notes.notes(files.contents(path, notes.HEAD)))
            elif notes.INDEXES.fullmatch(name) and size.bytes <= _MAX_INDEX:
                listed += _below(name, notes.listed(files.contents(path, _MAX_INDEX)))
            elif plain == ".metadata":
                verdicts.update(_shards(name, path, size, held, listed))
                continue
            verdict = _check(path, name, size)
        except OSError as error:
            if not os.path.lexists(path):
                continue  # deleted meanwhile: the next look shows
            verdict = Verdict(Whole.UNKNOWN, f"cannot be read: {error.strerror}")
        if verdict.whole is not Whole.YES:
            verdicts[name] = verdict
    return Inside(dict(held), verdicts, tuple(listed), metrics, _settings(top, held, before), opened)


def _settings(top: str, held: Mapping[str, Size], before: Inside) -> dict[str, str]:
    """Return the settings in the files below `top`; those that are as `before` are not read again."""
    found = dict(before.settings)
    for name, size in held.items():
        plain = os.path.basename(name)
        if not notes.has_settings(plain) or before.sizes.get(name) == size:
            continue
        try:
            found.update(notes.settings(plain, files.contents(os.path.join(top, name), notes.HEAD)))
        except OSError:
            continue  # what cannot be read is reported elsewhere
    return found


def _check(path: str, name: str, size: Size) -> Verdict:
    with files.reading(path) as read:
        if name.endswith(".json") and size.bytes > MAX_JSON:
            return contents.document(size.bytes, read)
        return contents.check(name, size.bytes, read)


def _shards(
    name: str, path: str, size: Size, held: Mapping[str, Size], listed: list[str]
) -> dict[str, Verdict]:
    """Compare a DCP checkpoint's shards with what its metadata says; add those it names to `listed`."""
    if size.bytes == 0:
        return {name: Verdict(Whole.NO, "is empty")}
    if size.bytes > MAX_METADATA:
        return {}
    try:
        due = contents.shards(files.contents(path, MAX_METADATA))
    except ValueError:
        return {name: Verdict(Whole.NO, "is not a whole pickle")}
    below = dict(zip(_below(name, tuple(due)), due.values(), strict=True))
    listed += below
    return {
        shard: Verdict(Whole.NO, f"stops short: {held[shard].bytes:,} of {least:,} bytes")
        for shard, least in below.items()
        if shard in held and held[shard].bytes < least
    }


def _below(index: str, names: tuple[str, ...]) -> list[str]:
    """Return paths as seen from the checkpoint, of names as seen from the index."""
    head = os.path.dirname(index)
    return [os.path.normpath(os.path.join(head, name)) for name in names]
