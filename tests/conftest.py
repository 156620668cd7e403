"""What every test needs: a state directory of its own, also for the processes it starts."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def _state(tmp_path_factory):
    before = os.environ.get("RUNWATCH_STATE")
    os.environ["RUNWATCH_STATE"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["RUNWATCH_STATE"]
    else:
        os.environ["RUNWATCH_STATE"] = before
