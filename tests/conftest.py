"""What every test needs: a state directory of its own, also for the processes it starts.

Hypothesis tries the same examples every time, so that a run says something about
the change and not about its luck: by default a few of them, with RUNWATCH_DEEP=1
(`make test-more`) as many as each test says. RUNWATCH_FUZZ=N tries N times as many, at random.

Of a test marked `few(n)`, n of its cases are tried by default and the others are `deep`; all if
tests are asked for by name (-k).

RUNWATCH_SHUFFLE=SEED runs the tests in another order.
"""

import gc
import itertools
import os
import random
import signal
import sys

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings
from hypothesis.internal.conjecture import providers

settings.register_profile(
    "same",
    derandomize="RUNWATCH_FUZZ" not in os.environ,
    deadline=None,  # how long an example takes depends on how busy the machine is
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same")
FEWER = 1 if {"RUNWATCH_DEEP", "RUNWATCH_FUZZ"} & os.environ.keys() else 8
"""By how much fewer examples are tried than a test says."""
LEAST = 2
if FEWER > 1:  # no examples made of the numbers and words in our modules, which are read for that: a second
    providers._get_local_constants = lambda: providers._local_constants
_number = itertools.count()

gc.set_threshold(
    20_000, 20, 20
)  # of modules and collected tests nothing is garbage: a quarter of all CPU time

# Each process that a test starts would compile all it imports, and pytest every test file.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell's background job and nohup ignore these, and so would all that tests start and then interrupt.
for _signal in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, signal.default_int_handler if _signal == signal.SIGINT else signal.SIG_DFL)


def pytest_collection_finish():
    gc.freeze()


@pytest.fixture(autouse=True)
def _state(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("RUNWATCH_HINTS", "0")
    monkeypatch.setenv("RUNWATCH_STATE", str(tmp_path_factory.getbasetemp() / f"state-{next(_number)}"))
    monkeypatch.setattr("runwatch.parsers.formats._troubles", [])  # a command has a process of its own


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is deep
def pytest_collection_modifyitems(config, items):
    if not config.option.keyword:
        _thin(items)
    if FEWER > 1:
        for test in {item.function for item in items if is_hypothesis_test(getattr(item, "function", None))}:
            said = getattr(test, "_hypothesis_internal_use_settings", settings.default)
            tried = min(said.max_examples, max(LEAST, said.max_examples // FEWER))
            test._hypothesis_internal_use_settings = settings(said, max_examples=tried)
    if "RUNWATCH_SHUFFLE" in os.environ:
        random.Random(os.environ["RUNWATCH_SHUFFLE"]).shuffle(items)


def _thin(items):
    """Leave `few(n)` n of the cases of a test, evenly spread; the others are deep."""
    cases = {}
    for item in items:
        if (few := item.get_closest_marker("few")) and not item.get_closest_marker("deep"):
            cases.setdefault(item.nodeid.partition("[")[0], (few.args[0], []))[1].append(item)
    for count, all_of_them in cases.values():
        kept = {index * len(all_of_them) // count for index in range(count)}
        for index, item in enumerate(all_of_them):
            if index not in kept:
                item.add_marker(pytest.mark.deep)
