"""The screen on a daemon that ends: it says so in plain words, and goes on by itself with the next one."""

from __future__ import annotations

import pytest

from ..cli.live import Log
from ..cli.test_screen import Terminal
from .live import Place


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    log = Log(tmp_path / "lm.log")
    log.steps(400, total=1000)
    place.run("watch", "-d", log.path)
    yield place
    place.run("stop")


@pytest.mark.parametrize("columns", [80, pytest.param(120, marks=pytest.mark.deep)])
def test_a_daemon_that_stops_is_told_and_comes_back(place, columns):
    with Terminal("attach", columns=columns, rows=24, env=place.environ) as terminal:
        terminal.until(lambda p: "399" in p)
        place.run("stop")
        picture = terminal.until(lambda p: "DAEMON STOPPED" in p and "runwatch watch -d" in p)
        assert "399" in picture, "the last picture stays"
        assert "continues by itself" in picture
        assert "ENGINE" not in picture.upper()
        place.run("watch", "-d", place.path / "lm.log")
        terminal.until(lambda p: "STOPPED" not in p and "399" in p)
        terminal.keys("q")
        assert terminal.end() == 0
