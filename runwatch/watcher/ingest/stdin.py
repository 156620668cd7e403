"""What a worker reads of standard input: each step sends what is new."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from runwatch.parsers.api import Format
from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.feeds import LOG_LINES, Send
from runwatch.watcher.ingest.resting import Resting
from runwatch.watcher.sources.member import Member


class StdinSource:
    """Standard input, read as it comes."""

    path = id = "-"
    name = "stdin"
    member = Member()
    history = left = 0

    def __init__(
        self, formats: Callable[[], Sequence[Format]] = catalogue, settled: str | None = None
    ) -> None:
        self._parser = StreamParser(formats, settled=settled)
        self._open = True
        self._resting = Resting()
        os.set_blocking(0, False)

    def written(self) -> None:
        """Return None: a stream has no date."""

    def arrived(self, since: float | None = None) -> None:
        """Do nothing: all of it is new."""

    def step(self, send: Send) -> bool:
        """Read and send what has arrived; return False if nothing has."""
        if not self._open:
            return False
        try:
            data = os.read(0, 1 << 20)
        except BlockingIOError:
            if self._resting.rests(None):
                self._resting.report(send, self.id, self._parser)
            return False
        batch = self._parser.feed(data, tail=LOG_LINES) if data else self._parser.flush()
        now = time.time()
        self._resting.begin(live=True, arrival=now)
        send(wire.Read(self.id, batch, True, now, now, 0))
        if not data:
            self._open = False
            send(wire.Ended(self.id))
        return True
