"""Room on the file system of watched paths. A dead mount never answers: only for a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from runwatch import text
from runwatch.sample import MachineEvent, Message, Space, Told
from runwatch.watcher.sources.mounts import mount_of

Send = Callable[[Message], None]


class SpaceSampler:
    """The file systems of some paths of one mount."""

    def __init__(self, paths: Sequence[str], send: Send) -> None:
        self._paths = tuple(paths)
        self._send = send
        self._troubles: dict[str, str] = {}
        self._read_only: set[str] = set()

    def sample(self, now: float) -> None:
        """Ask each path's file system and send what it says."""
        for path in self._paths:
            begun = time.monotonic()
            try:
                room = os.statvfs(path)
            except OSError as error:
                self._trouble(path, error.strerror or str(error))
                continue
            self._troubles.pop(path, None)
            mount = mount_of(path)
            space = Space(
                time=now,
                path=text.path(path),
                mount=text.path(mount.point),
                fstype=text.plain(mount.fstype, 40),
                free=room.f_bavail * room.f_frsize,
                total=room.f_blocks * room.f_frsize,
                inodes_free=room.f_favail,
                inodes_total=room.f_files,
                seconds=time.monotonic() - begun,
                read_only=bool(room.f_flag & os.ST_RDONLY),
            )
            self._tell_read_only(path, space)
            self._send(space)

    def wait(self, seconds: float) -> None:
        """Wait for the next look."""
        time.sleep(seconds)

    def _tell_read_only(self, path: str, space: Space) -> None:
        if space.read_only and path not in self._read_only:
            self._read_only.add(path)
            title = f"{space.mount} is mounted read-only: nothing more can be saved there"
            self._send(MachineEvent("read_only", space.time, title))
        elif not space.read_only:
            self._read_only.discard(path)

    def _trouble(self, path: str, why: str) -> None:
        if self._troubles.get(path) != why:
            self._troubles[path] = why
            self._send(Told("space", f"the file system of {text.path(path)} cannot be asked: {why}"))
