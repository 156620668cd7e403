"""What every test needs: a state directory of its own, also for the processes it starts."""

import pytest


@pytest.fixture(autouse=True)
def _state(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("RUNWATCH_STATE", str(tmp_path_factory.getbasetemp() / f"state-{id(monkeypatch)}"))
