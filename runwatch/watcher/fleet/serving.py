"""The process between a screen and a Prometheus server: it asks, and sends pictures. It changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import time

from runwatch import __version__
from runwatch.core.errors import RunwatchError
from runwatch.core.snapshot import RunView
from runwatch.prometheus import fleet
from runwatch.watcher import protocol
from runwatch.watcher.fleet.launch import Source
from runwatch.watcher.fleet.questions import Picture, Questions, snapshot
from runwatch.watcher.processes.handover import taken
from runwatch.watcher.processes.waiting import wait
from runwatch.watcher.service.requests import serve_screen, take_requests

_READS = "the fleet screen only reads: runwatch attach HOST to acknowledge or silence"


class Fleet:
    """One screen, one server."""

    def __init__(self, source: Source, writer: asyncio.StreamWriter) -> None:
        """Ask nothing yet. Raises UsageError for an address that cannot be asked."""
        self._writer, self._interval = writer, source.interval
        self._questions = Questions(source)
        self._view: protocol.View | None = None
        self._picture = Picture()
        self._news = asyncio.Event()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve the screen until it leaves."""
        asking = asyncio.create_task(self._ask())
        try:
            await take_requests(reader, self._take)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            self._writer.close()

    def _take(self, request: protocol.Request) -> None:
        if isinstance(request, protocol.Subscribe):
            self._view = request.view
            self._news.set()
        elif not isinstance(request, protocol.Hello):
            self._write(protocol.Refused(_READS, getattr(request, "id", 0)))

    async def _ask(self) -> None:
        """Greet once the server answered; then ask again and again, and send what it says."""
        try:
            self._picture = await asyncio.to_thread(self._questions.picture)
        except RunwatchError as error:
            self._write(protocol.Failure(str(error), int(error.exit_code)))
            return
        self._write(protocol.Hello(software=f"runwatch {__version__}", host=socket.gethostname()))
        asked, shown = time.monotonic(), None
        while True:
            self._news.clear()
            lost = ""
            try:
                if time.monotonic() - asked >= self._interval:
                    self._picture = await asyncio.to_thread(self._questions.picture)
                    asked = time.monotonic()
                shown = await self._shown()
            except RunwatchError as error:
                lost = str(error)
            late = time.monotonic() - asked if lost else 0.0
            self._write(protocol.Frame(snapshot(self._picture, shown, time.time(), lost, late)))
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
            await wait(self._news, self._interval)

    async def _shown(self) -> RunView | None:
        view = self._view
        run = self._chosen(view)
        if run is None or view is None:
            return None
        return await asyncio.to_thread(self._questions.view, run, view)

    def _chosen(self, view: protocol.View | None) -> fleet.FleetRun | None:
        """Return the run that a view names, or the most urgent one."""
        if view is None or view.run is None:
            return next(iter(self._picture.runs), None)
        return next((run for run in self._picture.runs if run.row.id == view.run), None)

    def _write(self, message: protocol.Reply) -> None:
        if not self._writer.is_closing():
            self._writer.write(protocol.encode(message))


def main() -> None:
    """Run as an engine process: the only argument names the descriptor of its setup."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the screen; this ends with it
    source = taken(sys.argv[1], Source)
    asyncio.run(serve_screen(source.socket, lambda reader, writer: Fleet(source, writer).run(reader)))


if __name__ == "__main__":
    main()
