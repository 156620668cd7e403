"""Worker processes seen from the engine: started, listened to, replaced when they fall silent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

import msgspec

from runwatch.core import sample, text
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.prewarmed_worker import WORKER, PrewarmedWorker
from runwatch.watcher.processes.handover import handed
from runwatch.watcher.processes.pipe import HEADER
from runwatch.watcher.processes.process_adapter import Adopted
from runwatch.watcher.processes.starved import Starved
from runwatch.watcher.samplers import sampler
from runwatch.watcher.sources.patterns import wanted

DEADLINE = 20.0
"""Seconds without a sign of life after which a worker counts as stuck."""
GRACE = 3.0
"""Seconds more, in case it was ourselves who made no progress (a stopped terminal, a laptop asleep)."""
AWHILE = 1.0
"""Seconds between two looks at a silent process that waits for a processor."""
MAX_STARTS = 4
"""Starts in a row of one worker before its sources are given up as blind."""
HEALTHY = 60.0
"""Seconds of work after which earlier failures are forgotten."""
LIMIT = 1 << 20
"""Bytes of a child's output that are held until they are looked at."""
REAP = 1.0
"""Seconds in which a process that was killed is gone, if it can be killed."""
TURN = 0.01
"""Seconds of work after which others get their turn: a child may send without a pause."""
AGAIN = 120.0
"""Seconds until one that was given up is tried again, by an engine that is to run for months."""


_M = TypeVar("_M")


class Child(Generic[_M]):
    """One child process that sends length-prefixed messages, and its replacements."""

    deadline = DEADLINE

    def __init__(
        self, receive: Callable[[_M], None], notice: Callable[[str], None], give_up: Callable[[str], None]
    ) -> None:
        self._receive = receive
        self._notice = notice
        self._give_up = give_up
        self._process: asyncio.subprocess.Process | Adopted | None = None
        self._received = 0.0
        """When it sent something last."""
        self._renewed = False
        """Whether the newest process has an older setup than there is by now."""
        self.patient = False
        """Whether one that was replaced too often is tried again, later and ever again."""

    async def run(self) -> None:
        """Keep a child at work until it ends by itself or was replaced too often."""
        starts = 0
        while True:
            starts += 1
            begun = time.monotonic()
            try:
                if await self._listen() and not self._renewed:
                    return
                why = self._ended()
            except TimeoutError:
                why = self._silent()
            except (OSError, RuntimeError, MemoryError) as error:  # no process or thread is to be had
                why = f"could not be started ({text.plain(str(error), 120) or 'out of memory'})"
            finally:
                self.stop()
                await self._reap()
            if self._renewed:
                starts = 0
                continue
            self._blinded(why)
            if time.monotonic() - begun > HEALTHY:
                starts = 0
            if starts >= MAX_STARTS:
                self._give_up(self._lost(why))
                if not self.patient:
                    return
                await self._rest()
                starts = MAX_STARTS - 1
                continue
            self._notice(f"{self._title()} {why}; started again")
            await asyncio.sleep(2.0**starts - 1.0 if starts else 0.0)

    async def _reap(self) -> None:
        """Wait for the end of a process that was killed, but not for one stuck in the kernel."""
        if self._process is not None:
            ended = asyncio.ensure_future(self._process.wait())
            await asyncio.wait({ended}, timeout=REAP)
            ended.cancel()

    def renew(self) -> None:
        """Replace the child by one with the newest setup."""
        self._renewed = True
        self.stop()

    async def _rest(self) -> None:
        """Wait until another try makes sense: one stuck in the kernel must not be joined by more."""
        await asyncio.sleep(AGAIN)
        if self._process is not None:
            await self._process.wait()

    def _command(self) -> tuple[str, msgspec.Struct]:
        """Return the module to run and what is handed to it."""
        raise NotImplementedError

    def _decode(self, body: bytes) -> _M:
        raise NotImplementedError

    def _title(self) -> str:
        """Return what the child is called in a sentence."""
        raise NotImplementedError

    def _lost(self, why: str) -> str:
        """Return the sentence that says what cannot be seen any more."""
        return f"blind: {self._title()} {why}"

    def _blinded(self, why: str) -> None:
        """Say that nothing is seen until a replacement answers."""

    def _ended(self) -> str:
        return "ended unexpectedly"

    def _silent(self) -> str:
        return f"did not answer for {self.deadline:.0f} s"

    async def _listen(self) -> bool:
        """Start a process and pass on its messages; return True if it ended in good order."""
        self._renewed = False
        self._process = await self._start()
        if self._renewed:  # in the meantime
            self.stop()
        assert self._process.stdout is not None
        self._received = time.monotonic()
        listening = asyncio.create_task(self._pass_on(self._process.stdout))
        try:
            await self._until_silent(listening)
        finally:
            listening.cancel()
        return await self._process.wait() == 0

    async def _start(self) -> asyncio.subprocess.Process | Adopted:
        module, setup = self._command()
        with handed(setup) as descriptor:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                str(descriptor),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(descriptor,),
                limit=LIMIT,
            )

    async def _pass_on(self, reader: asyncio.StreamReader) -> None:
        """Take messages until the process closes its output."""
        turn = time.monotonic() + TURN
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(HEADER.size)
                body = await reader.readexactly(HEADER.unpack(head)[0])
                self._received = time.monotonic()
                self._take(self._decode(body))
                if time.monotonic() > turn:  # what is there already is read without waiting
                    await asyncio.sleep(0)
                    turn = time.monotonic() + TURN

    async def _until_silent(self, listening: asyncio.Task[None]) -> None:
        """Return when nothing more will come. Raises TimeoutError if nothing comes for too long.

        While the process waits for a processor, that is not too long: its work takes longer then.
        """
        assert self._process is not None
        while True:
            for seconds in (self._received + self.deadline - time.monotonic(), GRACE):
                received = self._received
                if (await asyncio.wait({listening}, timeout=max(0.0, seconds)))[0]:
                    return listening.result()
                if self._received != received:
                    break
            else:
                starved = Starved(self._process.pid)
                while self._received == received and starved.waits():
                    if (await asyncio.wait({listening}, timeout=AWHILE))[0]:
                        return listening.result()
                if self._received == received:
                    raise TimeoutError

    def _take(self, message: _M) -> None:
        """Pass on a message."""
        self._receive(message)

    def stop(self) -> None:
        """Kill the process if it can be killed; one stuck in the kernel is left behind."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


class Worker(Child[wire.Message]):
    """The child that reads some sources; a replacement continues where the last one was."""

    def __init__(
        self,
        setup: wire.Setup,
        receive: Callable[[wire.Message], None],
        notice: Callable[[str], None],
        give_up: Callable[[str], None],
        known: wire.Setup | None = None,
    ) -> None:
        """`known` holds what is known of the sources from before: where they are, what they are."""
        super().__init__(receive, notice, give_up)
        self._setup = setup
        self._opened: dict[str, bytes] = {}
        self._known = known or wire.Setup(())
        self._resume = dict(self._known.resume)
        self._members = dict(self._known.members)
        self.prewarmed: PrewarmedWorker | None = None
        """A process that waits for work, if there is one: it is the first that is used."""
        self.seen: float | None = None
        """Unix time until which what was written has been read, as far as its process has said."""

    async def _start(self) -> asyncio.subprocess.Process | Adopted:
        prewarmed, self.prewarmed = self.prewarmed, None
        setup = self._command()[1]
        if prewarmed is not None and prewarmed.given is None:
            prewarmed.give(setup)
        if prewarmed is not None and prewarmed.given == setup:
            return await Adopted.of(prewarmed.process, LIMIT)
        if prewarmed is not None:  # the configuration was changed in between
            prewarmed.drop()
        return await super()._start()

    def change(self, setup: wire.Setup) -> None:
        """Read with another setup from now on; what is read by both continues where it was."""
        if setup == self._setup:
            return
        for source, path in tuple(self._opened.items()):
            if not wanted(path, setup.paths, setup.exclude):
                del self._opened[source]
                self._resume.pop(source, None)
                self._members.pop(source, None)
        self._setup = setup
        self.renew()

    def _command(self) -> tuple[str, msgspec.Struct]:
        known, opened = self._known, bool(self._opened or self._resume)
        setup = msgspec.structs.replace(
            self._setup,
            paths=tuple(dict.fromkeys((*self._setup.paths, *self._opened.values()))),
            resume=self._resume,
            members=self._members,
            since=known.since,
            before=known.before,
            wait=self._setup.wait or opened,
        )
        return WORKER, setup

    def _decode(self, body: bytes) -> wire.Message:
        message: wire.Message = wire.decode(body)
        return message

    def _title(self) -> str:
        return f"the reader of {self._paths}"

    def _lost(self, why: str) -> str:
        return f"blind: {self._paths} cannot be read; the reader {why}"

    def _silent(self) -> str:
        return f"{super()._silent()} (check that its file system responds)"

    def _blinded(self, why: str) -> None:
        self.seen = None
        since = time.time() - (time.monotonic() - self._received)
        if self._opened or self._resume:  # else there is nothing that was seen
            self._receive(wire.Sight("", why, since, self._setup.paths))

    @property
    def _paths(self) -> str:
        return ", ".join(os.fsdecode(path).encode("utf-8", "replace").decode() for path in self._setup.paths)

    def _take(self, message: wire.Message) -> None:
        if isinstance(message, wire.Opened):
            self._opened[message.source] = message.path
            self._members.setdefault(message.source, message.member)
        elif isinstance(message, wire.Beat):
            self.seen = self.seen if message.seen is None else message.seen
        elif isinstance(message, wire.Dropped):
            for known in (self._opened, self._members, self._resume):
                known.pop(message.source, None)
        elif isinstance(message, wire.Read | wire.Looked) and message.resume is not None:
            self._resume[message.source] = message.resume
        self._receive(message)
        if isinstance(message, wire.Trouble) and message.fatal:
            self._blinded(f"ended: {message.message}")


class Sampler(Child[sample.Message]):
    """The child that samples one part of the machine. When it is stuck, that is reported as Blind."""

    def __init__(
        self, setup: sampler.Setup, receive: Callable[[sample.Message], None], notice: Callable[[str], None]
    ) -> None:
        super().__init__(receive, notice, lambda message: self._blind(message, final=True))
        self._setup = setup
        self._is_blind = False
        self._cause: Literal["silent", "crashed"] = "silent"
        self._say = notice
        self._notice = self._blind

    @property
    def name(self) -> str:
        """What it looks at, as in `Blind.sampler`."""
        return self._setup.kind

    def _command(self) -> tuple[str, msgspec.Struct]:
        return "runwatch.watcher.samplers.sampler", self._setup

    def _decode(self, body: bytes) -> sample.Message:
        return sampler.decode(body)

    def _title(self) -> str:
        return "the GPU sampler" if self._setup.kind == "gpu" else "the process and host sampler"

    def _ended(self) -> str:
        self._cause = "crashed"
        code = self._process.returncode if self._process is not None else None
        return "ended unexpectedly" + (f" (signal {-code})" if code is not None and code < 0 else "")

    def _silent(self) -> str:
        self._cause = "silent"
        hint = "is the NVIDIA driver stuck?" if self._setup.kind == "gpu" else "check the machine's memory"
        return f"{super()._silent()} ({hint})"

    def _take(self, message: sample.Message) -> None:
        """Pass on what was found; a mere sign of life has done its work by coming."""
        if isinstance(message, sample.Alive):
            return
        if self._is_blind:
            self._is_blind = False
            self._receive(sample.Sighted(self.name, time.time()))
        self._receive(message)

    def _blind(self, message: str, *, final: bool = False) -> None:
        self._is_blind = True
        self._receive(sample.Blind(self.name, time.time(), self._cause, message, final))
        self._say(message)
