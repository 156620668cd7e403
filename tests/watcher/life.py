"""An engine from its start to its death, in this process, with what it watches and where it sends."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from runwatch.core.snapshot import IncidentRow
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.ingest import wire
from runwatch.watcher.ingest.worker import Reader
from runwatch.watcher.service.launch import Assignment
from runwatch.watcher.service.server import Server

from ..alerts.endpoints import HttpServer
from .test_engine import log

HOUR = 3600.0
WHOLE = log(400, faults=dict.fromkeys(range(300, 400), "nan"))
HALF, BEFORE_NAN = WHOLE.index(b"step 00200"), WHOLE.index(b"step 00300")
NANS = WHOLE.index(b"step 00310")


class Life:
    """An engine from its start to its death, which reads in this process."""

    def __init__(self, root: Path, paths: list[Path], config: Path, *, ago: float = 0.0) -> None:
        """It commits as if it lived `ago` seconds ago."""
        raw = tuple(map(os.fsencode, paths))
        state = os.fsencode(root / "state")
        self.server = Server(Assignment(raw, config=os.fsencode(config), state=state))
        self.keeper, self.store = self.server.keeper, self.server.store
        self.store._now = lambda: time.time() - ago
        setup = self.keeper.ready(wire.Setup(raw, wait=True))
        setup = msgspec.json.decode(msgspec.json.encode(setup), type=wire.Setup)
        self.reader = Reader(setup)
        for source in self.reader.sources:
            self._send(
                wire.Opened(
                    source.id,
                    source.name,
                    os.fsencode(source.path),
                    source.left,
                    source.written(),
                    source.member,
                )
            )
        self.read()

    def _send(self, message: wire.Message) -> None:
        self.server.receive(wire.decode(wire.encode(message)))

    def read(self) -> None:
        """Read all there is."""
        while self.reader.sweep(self._send):
            pass

    def tick(self) -> None:
        """Let a second pass."""
        now = time.time()
        read = [group for group, shown in self.server.shown.items() if not shown.left]
        self.server.changed(self.keeper.late(self.server.engine.tick(now, read)))
        self.server.changed(self.keeper.settled(read))
        self.keeper.tick()

    def die(self) -> None:
        """End without a commit."""
        self.server.notifier._outbox._journal.close() if self.server.notifier._outbox else None
        self.store.close()

    def end(self) -> None:
        """End in good order."""
        self.server.notifier.close()
        self.keeper.close()

    def document(self) -> list:
        return document(self.server.engine, 1e9)["runs"]

    def incidents(self) -> tuple[IncidentRow, ...]:
        (group,) = self.server.engine.groups.values()
        return group.runs[-1].incidents.every()

    def notices(self) -> tuple[str, ...]:
        return self.server.notices


class World:
    def __init__(self, root: Path, hook: HttpServer) -> None:
        self.root, self.hook, self.paths = root, hook, [root / "run.log"]
        self.paths[0].write_bytes(b"")
        self.config = root / "runwatch.toml"
        self.config.write_text(f"[channels.hook]\ntype = 'webhook'\nurl = '{hook.url}'\nper_minute = 600\n")

    def live(self, ago: float = 0.0) -> Life:
        return Life(self.root, self.paths, self.config, ago=ago)

    def write(self, data: bytes) -> None:
        with self.paths[0].open("ab") as file:
            file.write(data)

    def reported(self, count: int) -> list[str]:
        """Wait for so many messages; return what they say happened, of those that are repeated once."""
        end = time.monotonic() + 60
        while len({r.body["id"] for r in self.hook.got}) < count and time.monotonic() < end:
            time.sleep(0.01)
        bodies = {r.body["id"]: r.body for r in self.hook.got}
        return [f"{body['change']} {body['incident']['rule']}" for body in bodies.values()]


def silent(life: Life) -> None:
    """Let an hour pass in which nothing is written."""
    life.server.changed(life.server.engine.tick(time.time() + HOUR))
