"""Whether a configuration that was found, and not named, is read: who can write it decides.

A configuration holds commands: to read it is to run what it says. One that was found by looking
around is read only if nobody but the user and root can write it: not the file, not a link to it,
not the directory that holds either. Members of the group count as others, except for the user's
own private group, in which nobody else is (so a umask of 002 is safe there).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["file", "link", "directory"]

ROOT = 0
_ACCESS_LIST = "system.posix_acl_access"
_MOST_LINKS = 40
_WORDS: dict[Kind, str] = {"file": "it", "link": "a link to it", "directory": "its directory"}


@dataclass(frozen=True)
class FilePlace:
    """One thing on the way to a file, and who can write it."""

    path: str
    kind: Kind
    owner: int
    group: int
    mode: int
    access_list: bool = False
    """Whether an access list adds writers: what it allows shows as the rights of the group."""


@dataclass(frozen=True)
class User:
    """Who reads the configuration."""

    uid: int
    private_group: int | None = None
    """The user's private group, if there is one."""


class Objection(NamedTuple):
    """Why a file is not trusted."""

    why: str
    writable: str = ""
    """The path that others can write, if that is the reason."""


def objection(place: FilePlace, user: User) -> Objection | None:
    """Return why a place is not trusted; None if it is."""
    what = _WORDS[place.kind]
    if place.owner not in (user.uid, ROOT):
        return Objection(f"{what} belongs to another user ({_name(place.owner)})")
    if place.kind == "link":  # its mode means nothing
        return None
    if place.kind == "directory" and place.mode & stat.S_ISVTX:
        return None  # others can add files there, but neither replace nor rename ours
    if place.mode & stat.S_IWOTH:
        return Objection(f"others can write {what}", place.path)
    if place.mode & stat.S_IWGRP and (place.access_list or place.group != user.private_group):
        return Objection(f"its group can write {what}", place.path)
    return None


def judge(path: str, descriptor: int, user: User) -> Objection | None:
    """Return why a file that was opened by its path is not trusted; None if it is. Raises OSError."""
    opened = os.fstat(descriptor)
    for place in (describe(path, "file", opened, descriptor), *_ways(path)):
        if found := objection(place, user):
            return found
    now = os.stat(path)
    replaced = (now.st_dev, now.st_ino) != (opened.st_dev, opened.st_ino)
    return Objection("it was replaced while it was read") if replaced else None


def _ways(path: str) -> Iterator[FilePlace]:
    """Yield the directories and links that lead from a path to a file. Raises OSError."""
    for _ in range(_MOST_LINKS):
        directory = os.path.dirname(path) or "."
        yield describe(directory, "directory", os.stat(directory), directory)
        found = os.lstat(path)
        if not stat.S_ISLNK(found.st_mode):
            return
        yield describe(path, "link", found)
        path = os.path.join(directory, os.readlink(path))


def current_user() -> User:
    """Return the user of this process."""
    import grp
    import pwd

    uid = os.geteuid()
    try:
        own = pwd.getpwuid(uid)
        group = grp.getgrgid(own.pw_gid)
    except KeyError:  # as in many containers
        return User(uid)
    alone = group.gr_name == own.pw_name and set(group.gr_mem) <= {own.pw_name}
    return User(uid, group.gr_gid if alone else None)


def open_to_all(path: str, mode: int) -> bool:
    """Return whether everyone can read a file of this mode: all its directories can be entered."""
    if not mode & stat.S_IROTH:
        return False
    directory = os.path.dirname(os.path.realpath(path))
    while True:
        try:
            if not os.stat(directory).st_mode & stat.S_IXOTH:
                return False
        except OSError:
            return False
        if directory == os.path.dirname(directory):
            return True
        directory = os.path.dirname(directory)


def describe(path: str, kind: Kind, found: os.stat_result, listed: int | str | None = None) -> FilePlace:
    """Return who can write what was found at a path; `listed` is where its access list is looked up."""
    return FilePlace(path, kind, found.st_uid, found.st_gid, found.st_mode, _has_access_list(listed))


def _has_access_list(where: int | str | None) -> bool:
    if where is None or not hasattr(os, "getxattr"):
        return False
    try:
        return bool(os.getxattr(where, _ACCESS_LIST))
    except OSError:  # none, or the file system knows none
        return False


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
