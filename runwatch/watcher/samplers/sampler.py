"""A disposable process that samples one part of the machine.

A driver, a mount or a process under pressure can hang or crash whoever asks
about it, so only this process does, one for each kind. It sends values, events
and signs of life to the engine as worker.py does, and runs niced.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from typing import Protocol

import msgspec

from runwatch.core.sample import Alive, Kind, Message, SamplerNote
from runwatch.watcher.processes.handover import taken
from runwatch.watcher.processes.pipe import Pipe

BEAT = 5.0
"""Seconds between signs of life."""
EVERY = 2.0
"""Seconds between looks while somebody watches."""
CALM = 5.0
"""Seconds between looks of a daemon. The end of a process is reported at once."""


class Setup(msgspec.Struct, frozen=True):
    """What a sampler is to look at."""

    kind: Kind
    paths: tuple[bytes, ...] = ()
    """machine: the logs, or b"pipe:[N]"; space, for the doctor: where room is wanted."""
    pids: tuple[int, ...] = ()
    """machine: processes a user named; then no log is looked for."""
    interval: float = EVERY
    """Seconds between looks."""
    slow: float = 10.0
    """gpu: seconds between looks at what costs more: temperatures, clocks, errors, activity."""
    rare: float = 30.0
    """gpu: seconds between looks at what costs most: links."""
    rooms: tuple[bytes, ...] = ()
    """machine: where room is wanted, one path per mount; asked from threads of the same process."""


ROOM_EVERY = 30.0
"""Seconds between looks at the room on a file system."""


def machine_setup(paths: Sequence[bytes], pids: Sequence[int] = (), interval: float = EVERY) -> Setup:
    """Return what to sample for some logs: their processes, the host, and room on each mount they are on.

    Standard input ("-") means its pipe, if it is one. Nothing of the
    paths is touched.
    """
    from runwatch.watcher.sources.mounts import mount_of

    logs, rooms = [], dict[str, bytes]()
    for path in paths:
        if path == b"-":
            with contextlib.suppress(OSError):
                target = os.readlink("/proc/self/fd/0")
                logs += [os.fsencode(target)] if target.startswith("pipe:") else []
            continue
        full = os.path.abspath(path)
        logs.append(full)
        rooms.setdefault(mount_of(os.fsdecode(full)).point, os.path.dirname(full))
    return Setup("machine", tuple(logs), tuple(pids), interval, rooms=tuple(rooms.values()))


class Sampler(Protocol):
    """What runs in the process."""

    def sample(self, now: float) -> None:
        """Look once and send what is found."""

    def wait(self, seconds: float) -> None:
        """Wait for the next look, at most `seconds`."""


_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def decode(body: bytes) -> Message:
    """Return the message in `body`. Raises msgspec.DecodeError."""
    return _decoder.decode(body)


def make(setup: Setup, send: Pipe[Message]) -> Sampler:
    """Return the sampler of a kind."""
    if setup.kind == "gpu":
        from runwatch.watcher.samplers.gpu import GpuSampler

        return GpuSampler(send, slow=setup.slow, rare=setup.rare)
    if setup.kind == "space":
        from runwatch.watcher.samplers.space import SpaceSampler

        return SpaceSampler([os.fsdecode(path) for path in setup.paths], send)
    from runwatch.watcher.samplers.machine import Machine
    from runwatch.watcher.sources.mounts import resolved

    targets = [os.fsdecode(path) for path in setup.paths]
    logs = [target if target.startswith("pipe:") else resolved(target) for target in targets]
    machine = Machine(logs, send, pids=setup.pids)
    if not setup.rooms:
        return machine
    from runwatch.watcher.samplers.space import Rooms, Together

    return Together(machine, Rooms([os.fsdecode(path) for path in setup.rooms], send, ROOM_EVERY))


def watch(sampler: Sampler, send: Pipe[Message], interval: float) -> None:
    """Sample forever; what cannot be looked at is reported once, and the rest continues."""
    reported = ""
    while not getattr(sampler, "hopeless", False):
        due = time.monotonic() + interval
        try:
            sampler.sample(time.time())
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            if str(error) != reported:
                reported = str(error)
                send(SamplerNote("", f"a look at the machine failed: {reported}"))
        send(Alive())
        while (left := due - time.monotonic()) > 0:
            sampler.wait(min(left, BEAT))
            send(Alive())


def main() -> None:
    """Run as a sampler: its argument names the descriptor of the setup, messages go to standard output."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(10)
    setup = taken(sys.argv[1], Setup)
    send = Pipe(os.dup(1), _encode)
    os.dup2(2, 1)  # a stray print must not break the stream
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):  # the engine is gone: no reason to be
        send(Alive())
        watch(make(setup, send), send, setup.interval)
    os._exit(0)  # what a library does at exit can hang or crash in a sick driver


if __name__ == "__main__":
    main()
