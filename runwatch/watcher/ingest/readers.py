"""The workers of an engine: one for each mount that holds something to watch."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence

import msgspec

from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.prewarmed_worker import PrewarmedWorker
from runwatch.watcher.ingest.workers import Worker
from runwatch.watcher.sources.member import SCHEME
from runwatch.watcher.sources.mounts import mount_of


class Readers:
    """Starts workers for what is to be watched, and hands them changes of that."""

    def __init__(
        self,
        receive: Callable[[wire.Message], None],
        notice: Callable[[str], None],
        give_up: Callable[[str], None],
        *,
        patient: bool = False,
        known: Callable[[wire.Setup], wire.Setup] = lambda setup: setup,
        prewarmed: PrewarmedWorker | None = None,
    ) -> None:
        """Make ready to `want`. With `patient`, what cannot be read is tried forever.

        `known` returns a setup with what is known of its sources from before. `prewarmed` is a worker
        that waits for work.
        """
        self._known, self._prewarmed = known, prewarmed
        self._receive, self._notice, self._give_up = receive, notice, give_up
        self._patient = patient
        self._workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}

    def want(self, paths: Sequence[bytes], setup: wire.Setup) -> None:
        """Read these paths from now on and no others, each mount's in a process of its own.

        `setup` says how. A worker whose setup changes is replaced and continues where it was.
        """
        mounts = by_mount(paths)
        for mount in self._workers.keys() - mounts.keys():
            worker, task = self._workers.pop(mount)
            task.cancel()
            worker.stop()
        for mount, here in mounts.items():
            wanted = msgspec.structs.replace(setup, paths=here)
            known = self._workers.get(mount)
            if known is not None and not known[1].done():
                known[0].change(wanted)
            else:
                self._start(mount, wanted)

    def _start(self, mount: str, setup: wire.Setup) -> None:
        worker = Worker(setup, self._receive, self._notice, self._give_up, self._known(setup))
        worker.patient = self._patient
        worker.prewarmed, self._prewarmed = self._prewarmed, None
        self._workers[mount] = worker, asyncio.create_task(worker.run())

    def seen(self, now: float) -> float:
        """Return the Unix time until which what was written has been read: a second before `now`, or earlier.

        So it is on a busy machine. A reader that failed, or was given up, is blind, not late.
        """
        known = [worker.seen for worker, task in self._workers.values() if worker.seen and not task.done()]
        return min([now, *known])

    async def stop(self) -> None:
        """End all of them."""
        running, self._workers = list(self._workers.values()), {}
        for worker, task in running:
            task.cancel()
            worker.stop()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)


def by_mount(paths: Iterable[bytes]) -> dict[str, tuple[bytes, ...]]:
    """Group paths by the mount they are on, without touching them."""
    groups: dict[str, list[bytes]] = {}
    for path in dict.fromkeys(paths):
        name = os.fsdecode(path)
        away = name == "-" or name.startswith(SCHEME)  # neither may hold up what is on a disk
        point = name if away else mount_of(os.path.abspath(name)).point
        groups.setdefault(point, []).append(path)
    return {point: tuple(group) for point, group in groups.items()}
