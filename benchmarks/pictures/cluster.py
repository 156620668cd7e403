"""The screen of a run on 64 GPUs whose engine is scripted, for machines that have none."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time

from benchmarks import screen

RANKS = 64


def main() -> None:
    """Serve a screen on this terminal until it ends."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", screen._SCREEN, str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=(theirs.fileno(),)) as child:
        theirs.close()
        engine = screen.Engine(ours, RANKS, 41_230, placed=True)
        while child.poll() is None:
            with contextlib.suppress(ConnectionError):
                engine.work()
            time.sleep(0.02)
