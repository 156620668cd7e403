"""How checkpoints are laid out, and what the files next to a run say. No I/O: names and bytes are given.

Declarations are in `frameworks`; recognizing and judging are shared. Import from here in `sources` and
`checkpoints`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from runwatch.parsers.lexicon.places import place
from runwatch.watcher.layouts import plain
from runwatch.watcher.layouts.frameworks import FOLDERS, NANOCHAT
from runwatch.watcher.layouts.layout import Layout

_TEMPORARY = re.compile(
    r"[.~]?(?P<before>te?mp[-_.])?(?P<name>.+?)(?P<after>\.orbax-checkpoint-tmp.*"
    r"|[._-](?:te?mp|partial|incomplete|part|unfinished|staging|writing)(?:[._-]?[A-Za-z0-9]{1,12})?)?"
)
_MAYBE = re.compile(r"te?mp|part|incomplete|unfinished|staging|writing")
"""What is in every temporary name: most are none, and this is found sooner."""
_ZEROS = str.maketrans("123456789", "0" * 9)
_DIGITS = re.compile(r"\d+")
_NUMBERED = re.compile(r"(?:^|.*[^0-9])0*(?P<step>\d{1,15})")
_WORDS = re.compile(
    r"(?:.*[_.-])?(?:last|latest|best|final|checkpoint|ckpt|release)(?:[_.-].*)?|.*(?:checkpoint|ckpt)",
    re.IGNORECASE,
)


class Named(NamedTuple):
    """What the name of a file or directory says."""

    key: str
    """What names of the same checkpoint have in common."""
    layout: Layout | None
    """None: only what is in the directory can show."""
    step: int | None = None
    epoch: int | None = None
    temporary: bool = False


def settled_name(name: str) -> tuple[str, bool]:
    """Return the name without what makes it temporary, and whether it was."""
    match = _TEMPORARY.fullmatch(name) if _MAYBE.search(name) else None
    if match is None or not (match["before"] or match["after"]):
        return name, False
    return match["name"], True


def folder(name: str) -> Named | None:
    """Return what a directory's name says, or None if it cannot be a checkpoint's."""
    real, temporary = settled_name(name)
    for layout in FOLDERS:
        assert layout.named is not None
        reported = layout.named.fullmatch(name) or (temporary and layout.named.fullmatch(real))
        if reported:
            return Named(real, layout, int(reported["step"]), None, temporary)
    if real.startswith("."):
        return None
    step, epoch = place(real)
    numbered = _NUMBERED.fullmatch(real) if step is None and epoch is None else None
    step = int(numbered["step"]) if numbered else step
    known = step is not None or epoch is not None or _WORDS.fullmatch(real)
    return Named(real, None, step, epoch, temporary) if known else None


def file(name: str, family: bool) -> Named | None:
    """Return what a file's name says, or None if it is no checkpoint's.

    `family` says that nanochat's files are in this directory, whose names
    are those of others too. Files with the same number are one checkpoint.
    """
    real, temporary = settled_name(name)
    if family:
        for part in NANOCHAT.parts:
            if part.pattern.fullmatch(real):
                number = int(_DIGITS.findall(real)[0])
                return Named(f"step {number}", NANOCHAT, number, None, temporary)
    found = plain.single(real)
    if found is None:
        return None
    layout, step, epoch = found
    if layout is plain.LIGHTNING or (step is None and epoch is None):
        key = real
    else:
        key = " ".join(f"{word} {n}" for word, n in (("step", step), ("epoch", epoch)) if n is not None)
    return Named(key, layout, step, epoch, temporary)


def content(names: Collection[str]) -> Layout | None:
    """Return the layout of a directory that holds these names (those of directories end with a slash)."""
    for layout in FOLDERS:
        if any(layout.pattern.fullmatch(name) for name in names):
            return layout
    return None


def _alike(names: Collection[str]) -> Collection[str]:
    """Return names in which every digit is a zero: what a directory of data holds many of is judged once."""
    return {name.translate(_ZEROS) for name in names}


def is_family(names: Collection[str]) -> bool:
    """Return whether nanochat's files are among these names."""
    return any(NANOCHAT.pattern.fullmatch(name) for name in names)


def holds_checkpoints(files: Collection[str], directories: Collection[str]) -> bool:
    """Return whether a directory with these entries holds checkpoints, or is one, judged by names alone."""
    if is_family(files):
        return True
    files, directories = _alike(files), _alike(directories)
    if content([*files, *(f"{name}/" for name in directories)]):
        return True
    below = (folder(name) for name in directories)
    reported = any(n is not None and (n.layout or plain.CALLED.fullmatch(n.key)) for n in below)
    return reported or any(file(f, False) for f in files)
