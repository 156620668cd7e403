"""What tests of engines that follow each other share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..alerts.endpoints import HttpServer
from .life import World


@pytest.fixture
async def world(tmp_path, monkeypatch) -> Iterator[World]:
    monkeypatch.setenv("RUNWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("RUNWATCH_SLACK_WEBHOOK", "")
    monkeypatch.setenv("no_proxy", "*")
    with HttpServer() as hook:
        yield World(tmp_path, hook)
