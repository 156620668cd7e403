"""The keeper process: writes the log, runs its engine, and keeps reading when the wrapper is killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time

import msgspec

from runwatch.wrap.launch import MAX_MESSAGE, Broken, Busy, Done, Ended, Last, Message, Setup, Streams, decode
from runwatch.wrap.logfile import LogFile
from runwatch.wrap.relay import Relay
from runwatch.wrap.watch import CATCH_UP, SETTLE, Watch, has_channel, stderr_says

_READ = 1 << 20
_STEP = 0.25
"""Seconds between two checks of streams that outlive their command."""
_HOLD = 10.0
"""Seconds that the log waits for its engine: older output is history, and not sent."""
_HELD = 16 << 20
"""Most bytes that wait for it; more become history, and are not lost."""
_DELIVERY = 10.0
"""Seconds an engine may take to send what it has found."""


class Keeper:
    """The output of one wrapper's command."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._say = stderr_says(setup.say)
        self._control: socket.socket | None = socket.socket(fileno=setup.control)
        self._feed: int | None = setup.feed
        self._held: list[bytes] = []
        """Output that waits for the engine."""
        self._held_size = self._taken = 0
        """Bytes of it, and of all output."""
        self._streams: list[tuple[int, int] | None] = []
        """(reading end, target) of the running command; None once closed."""
        self._strays: list[Relay] = []
        """Streams that the keeper forwards itself."""
        self._last: Last | None = None
        self._begun = time.monotonic()
        path = os.fsdecode(setup.log)
        self._log = LogFile(path, lambda words: self._say("", words))
        self._watch: Watch | None = None
        if self._log.regular:
            self._watch = Watch(path, setup.config, self._say, setup.record)

    def run(self) -> None:
        """Work until there is nothing left to be read."""
        while (
            self._feed is not None
            or self._held
            or self._strays
            or (self._control is not None and self._last is None)
        ):
            self._wait()
            if self._held and not self._holds():
                self._flush()
            self._strays = [relay for relay in self._strays if not _over(relay)]
            done = self._feed is None and not self._held
            if done and self._last is not None and self._control is not None:
                self._finish(self._control, self._last)
        if self._watch is not None:
            self._watch.close()

    def _wait(self) -> None:
        engine = self._watch.descriptor if self._watch is not None else None
        control = self._control.fileno() if self._control is not None else None
        holds = self._holds()
        poll = select.poll()
        for descriptor in (self._feed, control, engine):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(1e3 * _STEP if self._strays or holds else None):
            if descriptor == self._feed:
                self._write()
            elif descriptor == control:
                self._receive()
            elif self._watch is not None:
                self._listen(self._watch)

    def _listen(self, watch: Watch) -> None:
        """Take the engine's messages; an internal error there must not stop the log."""
        try:
            watch.receive()
        except Exception as error:
            self._watch = None
            self._say("", f"{type(error).__name__}: {error}: the command keeps running unwatched")

    def _holds(self) -> bool:
        """Whether the engine has not started yet, and is worth waiting for."""
        if (
            self._watch is None
            or self._watch.ready
            or self._watch.descriptor is None
            or self._control is None
            or self._held_size >= _HELD
        ):
            return False
        worth = self._last is None or self._judged(self._last)
        return worth and time.monotonic() - self._begun < _HOLD

    def _judged(self, last: Last) -> bool:
        """Whether there is anything to be found: what ends well and without a word is not waited for."""
        return last.failed or self._setup.record is not None or self._taken > len(last.line.encode()) + 2

    def _sends(self, last: Last) -> bool:
        """Whether the end must be reported."""
        return last.failed and has_channel(self._setup.config)

    def _write(self) -> None:
        assert self._feed is not None
        data = os.read(self._feed, _READ)
        self._taken += len(data)
        if not data:
            os.close(self._feed)
            self._feed = None
        elif self._held or self._holds():
            self._held.append(data)
            self._held_size += len(data)
        else:
            self._log.write(data)

    def _flush(self) -> None:
        """Write what waited for the engine."""
        for data in self._held:
            self._log.write(data)
        self._held, self._held_size = [], 0

    def _receive(self) -> None:
        assert self._control is not None
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, MAX_MESSAGE, 8)
        except OSError:
            data, descriptors = b"", []
        if data:
            self._take(decode(data), descriptors)
        else:
            self._take_over()

    def _take(self, message: Message, descriptors: list[int]) -> None:
        if isinstance(message, Streams):
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
            self._streams = [*zip(descriptors, message.outs, strict=True)]
        elif isinstance(message, Broken):
            self._let_go(message.place)
        elif isinstance(message, Ended):
            for place in range(len(self._streams)):
                if place in message.left:
                    self._pass_on(place)
                else:
                    self._let_go(place)
        elif isinstance(message, Last):
            self._last = message
            if self._control is not None and self._judged(message):
                _send(self._control, Busy(_HOLD + CATCH_UP))

    def _let_go(self, place: int) -> None:
        stream, self._streams[place] = self._streams[place], None
        if stream is not None:
            os.close(stream[0])

    def _pass_on(self, place: int) -> None:
        stream, self._streams[place] = self._streams[place], None
        if stream is not None:
            self._flush()
            relay = Relay(stream[0], os.dup(stream[1]), self._log.write, lambda: None)
            relay.start()
            self._strays.append(relay)

    def _take_over(self) -> None:
        """Read in place of the wrapper, which was killed."""
        assert self._control is not None
        self._control.close()
        self._control = None
        while self._feed is not None:
            self._write()
        self._flush()
        if self._last is not None:
            return
        if any(self._streams):
            self._log.write(b"\n[runwatch: the wrapper is gone; its helper reads on]\n")
        for place in range(len(self._streams)):
            self._pass_on(place)
        _leave_outputs()

    def _finish(self, control: socket.socket, last: Last) -> None:
        """Let the engine process the end, and report that all is done."""
        watch, done = self._watch, Done(lost=self._log.lost)
        if watch is not None and watch.descriptor is not None:
            send, records = self._sends(last), self._setup.record is not None
            if send or records:
                _send(control, Busy(SETTLE + _DELIVERY))
            if watch.ready or self._judged(last):
                watch.catch_up(last.line, settle=send)
            if send or records:  # the recording is whole before the command's end is reported
                watch.close()
            done = Done(watch.step, watch.crash(last.line), watch.findings(), self._log.lost)
        _send(control, done)
        control.close()
        self._control = None
        _leave_outputs()


def _send(control: socket.socket, message: Message) -> None:
    with contextlib.suppress(OSError):
        control.sendall(msgspec.json.encode(message))


def _over(relay: Relay) -> bool:
    if not relay.join(0):
        return False
    relay.close()
    return True


def _leave_outputs() -> None:
    """Close standard output and error: their reader waits for the end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)


def main() -> None:
    """Run as a keeper: the setup is the only argument."""
    for number in (
        signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
        signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU,
    ):  # fmt: skip
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    Keeper(msgspec.json.decode(sys.argv[1], type=Setup)).run()


if __name__ == "__main__":
    main()
