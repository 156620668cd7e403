"""The two that watch every run, and what each reported when: `tail --headless`, and the daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CONFIG = """
[rules.hang]
least = 6.0
unfamiliar = 6.0
longest = 2.0
[rules.throughput]
seconds = 1.0
[rules.step_time]
seconds = 2.0
[rules.silent_rank]
seconds = 6.0
[rules.ended]
settle = 3.0
[rules.checkpoint_slow]
least = 2.0
"""
"""Seconds stand for minutes."""
HOOK = """
[channels.hook]
type = "webhook"
url = "{url}"
min_severity = "info"
per_minute = 1000
[routing]
group_wait = 0
group_interval = 0
"""
RUNWATCH = [sys.executable, "-m", "runwatch"]


@dataclass(frozen=True)
class Report:
    """What was reported of a run at a time."""

    time: float
    rule: str
    severity: str
    text: str
    """Title and cause."""


@dataclass(frozen=True)
class Ending:
    """How a run ended, as it was reported."""

    state: str
    kind: str
    """"" where it is not said."""


class Watcher:
    """What reports on a run, and what it has reported so far."""

    def __init__(self, top: Path, name: str, more: str = "") -> None:
        """Write its configuration beside the directory that it watches."""
        self.reports: list[Report] = []
        self.endings: list[Ending] = []
        self._config, self._errors = top / f"{name}.toml", (top / f"{name}.err").open("wb")
        self._config.write_text(CONFIG + more)
        self._config.chmod(0o600)
        self._env = {**os.environ, "RUNWATCH_SLACK_WEBHOOK": "", "RUNWATCH_STATE": str(top / name)}
        self._process: subprocess.Popen[bytes] | None = None

    def _start(self, *words: object, out: int) -> subprocess.Popen[bytes]:
        command = [*RUNWATCH, *map(str, words), "--config", str(self._config)]
        self._process = subprocess.Popen(command, stdout=out, stderr=self._errors, env=self._env)
        return self._process

    def _take(self, change: str, body: dict[str, Any], now: float) -> None:
        if change in ("firing", "escalated") and body.get("state") != "pending":
            text = " | ".join(filter(None, (body["title"], body.get("cause"))))
            self.reports.append(Report(now, body["rule"], body["severity"], text))

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._errors.close()


class Tail(Watcher):
    """`runwatch tail --headless --json`."""

    def __init__(self, top: Path) -> None:
        """Start it on the directory `run`."""
        super().__init__(top, "tail")
        tail = self._start("tail", top / "run", "--wait", "--headless", "--json", out=subprocess.PIPE)
        assert tail.stdout is not None
        self._lines = iter(tail.stdout.readline, b"")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._lines:
            body = json.loads(line)
            if body["type"] == "incident":
                self._take(body["change"], body["incident"], time.time())
            elif body["type"] == "end":
                kind = (body.get("summary", {}).get("ending") or {}).get("kind", "")
                self.endings.append(Ending(body["state"], kind))

    def close(self) -> None:
        """End it, and read what it said last."""
        super().close()
        self._thread.join()


class Daemon(Watcher):
    """`runwatch watch`, which sends its messages to a web hook on this machine."""

    def __init__(self, top: Path) -> None:
        """Start it on the directory `run`; return when it answers."""
        self._hook = _Hook(self)
        super().__init__(top, "daemon", HOOK.format(url=self._hook.url))
        self._start("watch", top / "run", out=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while self._ask("status", "--json") is None and time.monotonic() < deadline:
            time.sleep(0.2)

    def message(self, body: dict[str, Any]) -> None:
        """Take a message of the web hook."""
        now = time.time()
        self._take(body["change"], body["incident"], now)
        for other in body["others"]:
            self._take("firing" if other["state"] == "firing" else "", other, now)

    def _ask(self, *words: str) -> Any:
        done = subprocess.run([*RUNWATCH, *words], check=False, capture_output=True, env=self._env)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return None

    def close(self) -> None:
        """Ask how the runs ended, and for incidents that no message was sent of; end it."""
        for run in (self._ask("status", "--all", "--json") or {"runs": []})["runs"]:
            self.endings.append(Ending(run["state"], (run.get("ending") or {}).get("kind", "")))
            known = {report.rule for report in self.reports}
            for incident in run["incidents"]:
                if incident["rule"] not in known:
                    self._take("firing", incident, incident["time"] or time.time())
        super().close()
        self._hook.close()


class _Hook:
    """A web hook on the loopback."""

    def __init__(self, daemon: Daemon) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                daemon.message(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
