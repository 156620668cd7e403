"""`make soak`: a daemon over many logs that is killed again and again, for minutes.

Logs are appended to, rotated (renamed, or copied and cut), truncated and
deleted; the daemon is killed or stopped, its workers are killed; clients come
and go; the webhook refuses, hangs, resets, loses its answers, dies and comes
back. In the end runs, series, incidents and messages must be those of one
clean pass over the same bytes, no message came twice without saying so, and a
daemon that is left alive must not grow: memory, descriptors and threads are
read from /proc.

What is truncated or deleted before anybody read it is lost to any reader, so
that waits until it was committed.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runwatch.watcher.persistence.store import FILE

from ..alerts.endpoints import FAULT, HttpServer, Request
from ..watcher.kept import Log, clean_pass, differences, is_committed, kept_document, places, reported

DAEMON = """
from runwatch.watcher.persistence import keeper as keeping
keeping.EVERY, keeping.RATE = 2.0, 1e9
from runwatch.cli.main import main
main()
"""
GROWTH_MB, GROWTH_FDS, GROWTH_THREADS = 6, 8, 1
"""What a daemon may grow by in the last phase, in which nobody kills it..."""
PER_RUN_MB = 0.4
"""... and for each run, as its series fill up to their bounds."""


class Daemon:
    """A daemon process that is started again and again."""

    def __init__(self, state: Path, config: Path, logs: list[Log]) -> None:
        self._paths = [str(log.path) for log in logs]
        self._config, self.state = config, state
        self.environment = {
            **os.environ,
            "RUNWATCH_STATE": str(state),
            "RUNWATCH_SLACK_WEBHOOK": "",
            "no_proxy": "*",
        }
        self.lives = 0
        self.start()

    def start(self) -> None:
        self.lives += 1
        self.process = subprocess.Popen(
            [sys.executable, "-c", DAEMON, "watch", "--config", str(self._config), *self._paths],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """End it as the kernel does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it in good order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def kill_worker(self) -> None:
        """Kill the process that reads its logs; the daemon starts another one."""
        for pid in self.family()[1:]:
            with contextlib.suppress(OSError):  # it may be gone
                if b"runwatch.watcher.ingest.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
                    return

    def client(self) -> subprocess.Popen[bytes]:
        """Ask it how things stand, as a client that may be gone before the answer."""
        return subprocess.Popen(
            [sys.executable, "-m", "runwatch", "status", "--json"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def family(self) -> list[int]:
        """Return the ids of its processes."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):  # a thread that has just ended
                    found += map(int, (task / "children").read_text().split())
        return found

    def size(self) -> tuple[float, int, int]:
        """Return the memory (MB), descriptors and threads of all its processes."""
        memory = descriptors = threads = 0
        for pid in self.family():
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            memory += int(status["RssAnon"].split()[0])
            threads += int(status["Threads"])
            descriptors += len(os.listdir(f"/proc/{pid}/fd"))
        return memory / 1024, descriptors, threads


class Webhook(HttpServer):
    """A webhook of which two answers in five go wrong, until it is healed."""

    FAULTS = (
        (429, "{}", {"Retry-After": "1"}),
        (500, "{}", {}),
        (FAULT, "reset", {}),
        (FAULT, "lost", {}),
        (FAULT, "hang", {}),
    )
    WEIGHTS = (4, 4, 4, 4, 1)

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng, self._failing_until, self.healed = rng, 0.0, False
        endpoint = self

        class Endless:
            def __bool__(self) -> bool:
                return not endpoint.healed

            def popleft(self) -> tuple[int, str, dict[str, str]]:
                return endpoint.answer()

        self.script = Endless()

    def die(self, seconds: float) -> None:
        """Answer with an error for a while."""
        self._failing_until = time.monotonic() + seconds

    def answer(self) -> tuple[int, str, dict[str, str]]:
        """Return what the next request is answered."""
        if time.monotonic() < self._failing_until:
            return 503, "{}", {}
        if self._rng.random() < 0.4:
            return self._rng.choices(self.FAULTS, self.WEIGHTS)[0]
        return 200, "{}", {}

    def accepted(self) -> list[Request]:
        """Return the requests that were taken, those among them whose answer was lost too."""
        return [request for request in self.got if request.status in (200, FAULT)]

    def unmarked(self) -> list[str]:
        """Return the ids of messages that came once more and did not say that they may repeat."""
        seen: set[str] = set()
        found = []
        for request in self.accepted():
            if request.body["id"] in seen and not request.body["may_repeat"]:
                found.append(request.body["id"])
            seen.add(request.body["id"])
        return found


def disturb(daemon: Daemon, hook: Webhook, logs: list[Log], rng: random.Random, end: float) -> None:
    """Let all of it happen until `end`."""
    owed: dict[Log, str] = {}
    clients: list[subprocess.Popen[bytes]] = []
    alive_until, seen = 0.0, alive(daemon.state)
    dies: float | None = None
    while time.monotonic() < end:
        begun = time.monotonic()
        for log in logs:
            if owed.get(log) is None:
                log.append(rng.randrange(1, 8))  # every 200 ms: about 20 lines a second
            elif is_committed(daemon.state, log.path):
                getattr(log, owed.pop(log))()
        if rng.random() < 0.2:
            which = rng.randrange(len(logs))
            (logs[which].copytruncate if which % 3 == 2 else logs[which].rotate)()
        if rng.random() < 0.1:
            log = rng.choice(logs)
            log.settle()
            owed[log] = rng.choice(["truncate", "delete"])
        if rng.random() < 0.1:
            clients.append(daemon.client())
        if rng.random() < 0.004:
            daemon.kill_worker()
        for client in clients[:-3]:
            client.kill()
        for client in [client for client in clients if client.poll() is not None]:
            clients.remove(client)
        if begun > alive_until and rng.random() < 0.02:
            alive_until = begun + rng.uniform(2, 15)
            hook.die(alive_until - begun)
        if dies is None and alive(daemon.state) != seen:
            dies = begun + rng.uniform(0.2, 6)
        if dies is not None and begun > dies:
            (daemon.kill if rng.random() < 0.7 else daemon.stop)()
            seen, dies = alive(daemon.state), None
            daemon.start()
        time.sleep(max(0.0, begun + 0.2 - time.monotonic()))
    for client in clients:
        client.kill()
        client.wait()
    for log in logs:
        log.append(3)  # one that was cut a moment ago would be empty
        log.settle()
    settled(daemon.state, logs)


def alive(state: Path) -> object:
    """Return when a daemon committed last; each gets that far before it is killed."""
    with contextlib.suppress(sqlite3.Error):
        db = sqlite3.connect(f"file:{state / FILE}?mode=ro", uri=True, timeout=5)
        with contextlib.closing(db):
            return db.execute("SELECT max(saved) FROM groups").fetchone()
    return None


def settled(state: Path, logs: list[Log]) -> None:
    """Wait until all there is was read and committed."""
    end = time.monotonic() + 120
    while left := [log for log in logs if not is_committed(state, log.path)]:
        if time.monotonic() > end:
            for log in left[:5]:
                print(log.path, log.path.stat(), places(state).get(str(log.path)))
            raise SystemExit(f"soak: {len(left)} of {len(logs)} logs were not read and committed in 120 s")
        time.sleep(0.2)


def grow(daemon: Daemon, logs: list[Log], seconds: float) -> list[str]:
    """Let it live and be written to; return how it grew too much."""
    samples = []
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        for log in logs:
            log.append(20 if passed < seconds / 4 else 4)  # first until the newest lines fill their bound
        time.sleep(0.2)
        samples.append(daemon.size())
    early = samples[len(samples) // 3]
    late = samples[-1]
    grown = [b - a for a, b in zip(early, late, strict=True)]
    words = [
        f"{n:+.1f} {what} ({e:.0f} to {late_:.0f})"
        for n, what, e, late_ in zip(grown, ("MB", "descriptors", "threads"), early, late, strict=True)
    ]
    print("grown while alive:", ", ".join(words), flush=True)
    limits = (GROWTH_MB + PER_RUN_MB * len(logs), GROWTH_FDS, GROWTH_THREADS)
    return [f"it grew: {word}" for word, n, most in zip(words, grown, limits, strict=True) if n > most]


def soak(root: Path, seconds: float, runs: int, seed: int) -> list[str]:
    """Return what was wrong."""
    rng, state, config = random.Random(seed), root / "state", root / "runwatch.toml"
    (root / "logs").mkdir()
    logs = [Log(root / "logs" / f"run{i:02}.log", seed * 1000 + i, chance=0.0005) for i in range(runs)]
    with Webhook(random.Random(seed + 1)) as hook:
        config.write_text(
            f"[channels.hook]\ntype = 'webhook'\nurl = '{hook.url}'\nper_minute = 600\n"
            "[routing]\nflap_count = 0\n"
        )
        daemon = Daemon(state, config, logs)
        atexit.register(daemon.kill)
        settled(state, logs)  # what is rotated before anybody looked is no part of the story
        disturb(daemon, hook, logs, rng, time.monotonic() + seconds * 2 / 3)
        print(f"{daemon.lives} lives, {sum(len(log.segments) for log in logs)} files", flush=True)
        wrong = grow(daemon, logs, seconds / 3)
        for log in logs:
            log.finish()
        settled(state, logs)
        hook.healed = True
        expected, sent = clean_pass({log.path: log.segments for log in logs})
        time.sleep(2)
        end = time.monotonic() + 300
        while len(set(reported(hook.accepted()))) < len(sent) and time.monotonic() < end:
            time.sleep(1)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.wait(60)
        wrong += differences(kept_document(state), expected)
        received = reported(hook.accepted())
        wrong += [f"came twice, unmarked: {one}" for one in hook.unmarked()]
        wrong += [f"not received: {one}" for one in sorted(sent - set(received))]
        wrong += [f"received though nothing was: {one}" for one in sorted(set(received) - sent)]
        wrong += [
            f"received {received.count(one)} times: {one}"
            for one in sorted(set(received))
            if received.count(one) > 1
        ]
        size = sum(path.stat().st_size for path in state.glob("state.db*")) / 1e6
        lines = sum(run["lines"] for run in expected)
        print(
            json.dumps(
                {
                    "lines": lines,
                    "messages": len(received),
                    "requests": len(hook.got),
                    "state_mb": round(size, 1),
                }
            ),
            flush=True,
        )
    return wrong


def main() -> int:
    """Run it; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="runwatch-soak-"))
    wrong = soak(root, options.seconds, options.runs, options.seed)
    for line in wrong[:40]:
        print("WRONG", line[:300])
    if wrong:
        print(f"{len(wrong)} things were wrong; everything is in {root}")
        return 1
    shutil.rmtree(root)
    print("as one clean pass")
    return 0


if __name__ == "__main__":
    sys.exit(main())
