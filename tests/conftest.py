"""What every test needs: a state directory of its own, also for the processes it starts.

Hypothesis tries the same examples every time, so that a run says something about
the change and not about its luck. RUNWATCH_FUZZ=N tries N times as many, at random.
"""

import itertools
import os

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True)
if "RUNWATCH_FUZZ" not in os.environ:
    settings.load_profile("same")
_number = itertools.count()


@pytest.fixture(autouse=True)
def _state(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("RUNWATCH_STATE", str(tmp_path_factory.getbasetemp() / f"state-{next(_number)}"))
