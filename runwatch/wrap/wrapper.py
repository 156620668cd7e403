"""The wrapper: parent of the command; forwards output and signals, and exits like the command."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass

from runwatch.core.errors import RunwatchError
from runwatch.core.text import path as shown
from runwatch.wrap.ending import Ending, Memory
from runwatch.wrap.feed import Feed
from runwatch.wrap.launch import Broken, Busy, Done, Ended, Keeper, Last, Streams
from runwatch.wrap.relay import Lines, Relay
from runwatch.wrap.signals import ENDING, Received, Signals
from runwatch.wrap.streams import Stream, open_streams

_NOTE = 5.0
"""Seconds between two reads of the count of out-of-memory kills."""
_PATIENCE = 4.0
"""Seconds to wait for the log's writer at the end."""
_FAILED = 30.0
"""The same after a failure, which may have to be reported: the engine may have to start first."""
_LONGEST = 60.0
"""Most seconds between two restarts."""
_STOPS = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})


@dataclass(frozen=True)
class Plan:
    """What to run, and how."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: str
    config: str | None = None
    say: str = ""
    """"quiet", "" (how it ended, critical findings) or "say" (all findings)."""
    restarts: int = 0
    delay: float = 1.0
    """Seconds before the first restart; doubled each time."""
    record: str | None = None
    """File to record the watch in."""


class NotStartedError(RunwatchError):
    """The command could not be started."""

    def __init__(self, what: str, where: str, code: int) -> None:
        super().__init__(what, where)
        self.exit_code = code  # type: ignore[assignment]


class Wrapper:
    """One call of `runwatch run`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._signals = Signals()
        self._memory = Memory()
        self._keeper: Keeper | None = None
        self._feed: Feed | None = None
        self._streams: list[Stream] = []
        self._pid = 0
        self._asked_to_stop = False
        self._stopped = False
        self._asked_to_end: int | None = None
        """The signal that asked to stop."""
        self._column_zero = True
        self._done: Done | None = None
        self._lost = False
        """Whether the keeper is gone."""
        self._before = _size(plan.log)
        """Size of the log before the start."""
        self._owed = 0
        """Bytes that the command's output should have added."""

    def run(self) -> Ending:
        """Run the command, with restarts; return how it ended. Raises NotStartedError."""
        with contextlib.suppress(OSError), open("/proc/self/comm", "w") as name:
            name.write("runwatch")  # by this, who looks at processes knows a wrapper
        try:
            self._keeper = Keeper(
                self._plan.log, config=self._plan.config, say=self._plan.say, record=self._plan.record
            )
            self._feed = Feed(self._keeper.feed, self._keeper_gone)
        except OSError as error:
            self._say(f"no log and no watching: {error.strerror}: the command keeps running")
        failed = 0
        while True:
            ending = self._attempt()
            again = ending.exit_code != 0 and not ending.interrupted and self._asked_to_end is None
            if not again or failed >= self._plan.restarts:
                break
            failed += 1
            delay = min(_LONGEST, self._plan.delay * 2.0 ** (failed - 1))
            self._say(f"{ending}; starts again in {delay:g} s ({failed} of {self._plan.restarts})")
            self._log(ending.line())
            if not self._pause(delay):
                break
        self._close(ending)
        return ending

    # -- one attempt -----------------------------------------------------------------------------

    def _attempt(self) -> Ending:
        """Run the command once, until all its output is forwarded."""
        self._streams, why = open_streams()
        if why:
            self._say(f"its output cannot be read: {why}: it keeps running unlogged")
        self._memory.note()
        begun = time.monotonic()
        try:
            self._pid = self._start()
        except OSError as error:
            self._close(None)
            missing = isinstance(error, FileNotFoundError)
            what = "no such command" if missing else f"cannot run it: {error.strerror}"
            raise NotStartedError(what, shown(self._plan.command[0]), 127 if missing else 126) from error
        if self._keeper is not None:
            self._keeper.send(Streams(tuple(s.out for s in self._streams)), [s.source for s in self._streams])
        lines = Lines(self._feed.put if self._feed else lambda data: None, len(self._streams))
        relays = [self._relay(place, lines) for place in range(len(self._streams))]
        status = self._supervise()
        seconds = time.monotonic() - begun
        for relay in relays:
            relay.finish()
        for relay in relays:
            self._let_pass(relay)
        lines.flush()
        if self._keeper is not None:
            self._keeper.send(Ended(tuple(i for i, relay in enumerate(relays) if relay.open)))
        for relay in relays:
            if relay.join(0):
                relay.close()
        self._column_zero = all(relay.column_zero for relay in relays)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        return Ending(code, number, seconds, oom=(code or number) not in (0, None) and self._memory.struck())

    def _start(self) -> int:
        """Start the command in our process group, with our terminal and our original environment."""
        actions = [(os.POSIX_SPAWN_DUP2, s.entry, number) for s in self._streams for number in s.numbers]
        defaults = {*ENDING, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTSTP, signal.SIGPIPE, signal.SIGXFSZ}
        try:
            return os.posix_spawnp(
                self._plan.command[0],
                self._plan.command,
                self._plan.environment,
                file_actions=actions,
                setsigmask=self._signals.before,
                setsigdef=defaults - self._signals.ignored,
            )
        finally:
            for stream in self._streams:
                stream.given()

    def _relay(self, place: int, lines: Lines) -> Relay:
        stream = self._streams[place]
        keeper = self._keeper
        relay = Relay(
            stream.source,
            stream.out,
            lambda data: lines.take(place, data),
            lambda: keeper.send(Broken(place)) if keeper is not None else None,
        )
        relay.start()
        return relay

    def _supervise(self) -> int:
        """Return the command's wait status, once it has ended."""
        while True:
            pid, status = os.waitpid(self._pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            if pid and (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
                return status
            if pid:
                self._stopped = os.WIFSTOPPED(status) and os.WSTOPSIG(status) in _STOPS
                continue
            if self._stopped and self._asked_to_stop:
                self._stop()
            if self._keeper is not None and not self._lost:
                self._look_after(self._keeper)
            if not self._wait(_NOTE, None if self._lost else self._keeper):
                self._memory.note()
            for received in self._signals.read():
                self._take(received)

    def _wait(self, seconds: float, keeper: Keeper | None = None) -> bool:
        """Wait for a signal, or a message of the keeper; return whether one came."""
        waiting = select.poll()
        waiting.register(self._signals.descriptor, select.POLLIN)
        if keeper is not None:
            waiting.register(keeper.socket.fileno(), select.POLLIN)
        return bool(waiting.poll(1e3 * seconds))

    def _look_after(self, keeper: Keeper) -> None:
        with contextlib.suppress(BlockingIOError):
            if keeper.receive() is None:
                self._keeper_gone()

    def _take(self, received: Received) -> None:
        """Forward a signal, unless the command received it directly."""
        number = received.number
        if number == signal.SIGCHLD:
            return
        if number == signal.SIGWINCH:
            for stream in self._streams:
                stream.resize()
        elif number == signal.SIGTSTP:
            self._asked_to_stop = True
        elif number == signal.SIGCONT:
            self._asked_to_stop = False
        elif number in ENDING:
            self._asked_to_end = number
        if received.sent or number in (signal.SIGWINCH, signal.SIGCONT, signal.SIGHUP):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def _stop(self) -> None:
        """Stop when the command has stopped; SIGCONT continues both."""
        self._asked_to_stop = self._stopped = False
        os.kill(os.getpid(), signal.SIGSTOP)

    def _let_pass(self, relay: Relay) -> None:
        """Wait until the last output is written; a frozen terminal may take long, but signals still work."""
        relay.join(0.02)
        while not relay.join(0):
            self._wait(0.05)
            if self._end_is_asked():
                return

    # -- between and after -----------------------------------------------------------------------

    def _pause(self, seconds: float) -> bool:
        """Wait before a restart; return False if asked to stop meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._wait(left)
            if self._end_is_asked():
                return False
        return True

    def _close(self, ending: Ending | None) -> None:
        """Wait a few seconds for the log to be finished, and print how the command ended."""
        line = ending.line() if ending is not None else "runwatch: the command could not be started"
        self._owed = self._feed.total if self._feed is not None else 0
        self._log(line)
        if self._feed is not None and self._keeper is not None:
            failed = ending is not None and ending.exit_code != 0
            self._keeper.send(Last(line, failed))
            patience = _FAILED if failed else _PATIENCE
            if self._feed.close(patience):
                self._done = self._receive(self._keeper, patience)
        if ending is not None:
            self._say(self._summary(ending))

    def _receive(self, keeper: Keeper, patience: float) -> Done | None:
        """Return the keeper's last message; None if there is none or we are asked to stop."""
        until = time.monotonic() + patience
        while (left := until - time.monotonic()) > 0:
            self._wait(left, keeper)
            if self._end_is_asked():
                break
            with contextlib.suppress(BlockingIOError):
                message = keeper.receive()
                if isinstance(message, Done):
                    return message
                if not isinstance(message, Busy):
                    self._keeper_gone()
                    break
                until = time.monotonic() + message.seconds
        return None

    def _end_is_asked(self) -> bool:
        asked = [received.number for received in self._signals.read() if received.number in ENDING]
        self._asked_to_end = asked[0] if asked else self._asked_to_end
        return bool(asked)

    def _summary(self, ending: Ending) -> str:
        parts = [str(ending)]
        done = self._done
        if done is not None:
            crash = done.crash if ending.exit_code != 0 else ""
            parts += [part for part in (crash, done.step, done.findings) if part]
        if missing := self._missing():
            parts.append(f"{missing:,} bytes could not be logged")
        return "; ".join([*parts, f"log: {shown(_short(self._plan.log))}"])

    def _missing(self) -> int:
        """Return how many bytes of output are not in the log."""
        if self._feed is None:
            return 0
        if self._done is not None:
            return self._feed.missing + self._done.lost
        after = _size(self._plan.log)  # its writer has not said what became of the rest
        return self._feed.missing if after is None else max(0, self._owed - after + (self._before or 0))

    def _keeper_gone(self) -> None:
        """Report it once; the feed's thread may notice it too."""
        if self._lost:
            return
        self._lost = True
        self._say("the log's writer is gone: the command keeps running, unlogged and unwatched")

    def _log(self, line: str) -> None:
        if self._feed is not None:
            self._feed.line(line)

    def _say(self, words: str) -> None:
        if self._plan.say == "quiet":
            return
        begin = "" if self._column_zero else "\n"
        with contextlib.suppress(OSError):
            os.write(2, f"{begin}runwatch: {words}\n".encode("utf-8", "replace"))


def _size(path: str) -> int | None:
    """Return the size of a regular file; None for other files."""
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_size if stat.S_ISREG(found.st_mode) else None
    return None


def _short(path: str) -> str:
    """Return a path relative to the current directory, if it is below."""
    try:
        near = os.path.relpath(path)
    except OSError:  # the directory is gone
        return path
    return path if near.startswith("..") else near


def end_as(ending: Ending) -> int:
    """Return the exit code; a command that died of Ctrl-C takes us with it, so that shells stop too."""
    if ending.signal == signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os.kill(os.getpid(), signal.SIGINT)
    return ending.exit_code
