"""Runs on a W&B server: exact and incremental, patient with the network, quick to say what will not mend."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from runwatch.core.errors import SourceError
from runwatch.watcher.sources.wandb_online import OnlineRun, Poller, delay, run_path

from ..parsers.logs import Parsed
from .wandb_server import Server

URL = "wandb://team/proj/abc"


class FakeRun:
    """A run of the package's API, in memory."""

    name = "named"

    def __init__(self, rows=()):
        self.rows = list(rows)
        self.state = "running"
        self.config = {"lr": 0.1, "_wandb": {}}
        self.system_metrics = {}
        self.failures = []
        self.scanned = []

    def run(self, path):
        assert path == "team/proj/abc"
        return self

    def load(self, *, force):
        assert force
        if self.failures:
            raise self.failures.pop(0)

    @property
    def lastHistoryStep(self):
        return self.rows[-1]["_step"] if self.rows else -1

    def scan_history(self, *, min_step):
        self.scanned.append(min_step)
        return Scan([row for row in self.rows if row["_step"] >= min_step])


class Scan:
    """Begins anew whenever it is asked for its iterator, as the package's does."""

    def __init__(self, rows):
        self._rows = rows

    def __iter__(self):
        self._left = iter(self._rows)
        return self

    def __next__(self):
        return next(self._left)


def rows(first, last):
    return [
        {"_step": step, "loss": 1 / (step + 1), "_timestamp": 1.7e9 + step, "note": "x", "eval/loss": None}
        for step in range(first, last)
    ]


def polled(run, parsed=None):
    parsed = parsed or Parsed()
    for batch in run.poll():
        parsed.add(batch)
    return parsed


def test_each_row_is_read_once_and_exactly():
    fake = FakeRun(rows(0, 2500))
    run = OnlineRun(URL, lambda: fake)
    parsed = polled(run)
    fake.rows += rows(2500, 2503)
    polled(run, parsed)
    polled(run, parsed)
    assert fake.scanned == [0, 2500]
    assert parsed.column("step").tolist() == list(range(2503))
    assert parsed.column("train/loss").tolist() == [1 / (step + 1) for step in range(2503)]
    assert parsed.column("time")[-1] == 1.7e9 + 2502
    assert parsed.lines == 2503
    assert parsed.format == "wandb"


def test_rows_with_gaps_between_steps_are_all_read():
    fake = FakeRun([{"_step": step, "loss": 1.0} for step in (0, 7, 90)])
    run = OnlineRun(URL, lambda: fake)
    parsed = polled(run)
    fake.rows.append({"_step": 500, "loss": math.nan})
    polled(run, parsed)
    assert parsed.column("step").tolist() == [0, 7, 90, 500]
    assert math.isnan(parsed.column("train/loss")[-1])


def test_what_failed_half_way_continues_there():
    fake = FakeRun(rows(0, 1500))
    run = OnlineRun(URL, lambda: fake)
    parsed = Parsed()
    batches = run.poll()
    for _ in range(2):  # the facts, and the first thousand rows
        parsed.add(next(batches))
    batches.close()
    fake.failures = [ConnectionError("reset")]
    with pytest.raises(ConnectionError):
        polled(run, parsed)
    polled(run, parsed)
    assert parsed.column("step").tolist() == list(range(1500))


def test_a_rewound_run_is_read_again_from_there():
    fake = FakeRun(rows(0, 10))
    run = OnlineRun(URL, lambda: fake)
    parsed = polled(run)
    del fake.rows[5:]
    polled(run, parsed)
    fake.rows += rows(5, 8)
    polled(run, parsed)
    assert parsed.column("step").tolist() == [*range(10), 5, 6, 7]


@pytest.mark.parametrize(
    ("state", "kind"),
    [("finished", "finished"), ("crashed", "error"), ("failed", "error"), ("killed", "error")],
)
def test_the_end_is_reported_once_and_after_the_rows(state, kind):
    fake = FakeRun(rows(0, 3))
    run = OnlineRun(URL, lambda: fake)
    parsed = polled(run)
    fake.state, fake.rows = state, rows(0, 5)
    polled(run, parsed)
    polled(run, parsed)
    (end,) = [event for event in parsed.events if "state" in event.data]
    assert (end.kind, end.data) == (kind, {"state": state})
    assert end.offset > parsed.column("offset").max()
    assert run.ended


def test_facts_and_system_metrics_are_reported_when_they_change():
    fake = FakeRun(rows(0, 1))
    run = OnlineRun(URL, lambda: fake)
    parsed = polled(run)
    fake.config = {"lr": 0.2}
    fake.system_metrics = {"system.gpu.0.gpu": 50, "_timestamp": 1.7e9, "system.word": "x"}
    polled(run, parsed)
    polled(run, parsed)
    reported = [event.data for event in parsed.events]
    assert reported[0]["name"] == "named"
    assert reported[1:] == [{"config.lr": "0.2"}]
    assert parsed.column("gpu/0/util", "system").tolist() == [0.5]


def test_a_poller_says_what_is_wrong_and_continues():
    fake = FakeRun(rows(0, 3))
    fake.failures = [ConnectionError("no\nroute"), TimeoutError("429 Too Many Requests")]
    poller = Poller(OnlineRun(URL, lambda: fake), every=0.01, longest=0.05)
    parsed, problems = Parsed(), []
    fake.rows += rows(3, 4)
    try:
        while len(problems) < 2 or len(parsed.column("step")) < 4:
            found = poller.take(20.0)
            assert found
            problems += [update.problem for update in found if update.problem]
            for update in found:
                if update.batch:
                    parsed.add(update.batch)
                assert not update.fatal
    finally:
        poller.close()
    assert problems[0].startswith("W&B: no; next try")
    assert "429" in problems[1]
    assert parsed.column("step").tolist() == [0, 1, 2, 3]


class AuthenticationError(Exception):
    """Named as the package's: it is raised for a server that cannot be reached, too."""


class UsageError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "fatal"),
    [
        (UsageError("No API key configured."), True),
        (AuthenticationError("Failed to verify credentials: invalid credentials: no account"), True),
        (AuthenticationError("Failed to verify credentials: the service process is busy"), False),
        (ValueError("Could not find run <Run a/b/c (not found)>"), True),
        (ConnectionError("refused"), False),
    ],
)
def test_only_what_no_waiting_helps_is_an_end(error, fatal):
    def refuse():
        raise error

    poller = Poller(OnlineRun(URL, refuse), every=60)
    (update,) = poller.take(20.0)
    poller.close()
    assert update.fatal == fatal
    assert ("wandb login" in update.problem) == (fatal and not isinstance(error, ValueError))


def test_delays_double_up_to_a_limit():
    for failures in range(1, 40):
        assert 0.75 * min(300, 15 * 2**failures) <= delay(failures, 15, 300) <= 300


@pytest.mark.parametrize("url", ["wandb://a/b", "wandb://", "wandb://a/b/c/d", "http://a/b/c"])
def test_addresses_that_are_none(url):
    with pytest.raises(SourceError, match="wandb://entity/project/run"):
        OnlineRun(url)


def test_addresses():
    assert run_path("wandb://a/b/c") == run_path("wandb://a/b/runs/c") == "a/b/c"


# -- the unmodified package against a stand-in of the server -----------------------------------------


@pytest.fixture
def server(monkeypatch, tmp_path):
    pytest.importorskip("wandb", reason="wandb is an extra")
    server = Server()
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "WANDB_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    yield server
    server.close()
    import wandb

    wandb.teardown()


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore")
def test_the_package_against_a_server(server):
    server.rows = [{"_step": i, "train/loss": 0.1 * i + 0.05, "_timestamp": 1.7e9 + i} for i in range(1200)]
    server.rows[5]["train/loss"] = math.nan
    run = OnlineRun("wandb://team/proj/abc")
    parsed = polled(run)
    server.rows.append({"_step": 1200, "train/loss": math.inf, "eval/loss": 2.5})
    server.refusals = [(429, {"Retry-After": "1"})]
    server.state = "finished"
    del server.asked[:]
    polled(run, parsed)
    wanted = [row["train/loss"] for row in server.rows]
    assert np.array_equal(parsed.column("train/loss"), wanted, equal_nan=True)
    assert parsed.column("val/loss").tolist() == [2.5]
    assert server.asked.count("HistoryPage") == 1  # the new step alone
    assert [event.kind for event in parsed.events] == ["facts", "finished"]
    assert os.environ["WANDB_BASE_URL"] == server.url


ENDS_SLOWLY = """
import atexit, sys, time, types
from runwatch.watcher.sources import wandb_online
wandb_online.LINGER, wandb_online.available = 0.05, lambda: None
sys.modules["wandb"] = types.SimpleNamespace(Api=lambda timeout: atexit.register(int))
wandb_online._connect()
wandb_online._end_service_at_exit()

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.5)

slow = Slow()
"""


def test_the_limit_of_the_service_does_not_end_us():
    done = subprocess.run([sys.executable, "-c", ENDS_SLOWLY], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
