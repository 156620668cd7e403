"""Which names in one directory make up which checkpoint."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from runwatch.watcher import layouts
from runwatch.watcher.layouts import Named, plain
from runwatch.watcher.layouts.layout import Layout

ITSELF = "."
"""Key and name of the checkpoint that the directory itself is."""


@dataclass(slots=True)
class Group:
    """Names that make up one checkpoint: a directory's, or those of files side by side."""

    named: Named
    names: list[str]
    folder: bool

    @property
    def at(self) -> int:
        """Step or epoch, for ordering; -1 where neither is known."""
        named = self.named
        return next((n for n in (named.step, named.epoch) if n is not None), -1)

    @property
    def lead(self) -> str:
        """Its name: the directory, or the file with the weights."""
        if self.folder:
            return self.names[0]
        return next((name for name in self.names if name.startswith("model")), self.names[0])


def grouped(files: Sequence[str], directories: Sequence[str], own: str) -> dict[str, Group]:
    """Return the checkpoints in a directory called `own`, by a key that stays the same while it is written.

    A temporary name belongs to the checkpoint it will become; if that is there
    already, it is one of its own, since what is there is still good.
    """
    itself = _itself(files, directories, own)
    if itself is not None:
        return {ITSELF: Group(itself, [ITSELF], folder=True)}
    groups: dict[str, Group] = {}
    present = {*files, *directories}
    for name in sorted(directories):
        named = layouts.folder(name)
        if named is not None:
            key = name if named.temporary and named.key in present else named.key
            groups[key] = Group(named._replace(key=key), [name], folder=True)
    family = layouts.is_family(files)
    for name in sorted(files):
        named = layouts.file(name, family)
        if named is None:
            continue
        key = name if named.temporary and layouts.settled_name(name)[0] in present else named.key
        group = groups.get(key)
        if group is None or group.folder:
            key = key if group is None else name
            groups[key] = Group(named if named.key == key else named._replace(key=key), [name], folder=False)
        else:
            group.names.append(name)
            if named.temporary:
                group.named = group.named._replace(temporary=True)
    return groups


def is_checkpoint(files: Sequence[str], directories: Sequence[str], own: str) -> bool:
    """Return whether a directory called `own` is a checkpoint, rather than a place of checkpoints."""
    return _itself(files, directories, own) is not None


def _itself(files: Sequence[str], directories: Sequence[str], own: str) -> Named | None:
    """Return what the directory is, if it is a checkpoint rather than a place of checkpoints."""
    named = layouts.folder(own)
    called = named is not None and named.layout is not None
    if not called:
        below = (layouts.folder(name) for name in directories)
        if layouts.is_family(files) or any(n is not None and n.layout is not None for n in below):
            return None
    layout = layouts.content([*files, *(f"{name}/" for name in directories)])
    if layout is None and named is not None and _is_folder(named, files):
        layout = plain.FOLDER
    if layout is None and not called:
        return None
    return (named or Named(ITSELF, None))._replace(key=ITSELF, layout=layout)


def layout_of(named: Named, names: Collection[str]) -> Layout | None:
    """Return the layout of a directory that holds these names; None: it is no checkpoint (yet)."""
    named_so = named.layout
    if named_so is not None and any(part.pattern.fullmatch(n) for part in named_so.parts for n in names):
        return named_so
    reported = layouts.content(names)
    if reported is not None:
        return reported
    return plain.FOLDER if _is_folder(named, names) else named.layout


def _is_folder(named: Named, names: Collection[str]) -> bool:
    """Return whether a directory is called a checkpoint and holds weights."""
    called = plain.CALLED.fullmatch(named.key)
    return called is not None and any(plain.FOLDER.pattern.fullmatch(name) for name in names)
