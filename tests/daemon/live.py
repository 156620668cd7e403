"""A real daemon on a state directory of its own, and clients that know nothing but the protocol."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from ..cli.command import called

WAIT = 120.0
"""Seconds before something that should happen counts as not happening."""
STARTERS = ("watch", "tail", "attach", "bridge", "-h", "--version")
"""Commands that start processes, or that end with this one's streams."""


def until(reached: Callable[[], Any], seconds: float = WAIT) -> Any:
    """Return what `reached` returns once it is true; fail if that does not come."""
    deadline = time.monotonic() + seconds
    while not (found := reached()):
        assert time.monotonic() < deadline, "never came"
        time.sleep(0.02)
    return found


class Place:
    """A directory with a state directory, and the command line that uses it."""

    def __init__(self, path: Path) -> None:
        self.path, self.state = path, path / "state"
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("RUNWATCH_")},
            "RUNWATCH_STATE": str(self.state),
            "XDG_CONFIG_HOME": str(path / "nothing"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    def run(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of runwatch to its end: called here, but where it starts processes or has options."""
        if not options and arguments[0] not in STARTERS:
            return called(*arguments, cwd=self.path, env=self.environ)
        return subprocess.run(
            [sys.executable, "-m", "runwatch", *map(str, arguments)],
            env=self.environ, cwd=self.path, capture_output=True, text=True, timeout=WAIT, check=False, **options,
        )  # fmt: skip

    @property
    def socket(self) -> Path:
        return self.state / "daemon.sock"


class Daemon(Place):
    """`runwatch watch` in the foreground."""

    def __init__(
        self,
        path: Path,
        *arguments: str | Path,
        environ: dict[str, str] | None = None,
        under: Sequence[str] = (),
    ) -> None:
        """`under` is a command that starts another, named behind it."""
        super().__init__(path)
        self.environ.update(environ or {})
        self.process = subprocess.Popen(
            [*under, sys.executable, "-m", "runwatch", "watch", *map(str, arguments)],
            env=self.environ, cwd=path, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            until(lambda: self.answers() or self.process.poll() is not None)
            assert self.process.poll() is None, self.process.communicate()[1]
        except BaseException:
            self.close()
            raise

    def answers(self) -> bool:
        try:
            Peer(self.socket).close()
        except OSError:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Return exit code and log of a daemon that ends by itself."""
        said = self.process.communicate(timeout=WAIT)[1]
        return self.process.returncode, said

    def close(self) -> None:
        if self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.terminate()
            self.process.communicate(timeout=WAIT)
            assert psutil.wait_procs(family, WAIT)[1] == [], "a process outlived its daemon"
        elif self.process.stderr is not None:
            self.process.stderr.close()

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Peer:
    """A client."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT)
        try:
            self.sock.connect(str(path))
            self._stream = self.sock.makefile("rb")
            self.hello = self.next()
        except BaseException:
            self.sock.close()
            raise

    def next(self) -> dict[str, Any]:
        line = self._stream.readline()
        if not line:
            raise ConnectionResetError("hung up")
        return dict(json.loads(line))

    def send(self, kind: str, **fields: Any) -> None:
        self.sock.sendall(json.dumps({"type": kind, **fields}).encode() + b"\n")

    def replies(self, kind: str, **fields: Any) -> Iterator[dict[str, Any]]:
        """Yield the parts of an answer."""
        self.send(kind, id=7, **fields)
        while True:
            reply = self.next()
            if reply.get("id") == 7:
                yield reply
                if not reply.get("more"):
                    return

    def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        (reply,) = self.replies(kind, **fields)
        return reply

    def runs(self) -> dict[str, dict[str, Any]]:
        return {run["name"]: run for part in self.replies("runs") for run in part["runs"]}

    def step(self, name: str) -> int | None:
        run = self.runs().get(name)
        return None if run is None else run["progress"]["step"]

    def close(self) -> None:
        self._stream.close()
        self.sock.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
