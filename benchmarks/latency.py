"""How long from an append to a visible incident.

usage: python benchmarks/latency.py [COUNT]

A writer appends lines to a log that `runwatch tail --headless --json` follows.
Some of them hold a NaN; the time from write() to the incident's line in our
hands is taken. Each NaN is in another metric, so each is an incident.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path


def line(step: int, extra: str = "") -> bytes:
    return (
        f"step {step:06d}/900000 (1.00%) | loss: 2.500000 | grad norm: 0.5 | dt: 100.00ms{extra}\n".encode()
    )


def measure(count: int = 100, pause: float = 0.03) -> list[float]:
    """Return `count` delays in seconds, ascending."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "train.log"
        path.write_bytes(b"".join(line(step) for step in range(100)))
        command = [
            sys.executable,
            "-m",
            "runwatch",
            "tail",
            str(path),
            "--headless",
            "--json",
            "--interval",
            "3600",
        ]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE) as watcher,
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
                        seen.setdefault(str(body["incident"]["metric"]), now)

            listener = threading.Thread(target=listen, daemon=True)
            listener.start()
            ready.wait(20)
            time.sleep(1.0)
            sent: dict[str, float] = {}
            step = 100
            for i in range(count):
                name = f"val_loss_{chr(97 + i // 26)}{chr(97 + i % 26)}"
                for _ in range(3):
                    step += 1
                    log.write(line(step, f" | {name}: 1.0"))
                    time.sleep(pause)
                step += 1
                sent[name] = time.monotonic()
                log.write(line(step, f" | {name}: nan"))
                time.sleep(pause)
            deadline = time.monotonic() + 5
            while len(seen) < count and time.monotonic() < deadline:
                time.sleep(0.05)
            watcher.terminate()
            listener.join(5)
            missing = set(sent) - set(seen)
            if missing:
                raise RuntimeError(f"{len(missing)} of {count} incidents never appeared")
            return sorted(seen[name] - sent[name] for name in sent)


def report(count: int = 100) -> None:
    """Print the median and the 99th percentile."""
    delays = measure(count)
    median, high = delays[len(delays) // 2], delays[min(len(delays) - 1, round(0.99 * len(delays)))]
    print(f"append to incident       {median * 1e3:7.1f} ms   p99 {high * 1e3:.0f} ms of {count} (bar: 250)")


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
