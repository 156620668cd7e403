"""Which mount a path is on, from the kernel's list alone.

A stat on a dead network mount blocks forever, so nothing here looks at the
path itself. Only symlinks on local file systems are read, one step at a time,
because `~/runs` often points to another mount.
"""

from __future__ import annotations

import os
import re
from collections import deque
from dataclasses import dataclass

MOUNTINFO = "/proc/self/mountinfo"
_OCTAL = re.compile(r"\\([0-7]{3})")
_MAX_LINKS = 40

_LOCAL = {
    "bcachefs",
    "btrfs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "ramfs",
    "tmpfs",
    "vfat",
    "xfs",
    "zfs",
}
_ANSWERING = _LOCAL | {"overlay"}  # reading a link there does not wait for another machine or a daemon


@dataclass(frozen=True)
class Mount:
    """One line of the kernel's list."""

    point: str
    """Directory it is mounted on."""
    fstype: str
    """Kernel name of the file system (ext4, nfs4, fuse.sshfs, overlay); "" if unknown."""


def events_reliable(fstype: str) -> bool:
    """Whether every write raises an inotify event here.

    Not where others can write behind this mount: other clients of a network
    file system, what lies under FUSE, the host of an overlay. Nor where
    nothing is known.
    """
    return fstype in _LOCAL


def holds_wal(path: str) -> bool:
    """Whether SQLite's write-ahead log works at a path: it needs memory that processes share."""
    kind = mount_of(path).fstype
    return events_reliable(kind) or kind == "overlay"  # a container's own root


def parse(text: str) -> tuple[Mount, ...]:
    """Read the lines of a mountinfo file; those it cannot understand are left out."""
    found = []
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        place, source = left.split(" "), right.split(" ")
        if dash and len(place) > 4 and len(source) > 1:
            found.append(Mount(_unescape(place[4]), source[0]))
    return tuple(found)


def mounts() -> tuple[Mount, ...]:
    """Return what is mounted now; nothing where the kernel has no such list."""
    try:
        with open(MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
            return parse(file.read())
    except OSError:
        return ()


def mount_of(path: str, table: tuple[Mount, ...] | None = None) -> Mount:
    """Return the mount that `path` is on; it need not exist."""
    known = mounts() if table is None else table
    return covering(_follow_local_links(path, known), known)


def resolved(path: str) -> str:
    """Return `path` without the symlinks that local file systems hold; what it names is not touched."""
    return _follow_local_links(path, mounts())


def covering(path: str, table: tuple[Mount, ...]) -> Mount:
    """Return the mount that a `path` without symlinks is on: the longest mount point that holds it.

    Of several on one point the last hides the others.
    """
    best = Mount("/", "")
    for mount in table:
        inside = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
        if inside and len(mount.point) >= len(best.point):
            best = mount
    return best


def _follow_local_links(path: str, table: tuple[Mount, ...]) -> str:
    """Resolve symlinks from the root down, and stop where a file system might not answer."""
    at, links = "/", 0
    rest = deque(os.path.join(os.getcwd(), path).split("/"))
    while rest:
        part = rest.popleft()
        if part in ("", ".", ".."):
            at = os.path.dirname(at) if part == ".." else at
            continue
        step = at.rstrip("/") + "/" + part
        if covering(step, table).fstype not in _ANSWERING:
            return os.path.normpath("/".join([step, *rest]))
        try:
            target = os.readlink(step)
        except OSError:  # no link, or not there
            at = step
            continue
        links += 1
        if links > _MAX_LINKS:
            return step
        at = "/" if target.startswith("/") else at
        rest.extendleft(reversed(target.split("/")))
    return at


def _unescape(field: str) -> str:
    r"""Undo the kernel's octal escapes (a space is written \040)."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)
