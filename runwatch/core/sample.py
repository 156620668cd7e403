"""What the samplers say about the machine under a run: timed values, processes, GPUs, and what befell them.

This is also the wire form between a sampler's worker and the engine. Names of
values: `gpu/<index>/<what>` (a MIG slice is `gpu/<index>:<slice>/<what>`),
`host/<what>`, and `proc/<key>/<what>` with `process_key` as the key. A value
that cannot be had is left out; it is never a guess and never NaN.

Units: bytes, seconds, hertz, watts, degrees Celsius, fractions in
[0, 1], flags of 0 or 1, counts. What is read or written, by a process, a disk or
the net, is in bytes a second; `cores` in CPU seconds a second.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["machine", "gpu", "space"]
"""Which sampler: processes and host, NVIDIA GPUs, or the file system of one mount."""

Role = Literal["rank", "main", "launcher", "shell", "worker", "filter"]
"""A rank's process; the writer of a run without ranks; what started ranks; a shell
around them; a helper below them (data loader); what only passes the log on (tee)."""

State = Literal["running", "sleeping", "blocked", "stopped", "zombie", "gone"]
"""`blocked` is uninterruptible sleep (D): waiting for a disk, a mount or a driver."""

THROTTLE_REASONS = {
    0x1: "idle",
    0x2: "clocks set by a user",
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "too hot (driver)",
    0x40: "too hot (hardware)",
    0x80: "power brake",
    0x100: "display clocks",
}
"""Bits of `gpu/<i>/throttle`. Idle and power cap are normal and no reason to alarm."""


class Sample(msgspec.Struct, frozen=True, tag="sample"):
    """Values measured at one moment."""

    time: float
    """Unix time."""
    values: dict[str, float]


class Process(msgspec.Struct, frozen=True):
    """One process of a run."""

    pid: int
    started: float
    """Unix time; together with the pid this is its identity."""
    role: Role
    command: str
    """Program and script, never the arguments."""
    state: State
    parent: int
    rank: int | None = None
    local_rank: int | None = None
    world_size: int | None = None
    gpus: tuple[str, ...] | None = None
    """CUDA_VISIBLE_DEVICES when it was started; None if not set."""
    waits: str = ""
    """What a process that does not run waits for, as far as the kernel shows it: "read of /data/x.tar"."""
    job: str = ""
    """What its launcher calls the run on all its nodes; "" if it does not say."""


class Processes(msgspec.Struct, frozen=True, tag="processes"):
    """The processes of a run as they are now; sent when something about them changed."""

    time: float
    processes: tuple[Process, ...]
    note: str = ""
    """Why none or not all are known; "" if nothing is missing."""
    nobody_on: str = ""
    """This host's name, if all its processes were looked at and none has the run's files open."""


class Gpu(msgspec.Struct, frozen=True):
    """What does not change about a GPU, and whether it can be watched."""

    index: str
    """As in value names: "3", or "3:1" for a MIG slice."""
    uuid: str = ""
    name: str = ""
    bus: str = ""
    """PCI address, as Xid messages in the kernel's log have it."""
    state: Literal["ok", "denied", "lost"] = "ok"
    measure: Literal["sm_activity", "util", "power", ""] = ""
    """Which value shows best how busy it is; `util` only says that some kernel ran."""


class Gpus(msgspec.Struct, frozen=True, tag="gpus"):
    """The GPUs; sent at the start and when the state of one changes."""

    time: float
    gpus: tuple[Gpu, ...]
    driver: str = ""
    note: str = ""
    """Why there are none or not all; "" if nothing is missing."""


class GpuProcesses(msgspec.Struct, frozen=True, tag="gpu_processes"):
    """Which processes compute on which GPU. In a container the pids may be those of the host."""

    time: float
    pids: dict[str, dict[int, float]]
    """GPU index -> pid -> bytes of its memory in use (0 if unknown)."""


class MachineEvent(msgspec.Struct, frozen=True, tag="event"):
    """Something that happened at one moment."""

    kind: Literal["process_died", "oom_kill", "gpu_lost", "gpu_back", "xid", "ecc", "read_only"]
    time: float
    title: str
    """One line of plain text."""
    pid: int | None = None
    rank: int | None = None
    role: Role | None = None
    gpu: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    """Exit code and signal are both None if the kernel does not report it: unknown, not failed."""
    xid: int | None = None
    oom: bool | None = None
    """Whether the kernel's out-of-memory killer did it; None if that cannot be known."""


class Space(msgspec.Struct, frozen=True, tag="space"):
    """Room on the file system of one watched path."""

    time: float
    path: str
    mount: str
    fstype: str
    free: int
    """Bytes an ordinary user may still write."""
    total: int
    inodes_free: int
    inodes_total: int
    """0 where the file system does not count them."""
    seconds: float
    """How long the file system took to answer."""
    read_only: bool = False


class Job(msgspec.Struct, frozen=True, tag="job"):
    """The scheduler's job a run belongs to."""

    time: float
    id: str
    state: str = ""
    deadline: float | None = None
    """Unix time at which the scheduler ends it; None if it has no limit or that is not known."""
    name: str = ""


class Blind(msgspec.Struct, frozen=True, tag="blind"):
    """A sampler stopped answering; said by whoever supervises it."""

    sampler: str
    """What it looked at: "machine", "gpu", or "space /mount"."""
    time: float
    cause: Literal["silent", "crashed"]
    message: str
    final: bool
    """Whether no replacement is tried any more."""


class Sighted(msgspec.Struct, frozen=True, tag="sighted"):
    """A sampler that was blind answers again."""

    sampler: str
    time: float


class SamplerNote(msgspec.Struct, frozen=True, tag="told"):
    """A sentence for people: what cannot be seen here, said once."""

    sampler: str
    message: str


class Stack(msgspec.Struct, frozen=True):
    """Where the main thread of one process is."""

    pid: int
    frames: tuple[str, ...] = ()
    """"all_reduce (distributed.py:2806)", the innermost first."""
    why: str = ""
    """Why they are not known; "" if they are."""


class Stacks(msgspec.Struct, frozen=True, tag="stacks"):
    """Where the processes of a run are; looked at only if a person asked for it."""

    time: float
    stacks: tuple[Stack, ...]


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """The sampler works and every call has returned."""


Message = (
    Sample
    | Processes
    | Gpus
    | GpuProcesses
    | MachineEvent
    | Space
    | Job
    | Blind
    | Sighted
    | SamplerNote
    | Stacks
    | Alive
)


def process_key(process: Process) -> str:
    """Return the key of a process in value names: its rank, or "pid4711" without one."""
    if process.rank is not None and process.role == "rank":
        return str(process.rank)
    return f"pid{process.pid}"


def throttle_reasons(bits: float) -> tuple[str, ...]:
    """Return what the bits of `gpu/<i>/throttle` mean."""
    return tuple(words for bit, words in THROTTLE_REASONS.items() if int(bits) & bit)
