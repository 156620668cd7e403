"""What is known of the machine under a run: a fold of what the samplers say.

Pure of I/O and clocks. Memory is bounded: the newest value of each name, and
for those that matter the means of the last hour on Unix time, not on steps,
since they continue when the run makes no progress.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from runwatch.core.sample import (
    Blind,
    Gpu,
    GpuProcesses,
    Gpus,
    Job,
    MachineEvent,
    Message,
    Process,
    Processes,
    Sample,
    SamplerNote,
    Sighted,
    Space,
    Stacks,
    process_key,
)

MAX_VALUES = 4096
"""Names of values that are kept."""
MAX_TRAILS = 256
MAX_SPACES = 32
KEPT = 3600.0
"""Seconds for which means of values are kept."""
KEPT_ROOM = 21600.0
"""Seconds for which the room of file systems is kept."""
MEAN, MEAN_ROOM = 10.0, 60.0
"""Seconds of which one mean is kept, of values and of the room of file systems."""
FRESH = 75.0
"""Seconds after which a value is too old to say how things are."""
SLOWED = 0x8 | 0x20 | 0x40 | 0x80
"""Throttle reasons that are no normal part of work: heat, power brake, hardware slowdown."""
_TRAILED = frozenset({
    "util", "sm_activity", "power", "memory_used", "temperature", "slowed",
    "cpu", "io_pressure", "memory_available", "cgroup_memory_used",
    "cores", "blocked", "workers_cores", "workers_blocked",
})  # fmt: skip
"""Last parts of names whose last hour is kept."""
_OWN = frozenset({"rank", "main"})


class Trail:
    """Means of one value over stretches of `period` seconds, those of the last `seconds`.

    However samples arrive, the same samples give the same means.
    """

    def __init__(self, period: float = MEAN, seconds: float = KEPT) -> None:
        self.period = period
        self._kept = round(seconds / period)
        self._times = array("d")
        self._means = array("d")
        self._stretch = float("-inf")
        self._sum = 0.0
        self._count = 0

    def add(self, time: float, value: float) -> None:
        """Take a value measured at Unix time `time`; one older than the newest stretch is ignored."""
        stretch = time // self.period
        if stretch < self._stretch:
            return
        if stretch > self._stretch:
            self._push()
            self._stretch, self._sum, self._count = stretch, 0.0, 0
        self._sum += value
        self._count += 1

    def _push(self) -> None:
        if not self._count:
            return
        self._times.append(self._stretch * self.period)
        self._means.append(self._sum / self._count)
        if len(self._times) >= 2 * self._kept:
            del self._times[: -self._kept], self._means[: -self._kept]

    def points(self, since: float = float("-inf")) -> list[tuple[float, float]]:
        """Return (Unix time, mean) of the stretches that began at `since` or later, oldest first."""
        first = bisect_left(self._times, since, max(0, len(self._times) - self._kept))
        found = list(zip(self._times[first:], self._means[first:], strict=True))
        if self._count and self._stretch * self.period >= since:
            found.append((self._stretch * self.period, self._sum / self._count))
        return found

    def window(self, now: float, seconds: float, covered: float = 0.8) -> list[float]:
        """Return the means of the last `seconds`; [] if less than `covered` of them was measured."""
        found = [mean for _, mean in self.points(now - seconds)]
        return found if len(found) * self.period >= covered * seconds else []


@dataclass(frozen=True, slots=True)
class Ended:
    """All processes of a run have ended."""

    time: float
    """Unix time of the last end."""
    exit_code: int | None
    """None if the kernel did not report it, or a signal ended it."""
    signal: int | None
    inferred: bool = False
    """Nobody saw it: there was no process any more."""


@dataclass
class Machine:
    """The machine under one run."""

    processes: tuple[Process, ...] = ()
    note: str = ""
    """Why no process is known."""
    gpus: tuple[Gpu, ...] = ()
    gpu_note: str = ""
    driver: str = ""
    spaces: dict[str, Space] = field(default_factory=dict)
    """Mount -> the newest look at its room."""
    rooms: dict[str, Trail] = field(default_factory=dict)
    """Mount -> its free bytes over the last hours."""
    trails: dict[str, Trail] = field(default_factory=dict)
    job: Job | None = None
    launch: str = ""
    """What the scheduler or the launcher calls the run on all its nodes, as last known."""
    blind: dict[str, Blind] = field(default_factory=dict)
    """Sampler -> why it sends nothing."""
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    computing: dict[str, dict[int, float]] = field(default_factory=dict)
    """GPU index -> pid -> bytes, as the driver reports."""
    ended: Ended | None = None
    stacks: Stacks | None = None
    """What its processes were doing when a person looked last."""
    nobody_on: str = ""
    """Name of the host on which no process has the run's files open; "" where that is not known."""
    _values: dict[str, tuple[float, float]] = field(default_factory=dict, repr=False)
    _alive: set[int] = field(default_factory=set, repr=False)
    """Ranks and main processes whose end was not reported."""
    _events: deque[MachineEvent] = field(default_factory=lambda: deque(maxlen=100), repr=False)
    _event_count: int = 0

    def fold(self, message: Message) -> None:
        """Take in a message."""
        if isinstance(message, Sample):
            self._take(message)
        elif isinstance(message, Processes):
            self._take_processes(message)
        elif isinstance(message, Gpus):
            self.gpus, self.driver, self.gpu_note = message.gpus, message.driver, message.note
        elif isinstance(message, GpuProcesses):
            lost = {gpu.index for gpu in self.gpus if gpu.state == "lost"}  # whose they were still counts
            self.computing = {i: p for i, p in self.computing.items() if i in lost} | message.pids
        elif isinstance(message, Space):
            self._take_space(message)
        elif isinstance(message, Job):
            self.job, self.launch = message, message.id
        elif isinstance(message, MachineEvent):
            self._take_event(message)
        elif isinstance(message, Blind):
            self.blind[message.sampler] = message
            if message.sampler == "machine":
                self._alive.clear()  # who ends meanwhile is not reported
        elif isinstance(message, Sighted):
            self.blind.pop(message.sampler, None)
        elif isinstance(message, Stacks):
            self.stacks = message
        elif isinstance(message, SamplerNote):
            self.notes.append(message.message)

    def history(self) -> Machine:
        """Return what a restart must not lose: measurements by time. Samplers say the rest again."""
        return Machine(rooms=self.rooms, trails=self.trails, launch=self.launch)

    # -- what others ask -------------------------------------------------------------------------

    def value(self, name: str, now: float, fresh: float = FRESH) -> float | None:
        """Return the newest value of `name`; None if there is none that is `fresh` seconds old at most."""
        time, value = self._values.get(name, (float("-inf"), 0.0))
        return value if now - time <= fresh else None

    def window(self, name: str, now: float, seconds: float) -> list[float]:
        """Return the means of a value over the last `seconds`; [] if it was not measured for long enough."""
        trail = self.trails.get(name)
        return [] if trail is None else trail.window(now, seconds)

    def events(self, after: int = 0) -> tuple[int, list[MachineEvent]]:
        """Return how many events there were ever, and those that came after the first `after`."""
        news = min(self._event_count - after, len(self._events))
        return self._event_count, list(self._events)[len(self._events) - news :] if news > 0 else []

    def own(self) -> Iterator[Process]:
        """Yield the processes that train: ranks, or the main one."""
        return (process for process in self.processes if process.role in _OWN)

    def gpus_of(self, process: Process) -> tuple[str, ...]:
        """Return the indices of the GPUs a process works on; empty if that is not known."""
        return gpus_of(process, self.computing, {gpu.uuid: gpu.index for gpu in self.gpus})

    def owned(self) -> tuple[str, ...]:
        """Return the indices of the run's GPUs, as far as known.

        A main process may leave all computing to children without ranks
        (`mp.spawn`): what the driver says of them counts before what it may use.
        """
        reported = [
            index
            for process in self.processes
            for index, pids in self.computing.items()
            if process.pid in pids
        ]
        ranked = any(process.role == "rank" for process in self.processes)
        own = () if reported and not ranked else self.own()
        found = [index for process in own for index in self.gpus_of(process)]
        return tuple(dict.fromkeys((*found, *reported)))

    def is_shared(self, index: str) -> bool:
        """Return whether the driver reports programs of others next to the run's on a GPU."""
        pids, ours = self.computing.get(index, {}).keys(), {process.pid for process in self.processes}
        return bool(pids & ours and pids - ours)

    def gpu(self, index: str) -> Gpu:
        """Return what is known of a GPU that does not change."""
        return next((gpu for gpu in self.gpus if gpu.index == index), Gpu(index))

    # -- inside ----------------------------------------------------------------------------------

    def _take(self, sample: Sample) -> None:
        for name, value in sample.values.items():
            self._keep(name, sample.time, value)
            if name.endswith("/throttle"):
                self._keep(name[: -len("throttle")] + "slowed", sample.time, float(int(value) & SLOWED != 0))

    def _keep(self, name: str, time: float, value: float) -> None:
        if name not in self._values and len(self._values) >= MAX_VALUES:
            return
        self._values[name] = time, value
        if name.rpartition("/")[2] not in _TRAILED:
            return
        if name not in self.trails:
            if len(self.trails) >= MAX_TRAILS:
                return
            self.trails[name] = Trail()
        self.trails[name].add(time, value)

    def _take_processes(self, message: Processes) -> None:
        self.processes, self.note, self.nobody_on = message.processes, message.note, message.nobody_on
        known = {process.pid for process in self.own()}
        self._alive |= known
        if known:
            self.ended = None
        if known and self.job is None:
            self.launch = next((process.job for process in self.processes if process.job), "")
        keys = {process_key(process) for process in self.processes}
        for name in {*self._values, *self.trails}:
            if name.startswith("proc/") and name.split("/")[1] not in keys:
                self._values.pop(name, None)
                self.trails.pop(name, None)

    def _take_event(self, event: MachineEvent) -> None:
        self._events.append(event)
        self._event_count += 1
        if event.kind != "process_died" or event.pid not in self._alive:
            return
        self._alive.discard(event.pid)
        self.processes = tuple(process for process in self.processes if process.pid != event.pid)
        if not self._alive:
            self.ended = Ended(event.time, event.exit_code, event.signal)

    def _take_space(self, space: Space) -> None:
        if space.mount not in self.spaces and len(self.spaces) >= MAX_SPACES:
            return
        self.spaces[space.mount] = space
        self.rooms.setdefault(space.mount, Trail(MEAN_ROOM, KEPT_ROOM)).add(space.time, float(space.free))


def gpus_of(
    process: Process, computing: Mapping[str, Collection[int]], uuids: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the GPU indices a process works on; empty if that is not known.

    `computing` is GPU index -> pids, from the driver, and is believed first. Else
    the process has the only device it was allowed, or the one of its local rank.
    `uuids` is GPU UUID -> index; CUDA takes any unambiguous beginning of one.
    """
    found = tuple(index for index, pids in computing.items() if process.pid in pids)
    if found or process.role not in _OWN:
        return found
    allowed = process.gpus
    if process.local_rank is not None and allowed is not None and process.local_rank < len(allowed) > 1:
        allowed = (allowed[process.local_rank],)
    if allowed is None and process.local_rank is not None:
        allowed = (str(process.local_rank),)
    indices = [_index(word, uuids or {}) for word in allowed or ()]
    return tuple(filter(None, indices)) if all(indices) else ()


def _index(word: str, uuids: Mapping[str, str]) -> str:
    """Return the index that an entry of CUDA_VISIBLE_DEVICES means, "" if that is not known."""
    if word.isdecimal():
        return word
    fitting = [index for uuid, index in uuids.items() if word and uuid.startswith(word)]
    return fitting[0] if len(fitting) == 1 else ""
