"""The link to one daemon: its socket here, or `ssh HOST runwatch bridge`; made again when it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shlex
import socket
import time
from collections.abc import Callable, Sequence

from runwatch import __version__
from runwatch.core.errors import DaemonError, EngineError
from runwatch.core.snapshot import Snapshot
from runwatch.core.text import plain
from runwatch.render import numbers
from runwatch.watcher import protocol
from runwatch.watcher.processes.waiting import within
from runwatch.watcher.service import sockets

HERE = "."
"""Name of the host that is this one."""
NOTHING = "\x1f"
"""Id that no run has: asks for the list of runs alone."""
SLOW = 2.0
"""Seconds between pictures of hosts whose runs are only listed."""
SILENT = 15.0
"""Seconds without a word after which a link is broken: a daemon speaks every second or two."""
PATIENCE = 30.0
"""Seconds a host has to answer."""
PROMPT = 180.0
"""Seconds it has the first time, when ssh may ask for a password."""
FIRST, LONGEST = 1.0, 30.0
"""Seconds until the second try, and the most between two."""


class Host:
    """One host: what it said last, and whether it can be reached."""

    def __init__(
        self,
        name: str,
        ssh: Sequence[str],
        remote: str,
        receive: Callable[[Host, protocol.Reply], None],
        changed: Callable[[Host], None],
    ) -> None:
        self.name = name
        self.live = False
        self.tried = asyncio.Event()
        """Set once it answered or could not be reached."""
        self.reason = ""
        """Why it cannot be reached."""
        self.stopped = False
        """No daemon runs there, rather than that the way to it is broken."""
        self.snapshot: Snapshot | None = None
        self.received = time.monotonic()
        """When it said something last, by the monotonic clock."""
        self.engine = ("", 0)
        """Machine and process of its daemon."""
        self._ssh, self._remote = ssh, remote
        self._receive, self._changed = receive, changed
        self._view: protocol.View | None = None
        self._follow: protocol.Follow | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._again = 0.0
        self._why = ""
        """Why the link that was there last broke, as far as known."""

    async def run(self) -> None:
        """Keep the link up."""
        pause = FIRST
        while True:
            self._why = ""
            try:
                await self._speak()
                self.reason, self.stopped = self._why or "the daemon stopped", not self._why
            except DaemonError as error:
                self.reason, self.stopped = str(error), True
            except (EngineError, OSError, ValueError) as error:
                self.reason = self._why or plain(str(error)) or type(error).__name__
                self.stopped = False
            pause = FIRST if self.live else pause
            self.live, self._writer = False, None
            self.stop()
            self.tried.set()
            wait = pause * random.uniform(0.8, 1.2)
            self._again = time.monotonic() + wait
            self._changed(self)
            await asyncio.sleep(wait)
            pause = min(LONGEST, 2 * pause) if self.name != HERE else FIRST  # a look here costs nothing

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return "the daemon here" if self.name == HERE else self.name

    @property
    def label(self) -> str:
        """Return the prefix of the names of its runs."""
        return socket.gethostname() if self.name == HERE else self.name

    def late(self, now: float) -> float:
        """Return how long ago its picture was true, at a monotonic time."""
        return 0.0 if self.live else now - self.received

    def show(self, view: protocol.View) -> None:
        """Say what is shown of it, if that changed."""
        if view != self._view:
            self._view = view
            self.send(protocol.Subscribe(view))

    def follow(self, request: protocol.Follow) -> None:
        """Ask for its stream."""
        self._follow = request
        self.send(request)

    def send(self, request: protocol.Request) -> None:
        """Send a request, if it can be reached."""
        if self.live and self._writer is not None and not self._writer.is_closing():
            self._writer.write(protocol.encode(request))

    def word(self, now: float) -> str:
        """Return what a person should know of the link; "" if it is well."""
        if self.live or not self.tried.is_set():
            return ""
        age = f"; shown as it was {numbers.brief(now - self.received)} ago" if self.snapshot else ""
        if self.stopped:
            return f"no daemon runs {self._place}{age}; {self.advice(now)}"
        return f"{self.title} cannot be reached ({self.reason}){age}; {self._next(now)}"

    @property
    def lost(self) -> str:
        """Return what became of it, in two words; "" while it is within reach or was not tried yet."""
        if self.live or not self.tried.is_set():
            return ""
        if self.stopped:
            return "daemon stopped" if self.snapshot else "no daemon"
        return "daemon silent" if self.name == HERE else "connection lost"

    def advice(self, now: float) -> str:
        """Return what else is known of that, and what to do."""
        if self.stopped:
            place = "" if self.name == HERE else f" {self._place}"
            return f"runwatch watch -d starts it{place}; this screen continues by itself"
        return f"{self.title}: {self.reason}; {self._next(now)}"

    @property
    def _place(self) -> str:
        return "here" if self.name == HERE else f"on {self.name}"

    def _next(self, now: float) -> str:
        return f"trying again in {numbers.brief(max(0.0, self._again - now))}"

    def hang_up(self, why: str) -> None:
        """Break the link, so that it is opened again."""
        if self.live:
            self._why = why
            self.stop()
            if self._writer is not None:
                self._writer.close()

    def stop(self) -> None:
        """End what was started for the link."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    # -- inside ----------------------------------------------------------------------------------

    async def _speak(self) -> None:
        """Connect, greet, and take what comes until the link breaks. Raises EngineError with the reason."""
        reader, writer = await (self._here() if self.name == HERE else self._there())
        try:
            hello = protocol.Hello(software=f"runwatch {__version__}")
            writer.write(protocol.encode(hello))
            patience = PATIENCE if self.tried.is_set() else PROMPT
            while line := await within(_line(reader), SILENT if self.live else patience):
                self._take(protocol.decode_reply(line), writer)
            await self._explain()
        finally:
            writer.close()

    def _take(self, reply: protocol.Reply, writer: asyncio.StreamWriter) -> None:
        self.received = time.monotonic()
        if isinstance(reply, protocol.Hello):
            if reply.version != protocol.VERSION:
                raise EngineError(
                    f"it speaks protocol {reply.version}, this screen {protocol.VERSION}", "", "attach again"
                )
            self.live, self._writer, self.engine = True, writer, (reply.host, reply.pid)
            # A view keeps the daemon talking, so that silence is a sign.
            self.send(protocol.Subscribe(self._view or protocol.View(run=NOTHING, interval=SLOW)))
            if self._follow is not None:
                self.send(self._follow)
            self.tried.set()
            self._changed(self)
        elif isinstance(reply, protocol.Failure):
            raise EngineError(reply.message)
        elif isinstance(reply, protocol.Frame):
            self.snapshot = reply.snapshot
            self._changed(self)
        else:
            self._receive(self, reply)

    async def _here(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sock = sockets.connect(sockets.state_directory(), 5.0)
        sock.setblocking(False)
        return await asyncio.open_connection(sock=sock, limit=protocol.MAX_LINE)

    async def _there(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        quiet = ["-o", "BatchMode=yes"] if self.tried.is_set() else []  # no question once the screen is up
        command = [*self._ssh, "-T", *quiet, "--", self.name, f"{self._remote} bridge"]
        self._process = process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=protocol.MAX_LINE,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        return process.stdout, process.stdin

    async def _explain(self) -> None:
        """Note why a link that ended by itself did."""
        if self._process is None or self._why:
            return
        assert self._process.stderr is not None
        said = b""
        with contextlib.suppress(EngineError):
            said = await within(self._process.stderr.read(1 << 16), 2.0)
            await within(self._process.wait(), 2.0)
        lines = [plain(line) for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        last = lines[-1].removeprefix("runwatch: ") if lines else ""
        if self._process.returncode == 0 or last.startswith(sockets.NO_DAEMON):
            raise DaemonError(last or "the daemon stopped")
        if self._process.returncode == 127:
            last = f"no command {self._remote} there: name it with --remote, such as ~/venv/bin/runwatch"
        self._why = last or f"ssh ended with exit code {self._process.returncode}"


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next message. Raises EngineError for one that is too long, or never ends."""
    try:
        return await reader.readline()
    except ValueError:
        raise EngineError(f"it sent a message of more than {protocol.MAX_LINE >> 20} MiB") from None


def ssh_command(asked: str | None) -> tuple[str, ...]:
    """Return how ssh is called: as asked, as $RUNWATCH_SSH says, or plainly. Raises EngineError."""
    words = asked or os.environ.get("RUNWATCH_SSH") or "ssh"
    try:
        return tuple(shlex.split(words))
    except ValueError as error:
        raise EngineError("cannot read the ssh command", words, str(error)) from None
