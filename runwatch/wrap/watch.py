"""The keeper's engine: watches the log and reports findings."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable
from typing import Any

from runwatch.core.errors import RunwatchError
from runwatch.core.snapshot import RunView
from runwatch.core.text import plain
from runwatch.render.numbers import step as step_words
from runwatch.render.plain import changed, counted, found
from runwatch.watcher import protocol
from runwatch.watcher.service.launch import PrivateEngine

PACE = 5.0
"""Seconds between two words about progress."""
CATCH_UP = 20.0
"""Seconds the engine has, at the command's end, to read the log to its end; it may have to start first."""
SETTLE = 8.0
"""Seconds until a crash that only silence proves must be certain."""


MAX_STARTS = 4
"""Failed starts of an engine before the command is no longer watched."""
NICE = 5
"""By how much the engine's priority is below the command's, which it must not slow."""
HEALTHY = 60.0
"""Seconds of work after which earlier starts are forgotten."""


class Watch:
    """A private engine on one log, started again if it dies: its log is all it needs to know."""

    def __init__(
        self, path: str, config: str | None, say: Callable[[str, str], object], record: str | None = None
    ) -> None:
        """`say` takes the severity ("" for a word about runwatch itself) and one line.

        `record` is the file to record the watch in.
        """
        self._say = say
        self._path, self._config, self._record = path, config, record
        self._starts = 0
        self._begun = 0.0
        self._engine: PrivateEngine | None = None
        self._buffer = bytearray()
        self._view: RunView | None = None
        self._frames = 0
        self.ready = False
        """Whether it has begun to watch."""
        self.step = ""
        self.found: dict[tuple[object, ...], tuple[str, str]] = {}
        """What each incident is counted by -> its severity and title."""
        self._start()

    def _start(self) -> None:
        """Start an engine, for the command that our parent runs: it counts as a shell around it."""
        now = time.monotonic()
        self._starts = 1 if now - self._begun > HEALTHY else self._starts + 1
        self._begun = now
        self._buffer.clear()
        try:
            self._engine = PrivateEngine(
                [self._path], config=self._config, wait=True, pids=[os.getppid()], record=self._record
            )
            self._engine.socket.setblocking(False)
            self._engine.give_way(NICE)
            self._ask(protocol.Hello(), protocol.Follow(PACE))
        except RunwatchError as error:
            self._lose(str(error))

    def _restart(self) -> None:
        """Replace an engine that died, unless that happens all the time."""
        if self._starts >= MAX_STARTS:
            self._lose("the engine ended again and again")
            return
        if self._engine is not None:
            self._engine.close()
        self._say("", "the engine ended; started again")
        self._start()

    @property
    def descriptor(self) -> int | None:
        """What to poll; None once there is no engine."""
        return None if self._engine is None else self._engine.socket.fileno()

    def receive(self) -> None:
        """Take what the engine says, without waiting."""
        while self._engine is not None:
            try:
                data = self._engine.socket.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._restart()
                return
            self._buffer += data
            *lines, rest = bytes(self._buffer).split(b"\n")
            self._buffer = bytearray(rest)
            for line in lines:
                self._take(protocol.decode_reply(line))

    def catch_up(self, last: str, *, settle: bool) -> None:
        """Wait for all that the log says up to its last line; with `settle`, until a crash is certain."""
        screen = protocol.Subscribe(protocol.View(log_lines=8, interval=0.05))
        self._ask(screen)
        words = plain(last)
        if self._until(lambda: self._has_read(words), CATCH_UP):
            self._ask(screen)
            frames = self._frames
            self._until(lambda: self._frames > frames, CATCH_UP)  # what was found by one frame follows it
        if settle:
            self._until(self._certain, SETTLE)

    def crash(self, last: str) -> str:
        """Return what the command died of and where the log says it; "" if only its `last` line does."""
        words = plain(last).removeprefix("runwatch: ")
        rows = self._view.incidents if self._view is not None else ()
        for row in rows:
            reported = row.title.partition(": ")[2]
            if row.rule == "crash" and row.state != "resolved" and reported and reported not in words:
                at = f" (line {row.line})" if row.line is not None else ""
                pending = row.title.startswith("error")  # it is certain now that the command has ended
                return f"{'crashed' + row.title.removeprefix('error') if pending else row.title}{at}"
        return ""

    def findings(self) -> str:
        """Return how many findings there were, and the first of the worst: `1 critical (loss is NaN)`.

        The end itself is named elsewhere.
        """
        counts = counted([severity for severity, _ in self.found.values()])
        others = [known for (rule, *_), known in self.found.items() if rule != "crash"]
        worst = (title for name in ("critical", "warning") for severity, title in others if severity == name)
        return f"{counts} ({plain(title)})" if (title := next(worst, "")) else counts

    def close(self) -> None:
        """End the engine; what is to be sent is sent first."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _has_read(self, words: str) -> bool:
        return self._view is not None and any(text == words for _, text in self._view.log)

    def _certain(self) -> bool:
        rows = self._view.incidents if self._view is not None else ()
        return any(row.rule == "crash" and row.state != "pending" for row in rows)

    def _until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Return whether it was reached in time."""
        deadline = time.monotonic() + seconds
        while not reached() and (descriptor := self.descriptor) is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            waiting = select.poll()
            waiting.register(descriptor, select.POLLIN)
            waiting.poll(1e3 * left)
            self.receive()
        return reached()

    def _ask(self, *requests: protocol.Request) -> None:
        if self._engine is not None:
            with contextlib.suppress(OSError):  # one that is gone is noticed when it is read
                self._engine.socket.sendall(b"".join(map(protocol.encode, requests)))

    def _take(self, reply: protocol.Reply) -> None:
        if isinstance(reply, protocol.Hello):
            self.ready = True
        elif isinstance(reply, protocol.Failure):
            self._lose(plain(reply.message))
        elif isinstance(reply, protocol.Notice):
            self._say("notice", plain(reply.message))
        elif isinstance(reply, protocol.Frame):
            view = reply.snapshot.run
            self._frames += 1
            self._view = view or self._view
            if view is not None and view.progress.step is not None:
                self._progress(view.progress.step, view.progress.total)
        elif isinstance(reply, protocol.Line):
            self._line(reply.body)

    def _line(self, body: dict[str, Any]) -> None:
        if body["type"] == "progress" and body["step"] is not None:
            self._progress(body["step"], body["total"])
        elif body["type"] == "incident":
            self._incident(body)

    def _incident(self, body: dict[str, Any]) -> None:
        """Report an incident, and count it unless it follows from another."""
        key, severity, change = found(body["incident"]), body["incident"]["severity"], body["change"]
        if body["symptom"]:
            self.found.pop(key, None)
            severity = "symptom"
        else:
            self.found[key] = severity, body["incident"]["title"]
        if change in ("firing", "resolved"):
            self._say(severity if change == "firing" else change, changed(body))

    def _progress(self, step: int, total: int | None) -> None:
        self.step = f"step {step_words(step)}" + (f"/{step_words(total)}" if total else "")

    def _lose(self, why: str) -> None:
        engine, self._engine = self._engine, None
        self._say("", f"{why}: the command keeps running unwatched")
        if engine is not None:
            engine.close()


def has_channel(config: str | None) -> bool:
    """Whether findings are sent anywhere."""
    from runwatch.config.loader import load

    try:
        return bool(load(config, report=lambda line: None).everyone())
    except (RunwatchError, OSError):  # the engine says what is wrong with it
        return False


def stderr_says(level: str) -> Callable[[str, str], None]:
    """Return what prints lines of a severity, or words about runwatch itself, on standard error."""
    terminal = os.isatty(2)

    def say(severity: str, text: str) -> None:
        wanted = {"quiet": (), "say": None}.get(level, ("", "critical") if terminal else ("",))
        if wanted is None or severity in wanted:
            with contextlib.suppress(OSError):
                os.write(2, f"runwatch: {text}\n".encode("utf-8", "replace"))

    return say
