"""Which samplers run: one process per watched group for its processes, host and room, one for all GPUs."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from runwatch.core.sample import Blind, Gpus, Message, Process
from runwatch.watcher.engine import stacks
from runwatch.watcher.ingest.workers import Sampler
from runwatch.watcher.samplers import sampler

MAX_GROUPS = 4
"""Groups whose processes are looked at, those written last; each costs a process."""
MAX_PATHS = 256
"""Logs of one group by which processes are found."""
SETTLE = 5.0
"""Seconds for which the set of a group's logs must not change before its sampler starts again."""
PAUSE = 5.0
"""Seconds for which the place of a group that needs no sampler any more stays free: of a thousand silent
runs each is looked at once, and each look costs the start of a process."""
LIBRARY = "libnvidia-ml.so.1"
_PLACES = (
    "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib64",
    "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib", "/run/opengl-driver/lib",
)  # fmt: skip

Receive = Callable[[str, Message], None]


class Samplers:
    """Starts samplers as groups come, and stops them all at the end."""

    def __init__(
        self,
        receive: Receive,
        notice: Callable[[str], None],
        pids: Sequence[int] = (),
        every: float = sampler.EVERY,
    ) -> None:
        """`every`: seconds between two looks."""
        self._every = every
        self._receive = receive
        self._notice = notice
        self._pids = tuple(pids)
        self._machines: dict[str, tuple[frozenset[bytes], Sampler, asyncio.Task[None]]] = {}
        self._former: dict[str, tuple[Sampler, asyncio.Task[None]]] = {}
        """Group -> its sampler before this one, until this one has seen something: no death falls between."""
        self._changed: dict[str, tuple[frozenset[bytes], float]] = {}
        """Group -> logs it has now, and since when."""
        self._left: list[float] = []
        """When groups left whose places are not taken again yet."""
        self._gpu: tuple[Sampler, asyncio.Task[None]] | None = None
        self._gpus: Gpus | None = None
        """What the GPU sampler said last, for groups that come later."""
        self._looks: dict[str, asyncio.Task[None]] = {}
        """Group -> the look at its stacks that is under way."""

    def want(self, groups: Mapping[str, Iterable[bytes]]) -> None:
        """Watch the machine under these groups (the newest first), as far as it is not watched yet."""
        now = time.monotonic()
        for group in self._machines.keys() - groups.keys():
            _, child, task = self._machines.pop(group)
            _end(child, task)
            self._relieve(group)
            self._left.append(now)
        self._left = [at for at in self._left if now - at < PAUSE]
        for group, found in groups.items():
            paths = frozenset(sorted(found)[:MAX_PATHS])
            if group in self._machines:
                self._renew(group, paths)
            elif paths and len(self._machines) + len(self._left) < MAX_GROUPS:
                self._start(group, paths)
                if self._gpus is not None:
                    self._receive(group, self._gpus)
        if self._machines and self._gpu is None and self._gpus is None:
            self._start_gpus()

    def look_closer(self, group: str, processes: Sequence[Process]) -> None:
        """Find out where processes are in their code, unless that is under way."""
        running = self._looks.get(group)
        if running is None or running.done():
            self._looks[group] = asyncio.create_task(self._look(group, processes))

    async def stop(self) -> None:
        """End all of them."""
        running = [(child, task) for _, child, task in self._machines.values()]
        running += [*self._former.values(), *([self._gpu] if self._gpu is not None else [])]
        for child, task in running:
            _end(child, task)
        for look in self._looks.values():
            look.cancel()
        tasks = [*(task for _, task in running), *self._looks.values()]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, group: str, processes: Sequence[Process]) -> None:
        self._receive(group, await stacks.look(processes))

    def _renew(self, group: str, paths: frozenset[bytes]) -> None:
        """Look for the processes of more logs, once no more of them turn up."""
        known, child, task = self._machines[group]
        now = time.monotonic()
        if paths == known or self._pids:
            return
        if self._changed.get(group, (known, now))[0] != paths:
            self._changed[group] = paths, now
        elif now - self._changed[group][1] >= SETTLE:
            self._relieve(group)
            self._former[group] = child, task
            self._start(group, paths)

    def _start(self, group: str, paths: frozenset[bytes]) -> None:
        child = Sampler(
            sampler.machine_setup(sorted(paths), self._pids, self._every),
            lambda message: self._take(group, child, message),
            self._notice,
        )
        self._machines[group] = paths, child, asyncio.create_task(child.run())

    def _take(self, group: str, child: Sampler, message: Message) -> None:
        """Pass on what a sampler of a group found; once the newest sees something, the one before is done."""
        if group in self._machines and self._machines[group][1] is child and not isinstance(message, Blind):
            self._relieve(group)
        self._receive(group, message)

    def _relieve(self, group: str) -> None:
        """End the sampler that a group had before this one."""
        if group in self._former:
            _end(*self._former.pop(group))

    def _start_gpus(self) -> None:
        if not has_driver():
            self._take_gpu(Gpus(time.time(), (), note="no NVIDIA GPU"))
            return
        child = Sampler(sampler.Setup("gpu", interval=self._every), self._take_gpu, self._notice)
        self._gpu = child, asyncio.create_task(child.run())

    def _take_gpu(self, message: Message) -> None:
        self._gpus = message if isinstance(message, Gpus) else self._gpus
        for group in self._machines:
            self._receive(group, message)


def _end(child: Sampler, task: asyncio.Task[None]) -> None:
    """End a sampler and what keeps it."""
    task.cancel()
    child.stop()


def has_driver() -> bool:
    """Return whether there are signs of an NVIDIA driver; nothing of it is loaded or asked."""
    if os.path.exists("/proc/driver/nvidia") or os.path.exists("/dev/nvidiactl"):
        return True
    places = [*filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")), *_PLACES]
    return any(os.path.exists(os.path.join(place, LIBRARY)) for place in places)
