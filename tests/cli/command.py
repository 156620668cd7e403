"""A command of runwatch and what came of it: as a process, or called here, which is ten times quicker."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

from runwatch.cli.main import main

ROOT = Path(__file__).parents[2]
"""What is tested is this checkout, wherever a command is run."""
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT)}

Done = subprocess.CompletedProcess[str]


def runwatch(*arguments: str | Path, **options) -> Done:
    """Run it as a process."""
    command = [sys.executable, "-m", "runwatch", *map(str, arguments)]
    environment = {**ENVIRONMENT, **options.pop("env", {})}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environment, check=False, **options
    )


def called(*arguments: str | Path, cwd: Path | None = None, env: dict[str, str] = ENVIRONMENT) -> Done:
    """Call it in this process, in that environment and with the same streams as in one of its own."""
    words = list(map(str, arguments))
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    code, here = 0, os.getcwd()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        os.chdir(cwd or here)
        with (
            patch.dict(os.environ, env, clear=True),
            contextlib.redirect_stdout(streams[0]),
            contextlib.redirect_stderr(streams[1]),
        ):
            main(words)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os.chdir(here)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    out, err = (stream.buffer.getvalue().decode() for stream in streams)
    return subprocess.CompletedProcess(words, code, out, err)
