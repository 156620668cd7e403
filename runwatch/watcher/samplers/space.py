"""Room on the file system of watched paths. A dead mount never answers: only for a process of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from runwatch.core import text
from runwatch.core.sample import Blind, MachineEvent, Message, SamplerNote, Sighted, Space
from runwatch.watcher.sources.mounts import mount_of

if TYPE_CHECKING:
    from runwatch.watcher.samplers.machine import Machine

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
            self._send(space)
            self._report_read_only(path, space)

    def wait(self, seconds: float) -> None:
        """Wait for the next look."""
        time.sleep(seconds)

    def _report_read_only(self, path: str, space: Space) -> None:
        if space.read_only and path not in self._read_only:
            self._read_only.add(path)
            title = f"{space.mount} is mounted read-only: nothing more can be saved there"
            self._send(MachineEvent("read_only", space.time, title))
        elif not space.read_only:
            self._read_only.discard(path)

    def _trouble(self, path: str, why: str) -> None:
        if self._troubles.get(path) != why:
            self._troubles[path] = why
            self._send(SamplerNote("space", f"the file system of {text.path(path)} cannot be asked: {why}"))


class Rooms:
    """Room on several mounts, asked from threads: one that never answers holds up nobody else."""

    def __init__(self, paths: Sequence[str], send: Send, every: float, deadline: float = 20.0) -> None:
        self._send = send
        self._deadline = deadline
        self._asked: dict[str, float | None] = {}
        """Path -> when its file system was asked, None once it has answered."""
        self._blind: set[str] = set()
        for path in paths:
            threading.Thread(target=self._ask, args=(path, every), daemon=True).start()

    def sample(self, now: float) -> None:
        """Report which mounts do not answer, and which do again."""
        for path, asked in list(self._asked.items()):
            name = f"space {text.path(path)}"
            if asked is None and path in self._blind:
                self._blind.discard(path)
                self._send(Sighted(name, now))
            elif asked is not None and path not in self._blind and now - asked > self._deadline:
                self._blind.add(path)
                message = f"blind: the file system of {text.path(path)} does not answer"
                self._send(Blind(name, now, "silent", message, final=False))

    def _ask(self, path: str, every: float) -> None:
        sampler = SpaceSampler([path], self._send)
        while True:
            self._asked[path] = time.time()
            try:
                sampler.sample(time.time())
            except BrokenPipeError:
                return
            self._asked[path] = None
            time.sleep(every)


class Together:
    """A sampler of the machine that also measures free space."""

    def __init__(self, machine: Machine, rooms: Rooms) -> None:
        self._machine = machine
        self._rooms = rooms

    def sample(self, now: float) -> None:
        """Look once."""
        self._machine.sample(now)
        self._rooms.sample(now)

    def wait(self, seconds: float) -> None:
        """Wait for the next look; a death is reported at once."""
        self._machine.wait(seconds)
