"""docs/protocol.md says what the code does, and its example is one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runwatch.watcher.service.protocol_docs import render

from ..cli.live import Log
from .live import Daemon, Peer, until

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == render(), (
        "run: python -m runwatch.watcher.service.protocol_docs > docs/protocol.md"
    )


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    path = tmp_path_factory.mktemp("docs")
    Log(path / "mine.log").steps(12)
    with Daemon(path, path / "mine.log") as daemon, Peer(daemon.socket) as peer:
        until(lambda: peer.step("mine") == 11)
        yield daemon


def test_the_client_shown_works(daemon):
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    assert len(code.splitlines()) <= 15
    done = subprocess.run(
        [sys.executable, "-c", code], env=daemon.environ, capture_output=True, text=True, check=False
    )
    assert done.stdout == "mine training 11 2.5\n", done.stderr


@pytest.mark.deep
@pytest.mark.skipif(shutil.which("nc") is None, reason="there is no netcat")
def test_the_line_shown_for_netcat_works(daemon):
    line = re.search(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    line = line.replace("~/.local/state/runwatch/daemon.sock", str(daemon.socket))
    done = subprocess.run(["timeout", "3", "bash", "-c", line], capture_output=True, text=True, check=False)
    assert '"type":"hello"' in done.stdout
    assert '"name":"mine"' in done.stdout
