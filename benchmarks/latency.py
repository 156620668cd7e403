"""How long from an append to a visible incident, for benchmarks.reading and benchmarks.daemon.

A writer appends lines to a log that `runwatch tail` or a daemon follows. Some of them hold a NaN;
the time from write() until the incident's line can be read is taken. Each NaN is in another metric,
so each is an incident.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

PAUSE = 0.03
"""Seconds between two lines."""


def line(step: int, extra: str = "") -> bytes:
    return (
        f"step {step:06d}/900000 (1.00%) | loss: 2.500000 | grad norm: 0.5 | dt: 100.00ms{extra}\n".encode()
    )


def begin(path: Path) -> None:
    """Write the first steps."""
    path.write_bytes(b"".join(line(step) for step in range(100)))


def delays(
    path: Path, command: list[str], count: int, environ: dict[str, str] | None = None, *, word: str = "zq"
) -> list[float]:
    """Return `count` delays in seconds, ascending, of a command that reads the log or asks a daemon.

    `word` is a part of the metrics' names: another one makes other incidents in the same log.
    """
    words = [sys.executable, "-m", "runwatch", *command, "--headless", "--json", "--interval", "3600"]
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE, env=environ) as watcher,
        path.open("ab", buffering=0) as log,
    ):
        assert watcher.stdout is not None
        seen: dict[str, float] = {}
        ready = threading.Event()

        def listen() -> None:
            assert watcher.stdout is not None
            for text in watcher.stdout:
                now, body = time.monotonic(), json.loads(text)
                ready.set()
                if body["type"] == "incident" and body["change"] == "firing":
                    seen.setdefault(str(body["incident"]["metric"]).rpartition("_")[2], now)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        ready.wait(20)
        time.sleep(1.0)
        sent: dict[str, float] = {}
        step = 100
        for i in range(count):
            name = f"{word}{chr(97 + i // 26)}{chr(97 + i % 26)}"  # a word that means nothing
            for _ in range(3):
                step += 1
                log.write(line(step, f" | val_loss_{name}: 1.0"))
                time.sleep(PAUSE)
            step += 1
            sent[name] = time.monotonic()
            log.write(line(step, f" | val_loss_{name}: nan"))
            time.sleep(PAUSE)
        deadline = time.monotonic() + 30
        while not sent.keys() <= seen.keys() and time.monotonic() < deadline:
            time.sleep(0.05)
        watcher.terminate()
        listener.join(5)
        missing = set(sent) - set(seen)
        if missing:
            raise RuntimeError(f"{len(missing)} of {count} incidents never appeared")
        return sorted(seen[name] - sent[name] for name in sent)
