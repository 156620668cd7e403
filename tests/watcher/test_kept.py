"""An engine that is killed at any instant and started again has missed nothing and tells nothing twice."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from ..alerts.endpoints import HttpServer
from .kept import KeptEngine, clean_pass, differences, is_committed, kept_document, until

TRACE = """Traceback (most recent call last):
  File "train.py", line 10, in <module>
    main()
  File "train.py", line 5, in main
    load()
ValueError: bad shard
"""


class Log:
    """A log that is appended to, rotated and truncated, and the bytes that were in it."""

    def __init__(self, path: Path, seed: int) -> None:
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
        self._write(self._owed + b"Total training time: 1.00m\n")
        self._owed = b""

    def rotate(self) -> None:
        """Rename it, and begin another one."""
        self._write(self._owed)
        self._owed = b""
        self._rotated += 1
        self.path.rename(self.path.with_name(f"{self.path.name}.{self._rotated}"))
        self.path.write_bytes(b"")
        self.segments.append(b"")

    def truncate(self) -> None:
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
        if rng.random() < 0.01:  # one kind of fault per log: what is whose symptom depends on who comes first
            fault = ("trace", "nan", "99.0")[self.kind]
            before, loss = (TRACE, loss) if fault == "trace" else ("", fault)
        return (
            f"{before}step {self.step:05d}/90000 ({self.step / 900:.2f}%) | loss: {loss} | "
            f"grad norm: {0.5 + 0.02 * rng.gauss(0, 1):.4f} | dt: {100 + rng.gauss(0, 1):.2f}ms\n"
        ).encode()


def config(tmp_path: Path, server: HttpServer) -> str:
    path = tmp_path / "runwatch.toml"
    path.write_text(f"[channels.hook]\ntype = 'webhook'\nurl = '{server.url}'\nper_minute = 600\n")
    return str(path)


def told(server: HttpServer) -> list[tuple[str, str, str]]:
    """Return (incident, change, severity) of all messages, those with the same key once."""
    messages = {request.body["id"]: request.body for request in server.got}
    found = []
    for body in messages.values():
        for incident in (body["incident"], *body["others"]):
            over = "resolved" if incident["state"] == "resolved" else "firing"
            found.append((incident["id"], over, incident["severity"]))
    return found


@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_it_tells_what_one_pass_tells_and_once(tmp_path, seed):
    rng = random.Random(seed)
    logs = [Log(tmp_path / f"run{i}.log", seed * 10 + i) for i in range(3)]
    paths, state = [log.path for log in logs], tmp_path / "state"
    with HttpServer() as server:
        env = {"KEPT_CONFIG": config(tmp_path, server)}
        engine = KeptEngine(state, paths, **env)
        engine.committed()
        for life in range(6):
            end = time.monotonic() + rng.uniform(0.7, 1.6)
            rotated: set[int] = set()
            while time.monotonic() < end:
                number = rng.randrange(3)
                log = logs[number]
                log.append(rng.randrange(1, 40))
                if life % 2 and number not in rotated and rng.random() < 0.1:
                    rotated.add(number)
                    log.rotate()
                time.sleep(0.01)
            engine.kill()
            for log in logs:
                log.append(20)
            engine = KeptEngine(state, paths, **env)
            if life == 2:  # all that is in it was read: truncating loses nothing
                until(lambda: is_committed(state, paths[0]), engine)
                logs[0].truncate()
        for log in logs:
            log.finish()
        engine.committed()
        engine.stop()
        runs, sent = clean_pass({log.path: log.segments for log in logs})
        found = differences(kept_document(state), runs)
        assert not found, "\n".join(found)
        assert len(sent) > 5
        assert sorted(told(server)) == sorted(sent)
