"""Heavy libraries are imported on the path that needs them, and nowhere else; no imports run in a circle."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import grimp
import pytest

from tests.parsers.trackers import wandb_log

TUI = {"textual", "rich"}
HTTP = {"urllib.request", "http.client"}
TRACKERS = {"wandb", "pynvml"}
HASHES = set() if version("numpy").startswith("1.") else {"hashlib"}  # numpy 1 brings it


@pytest.mark.few(8)
@pytest.mark.parametrize(
    ("module", "banned"),
    [
        ("runwatch", {"click", "msgspec", "numpy"} | TUI | HTTP | TRACKERS),
        ("runwatch.cli.main", {"msgspec", "numpy", "asyncio", "watchdog"} | TUI | HTTP | TRACKERS),
        ("runwatch.cli.commands.tail", {"numpy", "watchdog"} | TUI | HTTP | TRACKERS),
        ("runwatch.parsers.log", {"numpy", "asyncio", "watchdog"} | TUI | HTTP | TRACKERS),
        (
            "runwatch.watcher.ingest.worker",
            {
                "numpy",
                "watchdog",
                "asyncio",
                "ssl",
                "hashlib",
                "tempfile",
                "statistics",
                "runwatch.config.loader",
            }
            | TUI
            | HTTP
            | TRACKERS,
        ),
        ("runwatch.config.loader", {"numpy", "watchdog", "hashlib"} | TUI | HTTP | TRACKERS),
        (
            "runwatch.watcher.service.server",
            {"watchdog", "sqlite3", "shutil"} | HASHES | TUI | HTTP - {"http.client"} | TRACKERS,
        ),
        ("runwatch.watcher.daemon.daemon", {"watchdog", "click"} | TUI | HTTP - {"http.client"} | TRACKERS),
        (
            "runwatch.watcher.daemon.hub",
            {"numpy", "watchdog", "click"} | TUI | HTTP - {"http.client"} | TRACKERS,
        ),
        ("runwatch.cli.commands.status", {"msgspec", "numpy", "asyncio", "watchdog"} | TUI | HTTP | TRACKERS),
        ("runwatch.cli.commands.attach", {"numpy", "watchdog"} | TUI | HTTP | TRACKERS),
        ("runwatch.watcher.engine.check", {"watchdog", "asyncio", "psutil"} | TUI | HTTP | TRACKERS),
        (
            "runwatch.watcher.samplers.sampler",
            {"numpy", "asyncio", "psutil", "hashlib", "tempfile"} | TUI | HTTP | TRACKERS,
        ),
        (
            "runwatch.watcher.samplers.machine",
            {"numpy", "asyncio", "watchdog", "psutil"} | TUI | HTTP | TRACKERS,
        ),
        ("runwatch.watcher.samplers.gpu", {"numpy", "asyncio"} | TUI | HTTP | TRACKERS),
        ("runwatch.render.plain", {"numpy", "asyncio"} | TUI | HTTP | TRACKERS),
        ("runwatch.tui.app", {"numpy", "watchdog", "ssl"} | HTTP - {"http.client"} | TRACKERS),
    ],
)
def test_import_brings_in_nothing_heavy(module, banned):
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & {banned!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_trackers_file_is_read_without_what_reads_logs():
    """A worker has it on the screen before it could have loaded all formats of logs."""
    logs = {
        "runwatch.parsers.log",
        "runwatch.parsers.inference.learner",
        "runwatch.parsers.formats.llm.nanochat",
    }
    code = (
        "import sys, runwatch.watcher.ingest.worker; from runwatch.parsers.stream import StreamParser;"
        f"batch = StreamParser(bulk=False).feed({wandb_log(9)!r});"
        f"print(batch.format, *sorted(set(sys.modules) & {logs!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["wandb"]


def test_first_picture_comes_before_numpy():
    """A worker's preview parses with the plain matchers; numpy is for the history after it."""
    code = (
        "import sys; from runwatch.parsers.log import LogParser;"
        "LogParser(bulk=False).feed(b'step 1/2 (50.00%) | loss: 1.5\\n' * 2000);"
        "print('numpy' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False\n"
    )


def test_no_imports_run_in_a_circle():
    """Not within functions either, and not for the sake of types."""
    graph = grimp.build_graph("runwatch", cache_dir=None)
    below = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    while leaves := {module for module, imported in below.items() if not imported & below.keys()}:
        below = {module: imported for module, imported in below.items() if module not in leaves}
    above = {module for imported in below.values() for module in imported}
    assert sorted(above & below.keys()) == []
