"""What surrounds a synthetic run besides its log: the machine, checkpoints on a disk, a deadline.

A world is made for a run whose lines are already there, so that GPUs rest where the run
pauses and checkpoints are written where it says so. Times are seconds since the start.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.detection.trace import Floats, Trace, log_uniform
from runwatch.core.checkpoint import Checkpoint, Look, State
from runwatch.core.sample import Gpu, Gpus, Message, Process, Processes, Sample, Space

GPUS = 2
GB = 1e9
Change = Callable[[float, dict[str, float]], None]
"""Changes the values measured so many seconds after the onset."""


@dataclass
class World:
    """The surroundings of one run."""

    trace: Trace
    begin: float
    """Unix time at which the run began."""
    every: float = 10.0
    """Seconds between two samples."""
    machine: bool = False
    """Whether anybody looks at the machine."""
    onset: float = np.inf
    change: Change | None = None
    """What is different from `onset` on."""
    events: list[tuple[float, Message]] = field(default_factory=list)
    free: Callable[[float], float] = lambda t: 4000 * GB
    """Free bytes of the disk."""
    read_only: float = np.inf
    slow: float = np.inf
    """When the file system begins to take long to answer."""
    checkpoints: list[Checkpoint] = field(default_factory=list)
    room: Callable[[float], float] | None = None
    """Free bytes where checkpoints go, as the look at their directory tells."""
    deadline: float | None = None
    _times: Floats = field(default_factory=lambda: np.empty(0))
    _pause: Floats = field(default_factory=lambda: np.empty(0))
    _reported: int = 0
    _looked: int = 0

    def __post_init__(self) -> None:
        wait = self.trace.wait
        self._times = np.cumsum(wait)
        self._pause = wait > 1.8 * self.trace.columns["seconds"] * self.trace.every
        self._level = self.trace.rng.uniform(0.75, 0.98)
        self._noise = np.random.default_rng(self.trace.rng.integers(1 << 31))

    def moment(self, row: int) -> float:
        """Return when a row is printed."""
        return float(self._times[min(row, len(self._times) - 1)])

    def messages(self, t: float) -> list[Message]:
        """Return what the samplers say at `t`."""
        out: list[Message] = []
        if self.machine and t <= self.every:
            out += [Processes(self.begin, self.processes()), self.gpus()]
        if self.machine:
            out += [Sample(self.begin + t, self._values(t)), self._space(t)]
        due = bisect.bisect_right([at for at, _ in self.events], t)
        out += [message for _, message in self.events[self._reported : due]]
        self._reported = max(self._reported, due)
        return out

    def look(self, t: float) -> Look | None:
        """Return what a look at the checkpoints gives, if anything is new."""
        known = [c for c in self.checkpoints if (c.written or 0) <= self.begin + t]
        if len(known) == self._looked:
            return None
        fresh, self._looked = known[self._looked :], len(known)
        room = None if self.room is None else int(self.room(t))
        return Look("out", tuple(fresh), present=len(known), free=room)

    def processes(self, *states: str) -> tuple[Process, ...]:
        """Return one rank for each GPU."""
        return tuple(
            Process(100 + i, self.begin - 60, "rank", "python train.py", "running", 1, rank=i, local_rank=i)
            for i in range(GPUS)
        )

    def gpus(self, *states: str) -> Gpus:
        """Return the GPUs, well or in the `states` given."""
        return Gpus(
            self.begin,
            tuple(
                Gpu(str(i), state=states[i] if i < len(states) else "ok", measure="util") for i in range(GPUS)
            ),
        )

    def _values(self, t: float) -> dict[str, float]:
        row = int(np.searchsorted(self._times, t))
        rests = row >= len(self._pause) or bool(self._pause[row])
        noise = self._noise
        cycle = (t / 900.0) % 1.0  # caches grow and are dropped
        values = {
            "host/cpu": 0.35 + 0.1 * noise.random(),
            "host/io_pressure": 0.02 * noise.random(),
            "host/io_pressure_60": 0.02,
            "host/memory_available": (300 - 80 * cycle) * GB,
            "host/memory_total": 1000 * GB,
        }
        for i in range(GPUS):
            util = np.clip((0.15 if rests else self._level) + 0.04 * noise.normal(), 0, 1)
            values |= {
                f"gpu/{i}/util": float(util),
                f"gpu/{i}/power": 150 + 500 * float(util),
                f"gpu/{i}/power_limit": 700.0,
                f"gpu/{i}/temperature": 66 + 3 * noise.normal(),
                f"gpu/{i}/memory_used": (61 + 3 * noise.random()) * GB,
                f"gpu/{i}/memory_total": 80 * GB,
                f"gpu/{i}/sm_clock": 1.7e9,
                f"gpu/{i}/sm_clock_max": 1.98e9,
                f"gpu/{i}/throttle": 4.0,
                f"gpu/{i}/ecc_uncorrected": 2.0,
                f"proc/{i}/cores": 1.0 if rests else 0.8 + 0.1 * noise.random(),
                f"proc/{i}/blocked": float(rests and noise.random() < 0.3),
                f"proc/{i}/workers": 4.0,
                f"proc/{i}/workers_cores": 1.5 + 0.5 * noise.random(),
                f"proc/{i}/workers_blocked": float(noise.random() < 0.05),
            }
        if self.change is not None and t >= self.onset:
            self.change(t - self.onset, values)
        return values

    def _space(self, t: float) -> Space:
        answer = 8.0 if t >= self.slow else 0.01
        free = int(max(0.0, self.free(t)))
        return Space(
            self.begin + t,
            "out",
            "/out",
            "ext4",
            free,
            int(8000 * GB),
            10**8,
            10**9,
            answer,
            t >= self.read_only,
        )


def last(trace: Trace, hours: tuple[float, float]) -> None:
    """Make the run last for about as long as one of `hours`, and print nothing about checkpoints."""
    factor = log_uniform(trace.rng, *hours) * 3600 / float(trace.wait.sum())
    trace.wait *= factor
    trace.columns["seconds"] *= factor
    trace.columns["tokens"] /= factor


def saved(world: World, row: int, part: float = 1.0, state: State = State.COMPLETE, reason: str = "") -> None:
    """Put a checkpoint on the disk that was made before `row`: `part` of the usual 10 GB."""
    when, step = world.begin + world.moment(row) - 1.0, world.trace.step(row - 1)
    size = int(10 * GB * part * (1 + 0.002 * world.trace.rng.random()))
    world.checkpoints.append(
        Checkpoint(
            f"c{step}-{row}", f"out/step_{step}", "dcp", state, reason, step, None, size, 4, when - 20.0, when
        )
    )


def quiet(trace: Trace) -> None:
    """Print nothing about checkpoints: only their directory tells."""
    for row, lines in trace.before.items():
        trace.before[row] = [line for line in lines if "checkpoint" not in line]
