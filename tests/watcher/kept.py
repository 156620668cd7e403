"""Engines that are killed and started again, and what is left of them."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from runwatch.core.series import LEAN
from runwatch.parsers.formats import catalogue
from runwatch.parsers.stream import StreamParser
from runwatch.watcher.engine.engine import Engine
from runwatch.watcher.engine.views.document import document
from runwatch.watcher.persistence.keeper import Keeper
from runwatch.watcher.persistence.saved import ReadPlace
from runwatch.watcher.persistence.store import FILE, Store
from runwatch.watcher.sources.discover import find

from ..alerts.endpoints import Request

WAIT = 120.0
CALM = 8
"""Rows after which no spike is open."""
TIMED = {"finished", "crash", "hang", "ended", "silent_rank", "blind"}
"""Rules that judge silence: a slow machine makes it."""


TRACE = """Traceback (most recent call last):
  File "train.py", line 10, in <module>
    main()
  File "train.py", line 5, in main
    load()
ValueError: bad shard
"""


class Log:
    """A log that is appended to, rotated and truncated, and the bytes that were in it."""

    def __init__(self, path: Path, seed: int, chance: float = 0.01) -> None:
        """`chance` is that of a fault at a line."""
        self.chance = chance
        self.path, self.rng, self.step, self.kind = path, random.Random(seed), 0, seed % 3
        self.segments = [b""]
        self._rotated = 0
        self._owed = b""
        path.write_bytes(b"")

    def append(self, lines: int) -> None:
        """Write some lines, cut anywhere."""
        data = self._owed + b"".join(self._line() for _ in range(lines))
        cut = self.rng.randrange(len(data) + 1)
        self._write(data[:cut])
        self._owed = data[cut:]

    def finish(self) -> None:
        """Write what is owed, and the end of the run.

        Before it come rows without a fault: a spike that is open at the end is judged at the next look
        at the clock, and one pass never looks.
        """
        chance, self.chance = self.chance, 0.0
        self._owed += b"".join(self._line() for _ in range(CALM))
        self.chance = chance
        self._write(self._owed + b"Total training time: 1.00m\n")
        self._owed = b""

    def settle(self) -> None:
        """Write what is owed of the last line."""
        self._write(self._owed)
        self._owed = b""

    def rotate(self) -> None:
        """Rename it, and begin another one."""
        self.settle()
        self._rotated += 1
        self.path.rename(self.path.with_name(f"{self.path.name}.{self._rotated}"))
        self.path.write_bytes(b"")
        self.segments.append(b"")

    def copytruncate(self) -> None:
        """Copy it, and cut it to nothing, as logrotate does where a program keeps its log open."""
        self.settle()
        self._rotated += 1
        shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.{self._rotated}"))
        self.truncate()

    def delete(self) -> None:
        """Remove it, and begin another one."""
        self.path.unlink()
        self.path.write_bytes(b"")
        self.segments.append(b"")

    def truncate(self) -> None:
        """Cut it to nothing."""
        os.truncate(self.path, 0)
        self.segments.append(b"")

    def _write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self.segments[-1] += data

    def _line(self) -> bytes:
        rng, self.step = self.rng, self.step + 1
        loss = f"{2 + 5 / (1 + self.step / 30) + 0.01 * rng.gauss(0, 1):.6f}"
        before = ""
        if (
            rng.random() < self.chance
        ):  # one kind of fault per log: what is whose symptom depends on who comes first
            fault = ("trace", "nan", "99.0")[self.kind]
            before, loss = (TRACE, loss) if fault == "trace" else ("", fault)
        return (
            f"{before}step {self.step:05d}/90000 ({self.step / 900:.2f}%) | loss: {loss} | "
            f"grad norm: {0.5 + 0.02 * rng.gauss(0, 1):.4f} | dt: {100 + rng.gauss(0, 1):.2f}ms\n"
        ).encode()


class KeptEngine:
    """An engine process over some paths with one state directory."""

    def __init__(self, state: Path, paths: Sequence[Path], **env: str) -> None:
        environment = {**os.environ, "RUNWATCH_STATE": str(state), "RUNWATCH_SLACK_WEBHOOK": "", **env}
        environment["no_proxy"] = "*"
        self.state, self.paths = state, list(paths)
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.watcher.kept_engine", *map(str, paths)],
            env=environment,
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())

    def kill(self) -> None:
        """Kill it as the kernel does, its worker with it or not."""
        self.process.kill()
        self.process.wait()
        self._close()

    def stop(self) -> None:
        """End it in good order."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(WAIT) == 0
        self._close()

    def _close(self) -> None:
        self._thread.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def committed(self) -> None:
        """Wait until all there is in the files was read and committed."""
        until(lambda: all(is_committed(self.state, path) for path in self.paths), self)

    def says(self, words: str) -> None:
        """Wait until a notice holds `words`."""
        until(lambda: any(words in line for line in self.said), self)


def until(true: Any, engine: KeptEngine) -> None:
    """Wait until something is true while the engine lives."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, engine.said
        assert engine.process.poll() is None, engine.said
        time.sleep(0.02)


def places(state: Path) -> dict[str, ReadPlace]:
    """Return where the sources stand, as committed."""
    with contextlib.suppress(sqlite3.Error):
        db = sqlite3.connect(f"file:{state / FILE}?mode=ro", uri=True, timeout=5)
        with contextlib.closing(db):
            rows = db.execute("SELECT id, body FROM sources").fetchall()
        return {key: msgspec.json.decode(body, type=ReadPlace) for key, body in rows}
    return {}


def is_committed(state: Path, path: Path) -> bool:
    """Whether a file was read to its last byte, and that is committed."""
    place = places(state).get(str(path))
    position = place.resume.position if place is not None and place.resume is not None else None
    if position is None:
        return False
    status = path.stat()
    held = path.read_bytes().rpartition(b"\n")[2]
    there = status.st_ino, status.st_size - len(held), held
    return (position.inode, position.offset, place.resume.unfinished) == there


def kept_document(state: Path) -> list[dict[str, Any]]:
    """Return the runs that a store holds, without what depends on the hour."""
    store, engine = Store(state), Engine(detail=LEAN)
    Keeper(store, engine, print).restore((), time.time())
    store.close()
    return timeless(engine)


def clean_pass(streams: dict[Path, list[bytes]]) -> tuple[list[dict[str, Any]], set[tuple[str, str, str]]]:
    """Return what one pass over the bytes of each path gives: runs, and what is to be sent."""
    engine, sent = Engine(detail=LEAN), set()  # as a daemon's
    for path, name, member in find([str(path) for path in streams], wait=True):
        engine.add_source(path, name, path, member)
        parser = StreamParser(catalogue())
        for number, data in enumerate(streams[Path(path)]):
            batches = [parser.break_off()] if number else []
            for batch in (*batches, parser.feed(data)):
                for change in engine.fold(path, batch, live=True, arrival=time.time(), written=time.time()):
                    if change.send and change.kind != "acknowledged" and change.row.rule not in TIMED:
                        if change.row.severity == "info":  # channels want warnings and worse
                            continue
                        over = "resolved" if change.kind == "resolved" else "firing"
                        sent.add((change.row.id, over, change.row.severity))
    return timeless(engine), sent


def timeless(engine: Engine) -> list[dict[str, Any]]:
    """Return the runs of an engine by name, with their events, without what depends on the hour."""
    runs = document(engine, time.time())["runs"]
    for run, (_, watched) in zip(runs, engine.runs(), strict=True):
        for name in ("eta_seconds", "eta_spread", "eta_source"):
            del run[name]
        run["incidents"] = [row for row in run["incidents"] if row["rule"] not in TIMED]
        for incident in run["incidents"]:
            del incident["time"]
        run["events"] = [(event.kind, event.line, event.title, event.data) for event in watched.run.events]
        run["series"] = {name: series.newest()[1].tolist() for name, series in watched.run.series.items()}
    return sorted(runs, key=lambda run: (run["sources"], run["name"]))


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Return where two documents differ, a line for each place."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = sorted({*ours, *theirs})
        return [line for k in keys for line in differences(ours.get(k), theirs.get(k), f"{where}.{k}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [line for n, (a, b) in pairs for line in differences(a, b, f"{where}[{n}]")]
    return [] if repr(ours) == repr(theirs) else [f"{where}: {ours!r} is not {theirs!r}"]


def reported(requests: Sequence[Request]) -> list[tuple[str, str, str]]:
    """Return (incident, change, severity) of all messages, those with the same key once."""
    messages = {request.body["id"]: request.body for request in requests}
    found = []
    for body in messages.values():
        for incident in (body["incident"], *body["others"]):
            if incident["rule"] in TIMED:
                continue
            over = "resolved" if incident["state"] == "resolved" else "firing"
            found.append((incident["id"], over, incident["severity"]))
    return found
